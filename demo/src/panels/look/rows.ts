/** The rows of the panel: what each layer of a network gives, what it takes it from, where its filters are. Pure; imports config. */
import { type LayerChoice, layersOf } from '../../engine/config.ts';
import type { ModelInfo } from '../../engine/protocol.ts';

/** How a window slides over the maps before. */
export interface Window {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
}

export interface LookRow {
  readonly index: number;
  /** Of the layer: `conv1`. */
  readonly name: string;
  readonly kind: 'conv' | 'pool' | 'norm' | 'activation' | 'linear';
  /** What it does, in words. */
  readonly title: string;
  /** [c, h, w] or [features]. */
  readonly shape: readonly number[];
  /** What it takes: the name and shape of the row before, or of the digit. */
  readonly from: { readonly name: string; readonly shape: readonly number[]; readonly row: number | null };
  /** Of convolutions and pools. */
  readonly window: Window | null;
  /** Full name of its filters. */
  readonly weight: string | null;
  /** The last one, whose units are the ten classes. */
  readonly output: boolean;
}

/** The digit, as a tensor that rows take. */
export const INPUT = { name: 'input', shape: [1, 28, 28], row: null } as const;

const ACTIVATION_TITLES: { readonly [type: string]: string } = {
  relu: 'ReLU',
  leakyRelu: 'Leaky ReLU',
  sigmoid: 'Sigmoid',
  tanh: 'Tanh',
  silu: 'SiLU',
  gelu: 'GELU',
};

/** 5 × 5, never broken into two lines. */
const square = (side: number): string => `${side}\u00a0×\u00a0${side}`;

function titleOf(choice: LayerChoice, type: string): string {
  switch (choice.type) {
    case 'conv':
      return `Convolution ${square(choice.kernel)}`;
    case 'pool':
      return `${choice.kind === 'max' ? 'Max' : 'Average'} pooling ${square(choice.size)}`;
    case 'norm':
      return 'Batch norm';
    case 'linear':
      return 'Fully connected';
    default:
      return ACTIVATION_TITLES[type] ?? type;
  }
}

function windowOf(choice: LayerChoice): Window | null {
  if (choice.type === 'conv') return choice;
  return choice.type === 'pool' ? { kernel: choice.size, stride: choice.stride, padding: 0 } : null;
}

/** Rows from first to last. Flatten and dropout have none: they change no number here. */
export function rowsOf({ config, layers }: Pick<ModelInfo, 'config' | 'layers'>): LookRow[] {
  const output: LayerChoice = { type: 'linear', out: 10 };
  const choices = [...layersOf(config), output];
  const rows: LookRow[] = [];
  let at = 0;
  for (const { name, type, shape } of layers) {
    if (type === 'flatten') continue;
    const choice = choices[at++]!;
    if (choice.type === 'dropout') continue;
    const before = rows.at(-1);
    const hasWeights = choice.type === 'conv' || choice.type === 'linear';
    rows.push({
      index: rows.length,
      name,
      kind: choice.type,
      title: titleOf(choice, type),
      shape,
      from: before ? { name: before.name, shape: before.shape, row: before.index } : INPUT,
      window: windowOf(choice),
      weight: hasWeights ? `${name}.weight` : null,
      output: choice === output,
    });
  }
  return rows;
}

/** Whether a shape is of images rather than of single numbers. */
export const isImages = (shape: readonly number[]): boolean => shape.length === 3;

/** [c, h, w] of any shape: features are maps of one pixel. */
export const imagesOf = ([c = 1, h = 1, w = 1]: readonly number[]): [number, number, number] => [c, h, w];

/** 'map 3 of 16', 'unit 3 of 120', 'class 3'. Units are counted from 1, classes are digits. */
export function unitName({ shape, output }: Pick<LookRow, 'shape' | 'output'>, unit: number): string {
  if (output) return `class ${unit}`;
  return `${isImages(shape) ? 'map' : 'unit'} ${unit + 1} of ${shape[0]}`;
}
