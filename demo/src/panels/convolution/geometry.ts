/** How many windows fit on an axis, which pixels they reach, and the formula with its numbers. Pure; imports settings. */
import { counted } from '../../ui/format.ts';
import { type Frame, frameOf, type Settings } from './settings.ts';

export interface Axis {
  /** Pixels of the image. */
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  /** Padding on either end. */
  readonly before: number;
  readonly after: number;
  readonly roundUp: boolean;
  readonly outputs: number;
}

export function axisOf({ size, kernel, stride, before, after, roundUp }: Omit<Axis, 'outputs'>): Axis {
  const steps = (size - kernel + before + after) / stride;
  const rounded = (roundUp ? Math.ceil(steps) : Math.floor(steps)) + 1;
  // A window that would begin behind the image is left out, as in PyTorch.
  const outputs = roundUp && (rounded - 1) * stride >= size + before ? rounded - 1 : rounded;
  return { size, kernel, stride, before, after, roundUp, outputs };
}

export interface Axes {
  readonly rows: Axis;
  readonly columns: Axis;
}

const frameAxis = (size: number, [before, after]: readonly [number, number], frame: Frame & { roundUp: boolean }) =>
  axisOf({ size, kernel: frame.kernel, stride: frame.stride, before, after, roundUp: frame.roundUp });

export function axesOf(settings: Settings, image: { readonly rows: number; readonly columns: number }): Axes {
  const frame = frameOf(settings);
  const [top, left, bottom, right] = frame.padding;
  const how = { ...frame, roundUp: settings.operation !== 'conv' && settings.roundUp };
  return { rows: frameAxis(image.rows, [top, bottom], how), columns: frameAxis(image.columns, [left, right], how) };
}

/** Where the last window ends, counted from the first cell of padding. */
const lastEnd = ({ outputs, stride, kernel }: Axis): number => (outputs - 1) * stride + kernel;

/** Cells from the first of the padding to the last that there is or that a window hangs over. */
export const extentOf = (axis: Axis): number => Math.max(axis.before + axis.size + axis.after, lastEnd(axis));

/** The first cell of a window, counted from the first of the image: negative in the padding. */
export const startOf = ({ stride, before }: Axis, output: number): number => output * stride - before;

export type Where = 'image' | 'padding' | 'beyond';

/** What a cell is, counted from the first of the image. */
export function whereOf({ size, before, after }: Axis, cell: number): Where {
  if (cell >= 0 && cell < size) return 'image';
  return cell >= -before && cell < size + after ? 'padding' : 'beyond';
}

/** Whether any window reaches a cell. */
export function isReached(axis: Axis, cell: number): boolean {
  const at = cell + axis.before;
  return at < lastEnd(axis) && at % axis.stride < axis.kernel;
}

/** The window whose middle is nearest to a cell. */
export function nearestOutput(axis: Axis, cell: number): number {
  const output = Math.round((cell + axis.before - (axis.kernel - 1) / 2) / axis.stride);
  return Math.min(axis.outputs - 1, Math.max(0, output));
}

/** N as it is worked out. */
export interface Working {
  /** '(28 − 3 + 2 · 1) / 1 + 1' */
  readonly formula: string;
  /** Where that is not whole: '14.5, rounded down'. */
  readonly rounding: string | null;
  readonly outputs: number;
  /** What is left over, skipped, or hangs over the edge. */
  readonly notes: readonly string[];
}

function leftOver(axis: Axis, name: string): string | null {
  const left = axis.before + axis.size + axis.after - lastEnd(axis);
  if (left <= 0) return null;
  const padding = Math.min(left, axis.after);
  const image = left - padding;
  const of =
    padding === 0 ? 'of the image' : image === 0 ? 'of padding' : `(${image} of the image, ${padding} of padding)`;
  return `The last ${left === 1 ? name : counted(left, name)} ${of} ${left === 1 ? 'is' : 'are'} left over: no window reaches ${left === 1 ? 'it' : 'them'}.`;
}

function notesOf(axis: Axis, name: string): string[] {
  const { size, before, after, kernel, stride, outputs, roundUp } = axis;
  const notes: string[] = [];
  const left = leftOver(axis, name);
  if (left) notes.push(left);
  const over = lastEnd(axis) - (before + size + after);
  if (over > 0) notes.push(`The last window hangs over the edge by ${counted(over, name)}.`);
  if (roundUp && left) notes.push('One more window would begin behind the image: it is left out.');
  const skipped = stride - kernel;
  if (skipped > 0 && outputs > 1)
    notes.push(`S > F: ${counted(skipped, name)} between windows ${skipped === 1 ? 'is' : 'are'} skipped.`);
  return notes;
}

/** `name`: 'row' or 'column'. */
export function workingOf(axis: Axis, name: string): Working {
  const { size, kernel, stride, before, after, roundUp, outputs } = axis;
  const padding = before === after ? (before === 0 ? '' : ` + 2 · ${before}`) : ` + ${before} + ${after}`;
  const exact = (size - kernel + before + after) / stride + 1;
  const rounding = Number.isInteger(exact) ? null : `${Number(exact.toFixed(2))}, rounded ${roundUp ? 'up' : 'down'}`;
  return { formula: `(${size} − ${kernel}${padding}) / ${stride} + 1`, rounding, outputs, notes: notesOf(axis, name) };
}

/** The general formula, as far as padding makes a difference. */
export function generalFormula({ rows, columns }: Axes): string {
  const alike = [rows, columns].every(({ before, after }) => before === after);
  return alike ? 'N = (W − F + 2P) / S + 1' : 'N = (W − F + P before + P after) / S + 1';
}
