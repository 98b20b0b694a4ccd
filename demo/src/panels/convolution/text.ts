/** Numbers, names and sentences of the panel. Pure; imports settings, window. */
import { counted } from '../../ui/format.ts';
import type { Axes } from './geometry.ts';
import type { Activation, Operation, Preset } from './settings.ts';
import type { Place, Problem, Step } from './window.ts';

export const OPERATION_NAMES: { readonly [name in Operation]: string } = {
  conv: 'Convolution',
  max: 'Max pooling',
  avg: 'Average pooling',
};

export const ACTIVATION_NAMES: { readonly [name in Activation]: string } = {
  none: 'none',
  relu: 'ReLU',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
};

export const PRESET_NAMES: { readonly [name in Preset]: string } = {
  vertical: 'Vertical edges',
  horizontal: 'Horizontal edges',
  blur: 'Blur',
  sharpen: 'Sharpen',
  gabor: 'Gabor filter',
  identity: 'Identity',
  random: 'Random',
};

const signed = (text: string): string => (Number(text) === 0 ? text.replace('-', '') : text).replace('-', '−');

/** For a cell: so many decimals at most, fewer where the number is large. -0.5 -> −0.5; 0.001 -> 0.00; 0 -> 0. */
export function cellText(value: number, decimals: number): string {
  if (!Number.isFinite(value)) return value < 0 ? '−∞' : '∞';
  if (Number.isInteger(value) && Math.abs(value) < 10000) return signed(String(value));
  const size = Math.abs(value);
  if (size >= 10000) return signed(value.toExponential(0));
  const digits = Math.max(0, decimals - Math.max(0, Math.floor(Math.log10(size))));
  const text = value.toFixed(digits);
  return signed(Number(text) === 0 ? text : text.replace(/(\.\d*?)0+$/, '$1').replace(/\.$/, ''));
}

/** Four significant digits. */
export function numberText(value: number): string {
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 1e-3 || size >= 1e5) return signed(value.toExponential(2));
  return signed(
    value
      .toPrecision(4)
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, ''),
  );
}

/** What happens to the cells of a window that lie around the image; null where none does. */
export function outsideText({ operation, countPadding }: Problem, { taps, divisor }: Step): string | null {
  const padding = taps.filter(({ where }) => where === 'padding').length;
  const beyond = taps.filter(({ where }) => where === 'beyond').length;
  if (padding + beyond === 0) return null;
  if (operation === 'conv') return `${counted(padding, 'cell')} of padding: zeros, which add nothing to the sum.`;
  if (operation === 'max') return `${counted(padding + beyond, 'cell')} around the image: they never win.`;
  const [zeros, none] = padding === 1 ? ['counts as zero', 'does not count'] : ['count as zeros', 'do not count'];
  const parts = [];
  if (padding > 0) parts.push(`${counted(padding, 'cell')} of padding ${countPadding ? zeros : none}`);
  if (beyond > 0) parts.push(`${counted(beyond, 'cell')} over the edge never ${beyond === 1 ? 'counts' : 'count'}`);
  return `${parts.join('; ')}: divided by ${divisor}.`;
}

/** Rows and columns are counted from 1. */
export const placeText = ({ row, column }: Place): string => `row ${row + 1}, column ${column + 1}`;

export const sizeText = (rows: number, columns: number): string => `${rows} × ${columns}`;

export const outputSizeText = ({ rows, columns }: Axes): string => sizeText(rows.outputs, columns.outputs);
