/** What is told about a unit in numbers. Pure; imports field, rows. */
import { type Chosen, type Contribution, placeOf, strongest } from './field.ts';
import type { Pick } from './renderer.ts';
import { isImages, type LookRow } from './rows.ts';

export interface UnitNumbers {
  /** Of the unit's map, or its only value. */
  readonly largest: number;
  readonly smallest: number;
  readonly mean: number;
  /** Share of values above zero. */
  readonly above: number;
  /** At the pixel that was pointed at. */
  readonly at: number | null;
  readonly bias: number | null;
  /** Of fully connected layers. */
  readonly best: readonly Contribution[];
}

const MOST_INPUTS = 8;

/** The parts of tensors that the numbers of a unit are made of. */
export function picksOf(row: LookRow, unit: number): Pick[] {
  const own: Pick = { tensor: row.name, at: [0, unit] };
  if (row.kind !== 'conv' && row.kind !== 'linear') return [own];
  const bias: Pick = { tensor: `${row.name}.bias`, at: [unit] };
  if (row.kind === 'conv') return [own, bias];
  return [own, bias, { tensor: row.from.name, at: [0] }, { tensor: row.weight!, at: [unit] }];
}

/** Numbers from those parts. */
export function numbersOf(
  row: LookRow,
  { pixel }: { readonly pixel: Chosen['pixel'] },
  [values = new Float32Array(1), bias, inputs, weights]: readonly Float32Array[],
): UnitNumbers {
  const width = row.shape[2] ?? 1;
  return {
    largest: values.reduce((a, b) => Math.max(a, b)),
    smallest: values.reduce((a, b) => Math.min(a, b)),
    mean: values.reduce((a, b) => a + b, 0) / values.length,
    above: values.filter((v) => v > 0).length / values.length,
    at: pixel ? (values[pixel[0] * width + pixel[1]] ?? null) : null,
    bias: bias?.[0] ?? null,
    best: inputs && weights ? strongest(inputs, weights, MOST_INPUTS) : [],
  };
}

/** An input of a fully connected layer in words: `pool2 map 3 (1, 4)`, row and column from 1. */
export function inputName({ from }: LookRow, input: number): string {
  const { unit, pixel } = placeOf(input, from.shape);
  if (!isImages(from.shape)) return `${from.name} unit ${unit + 1}`;
  const map = from.row === null ? 'digit' : `${from.name} map ${unit + 1}`;
  const single = from.shape[1] === 1 && from.shape[2] === 1;
  return single || !pixel ? map : `${map} (${pixel[0] + 1}, ${pixel[1] + 1})`;
}
