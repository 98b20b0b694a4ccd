/** Shapes of a convolution: padding, output size, and what must hold between input, filter and options. Imports util and layout. */
import { padChannels } from '../graph/layout.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, type Shape, show } from '../util/shape.ts';

export type Pair = readonly [number, number];

/** Zeros around an image: the same everywhere, [vertical, horizontal], [top, left, bottom, right], or by rule. */
export type Padding = number | Pair | readonly [number, number, number, number] | 'same' | 'valid';

/** Options of a convolution as they stand in a node's attributes. */
export type ConvAttrs = {
  readonly stride: number | Pair;
  readonly padding: Padding;
  readonly dilation: number | Pair;
  readonly groups: number;
};

/** A window that slides over an image, all in [vertical, horizontal]. */
export interface Window {
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
}

/** All numbers of a convolution. `is`, `cs` and `os` are channels in memory, padding included. */
export interface ConvGeometry {
  readonly n: number;
  readonly h: number;
  readonly w: number;
  readonly c: number;
  readonly cs: number;
  readonly oh: number;
  readonly ow: number;
  readonly o: number;
  readonly os: number;
  /** Input channels of a group. */
  readonly i: number;
  readonly is: number;
  readonly kh: number;
  readonly kw: number;
  readonly sy: number;
  readonly sx: number;
  readonly dy: number;
  readonly dx: number;
  readonly padding: readonly [number, number, number, number];
  readonly groups: number;
}

export const asPair = (value: number | Pair): Pair => (typeof value === 'number' ? [value, value] : value);

/** Padding as [top, left, bottom, right]. 'same' makes the output ceil(input / stride) large; an odd row goes to the bottom, an odd column to the right. */
export function resolvePadding(padding: Padding, input: Pair, window: Window): [number, number, number, number] {
  if (padding === 'valid') return [0, 0, 0, 0];
  if (padding === 'same') {
    const total = ([0, 1] as const).map((axis) => {
      const { kernel, stride, dilation } = window;
      const covered = (ceilDiv(input[axis], stride[axis]) - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1;
      return Math.max(0, covered - input[axis]);
    }) as [number, number];
    const [top, left] = [total[0] >> 1, total[1] >> 1];
    return [top, left, total[0] - top, total[1] - left];
  }
  if (typeof padding === 'number') return [padding, padding, padding, padding];
  const [top, left, bottom = top, right = left] = padding;
  return [top, left, bottom, right];
}

/** Output [height, width] of a window over an image; below 1 where the window is larger than the padded image. */
export function convOutputSize(
  input: Pair,
  window: Window,
  padding: readonly [number, number, number, number],
): [number, number] {
  const size = (axis: 0 | 1): number => {
    const room =
      input[axis] + padding[axis] + padding[axis + 2]! - window.dilation[axis] * (window.kernel[axis] - 1) - 1;
    return Math.floor(room / window.stride[axis]) + 1;
  };
  return [size(0), size(1)];
}

interface Checked {
  readonly at: string;
  /** The shapes, for the message. */
  readonly shapes: string;
}

function fail({ at, shapes }: Checked, wrong: string, fix: string): never {
  throw new ShapeError(`${at}: ${wrong} (${shapes}). ${fix}`);
}

/** All whole numbers, none below `least`. */
function checkWhole(values: readonly number[], least: number, { name, ...where }: Checked & { name: string }): void {
  if (values.every((value) => Number.isInteger(value) && value >= least)) return;
  fail(where, `${name} is ${show(values)}`, `Use whole numbers of at least ${least}.`);
}

function checkOptions({ stride, padding, dilation, groups }: ConvAttrs, where: Checked): void {
  checkWhole(asPair(stride), 1, { name: 'stride', ...where });
  checkWhole(asPair(dilation), 1, { name: 'dilation', ...where });
  checkWhole([groups], 1, { name: 'groups', ...where });
  for (const [name, pair, lengths] of [
    ['stride', stride, [2]],
    ['dilation', dilation, [2]],
    ['padding', padding, [2, 4]],
  ] as const) {
    if (typeof pair !== 'object' || lengths.some((length) => length === pair.length)) continue;
    fail(where, `${name} has ${(pair as readonly number[]).length} numbers`, `Use ${lengths.join(' or ')} numbers.`);
  }
  if (typeof padding === 'string') {
    if (padding !== 'same' && padding !== 'valid')
      fail(where, `padding is '${String(padding)}'`, `Use a number, 2 or 4 numbers, 'same' or 'valid'.`);
  } else checkWhole(typeof padding === 'number' ? [padding] : padding, 0, { name: 'padding', ...where });
}

function checkChannels(c: number, { weight, groups }: { weight: Shape; groups: number }, where: Checked): void {
  const [o, i] = weight as readonly [number, number];
  for (const [name, count] of [
    ['input', c],
    ['output', o],
  ] as const) {
    if (count % groups !== 0)
      fail(where, `${groups} groups do not divide ${count} ${name} channels`, `Use a divisor of ${count}.`);
  }
  if (c !== i * groups) {
    const takes = groups === 1 ? `the filter takes ${i}` : `${groups} groups of the filter take ${i} each`;
    fail(where, `input has ${c} channels, ${takes}`, `Set the layer's input channels to ${c}.`);
  }
}

/** The numbers of a convolution of x [n, c, h, w] with weight [out, in/groups, kh, kw]. Throws ShapeError where they do not fit. */
export function convGeometry(x: Shape, { weight, ...attrs }: ConvAttrs & { weight: Shape }, at: string): ConvGeometry {
  const where = { at, shapes: `input ${show(x)}, weight ${show(weight)}` };
  if (x.length !== 4) fail(where, `input has rank ${x.length}, not 4`, 'Pass [n, channels, height, width].');
  if (weight.length !== 4) fail(where, `weight has rank ${weight.length}, not 4`, 'Pass [out, in / groups, kh, kw].');
  const [n, c, h, w] = x as readonly [number, number, number, number];
  const [o, i, kh, kw] = weight as readonly [number, number, number, number];
  checkWhole([o, i, kh, kw], 1, { name: 'weight', ...where });
  checkOptions(attrs, where);
  checkChannels(c, { weight, groups: attrs.groups }, where);
  const window = { kernel: [kh, kw] as const, stride: asPair(attrs.stride), dilation: asPair(attrs.dilation) };
  const padding = resolvePadding(attrs.padding, [h, w], window);
  const [oh, ow] = convOutputSize([h, w], window, padding);
  const [sy, sx] = window.stride;
  const [dy, dx] = window.dilation;
  if (oh < 1 || ow < 1) {
    const [top, left, bottom, right] = padding;
    const filter = `${dy * (kh - 1) + 1}x${dx * (kw - 1) + 1}`;
    const image = `${h + top + bottom}x${w + left + right}`;
    fail(
      where,
      `the filter covers ${filter} pixels, the padded input has ${image}`,
      'Pad more or use a smaller filter.',
    );
  }
  const sizes = { n, h, w, c, oh, ow, o, i, kh, kw, sy, sx, dy, dx, padding, groups: attrs.groups };
  return { ...sizes, cs: padChannels(c), os: padChannels(o), is: padChannels(i) };
}
