/** One window, step by step: what lies in it, products, sum, bias, activation. In double precision. Pure; imports geometry. */
import { type Axes, startOf, type Where, whereOf } from './geometry.ts';
import type { Image } from './image.ts';
import type { Activation, Operation } from './settings.ts';

/** All that an output depends on. */
export interface Problem {
  readonly operation: Operation;
  readonly image: Image;
  readonly axes: Axes;
  /** Row by row; of convolutions. */
  readonly kernel: Float32Array<ArrayBuffer>;
  readonly bias: number;
  readonly activation: Activation;
  readonly countPadding: boolean;
}

export interface Place {
  readonly row: number;
  readonly column: number;
}

export interface Tap {
  /** Counted from the first of the image. */
  readonly row: number;
  readonly column: number;
  readonly where: Where;
  /** 0 around the image; nothing at all (-Infinity) where the largest wins. */
  readonly value: number;
}

export interface Step {
  readonly taps: readonly Tap[];
  /** Of convolutions, for each tap. */
  readonly products: readonly number[];
  readonly sum: number;
  /** Of average pools. */
  readonly divisor: number;
  /** Of max pools: the first of the largest taps. */
  readonly winner: number;
  /** The sum with the bias, the average or the largest. */
  readonly before: number;
  /** After the activation. */
  readonly result: number;
  /** The size of the numbers that were added, which rounding goes by. */
  readonly scale: number;
}

const ACTIVATE: { readonly [name in Activation]: (x: number) => number } = {
  none: (x) => x,
  relu: (x) => Math.max(0, x),
  sigmoid: (x) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
};

const total = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

export function tapsOf({ operation, image, axes }: Problem, place: Place): Tap[] {
  const { rows, columns } = axes;
  const [top, left] = [startOf(rows, place.row), startOf(columns, place.column)];
  return Array.from({ length: rows.kernel * columns.kernel }, (_, i) => {
    const [row, column] = [top + Math.floor(i / columns.kernel), left + (i % columns.kernel)];
    const edges = [whereOf(rows, row), whereOf(columns, column)];
    const where = edges.includes('beyond') ? 'beyond' : edges.includes('padding') ? 'padding' : 'image';
    const outside = operation === 'max' ? Number.NEGATIVE_INFINITY : 0;
    return { row, column, where, value: where === 'image' ? image.data[row * image.columns + column]! : outside };
  });
}

export function stepOf(problem: Problem, place: Place): Step {
  const { operation, kernel, bias, activation, countPadding } = problem;
  const taps = tapsOf(problem, place);
  const values = taps.map(({ value }) => value);
  const products = operation === 'conv' ? values.map((v, i) => v * kernel[i]!) : [];
  const sum = total(operation === 'conv' ? products : values);
  const divisor = taps.filter(({ where }) => where === 'image' || (countPadding && where === 'padding')).length;
  const most = Math.max(...values);
  const before = operation === 'conv' ? sum + bias : operation === 'avg' ? sum / divisor : most;
  const added = operation === 'conv' ? [...products, bias] : values.filter(Number.isFinite);
  return {
    taps,
    products,
    sum,
    divisor,
    winner: values.indexOf(most),
    before,
    result: operation === 'conv' ? ACTIVATE[activation](before) : before,
    scale: total(added.map(Math.abs)),
  };
}

/** Whether two results differ by no more than rounding to 32 bits makes them. */
export const agrees = ({ result, scale }: Step, other: number): boolean =>
  Math.abs(result - other) <= 1e-5 * Math.max(1, scale);
