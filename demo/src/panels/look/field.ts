/** What feeds a unit: windows on the maps before, and the receptive field on the digit. Pure; imports rows. */
import { imagesOf, isImages, type LookRow } from './rows.ts';

/** Pixels y0..y1 and x0..x1 of maps, ends not included; may hang over the edge into padding. */
export interface Region {
  readonly y0: number;
  readonly x0: number;
  readonly y1: number;
  readonly x1: number;
}

/** A unit somebody points at: a map or a cell of a row, and a pixel of the map. */
export interface Chosen {
  readonly row: number;
  readonly unit: number;
  readonly pixel: readonly [y: number, x: number] | null;
}

/** A part of the row before that feeds the chosen unit: all of a map, or a region of it. */
export interface Feed {
  readonly unit: number;
  readonly region: Region | null;
}

const whole = (shape: readonly number[]): Region => {
  const [, h, w] = imagesOf(shape);
  return { y0: 0, x0: 0, y1: h, x1: w };
};

/** The region of a layer's input that a region of its output is computed from. */
export function regionBefore({ kind, window, from }: LookRow, { y0, x0, y1, x1 }: Region): Region {
  if (kind === 'linear') return whole(from.shape);
  if (!window) return { y0, x0, y1, x1 };
  const { kernel, stride, padding } = window;
  const first = (n: number): number => n * stride - padding;
  const end = (n: number): number => (n - 1) * stride - padding + kernel;
  return { y0: first(y0), x0: first(x0), y1: end(y1), x1: end(x1) };
}

/** The part of the digit that a pixel, a map or a unit depends on: every weight and input there has a say in its value. */
export function receptiveField(rows: readonly LookRow[], { row, pixel }: Chosen): Region {
  const { shape } = rows[row]!;
  let region: Region = pixel ? { y0: pixel[0], x0: pixel[1], y1: pixel[0] + 1, x1: pixel[1] + 1 } : whole(shape);
  for (let at = rows[row]; at; at = at.from.row === null ? undefined : rows[at.from.row])
    region = regionBefore(at, region);
  return region;
}

/** An input of a unit of a fully connected layer, with what it adds to the sum. */
export interface Contribution {
  readonly input: number;
  readonly value: number;
  readonly weight: number;
  readonly product: number;
}

/** The inputs whose products with their weights are largest, either way. */
export function strongest(values: Float32Array, weights: Float32Array, most: number): Contribution[] {
  const all = Array.from(values, (value, input): Contribution => {
    const weight = weights[input]!;
    return { input, value, weight, product: value * weight };
  });
  return all
    .filter(({ product }) => product !== 0)
    .sort((a, b) => Math.abs(b.product) - Math.abs(a.product))
    .slice(0, most);
}

/** A number of a flattened layer as map and pixel. */
export function placeOf(input: number, shape: readonly number[]): { unit: number; pixel: [number, number] | null } {
  if (!isImages(shape)) return { unit: input, pixel: null };
  const [, h, w] = imagesOf(shape);
  const rest = input % (h * w);
  return { unit: Math.floor(input / (h * w)), pixel: [Math.floor(rest / w), rest % w] };
}

/** The parts of the row before that feed a unit; for a fully connected layer those named as the strongest. */
export function feedsOf(rows: readonly LookRow[], chosen: Chosen, best: readonly Contribution[] = []): Feed[] {
  const row = rows[chosen.row]!;
  const { pixel, unit } = chosen;
  if (row.kind === 'linear')
    return best.map(({ input }) => {
      const place = placeOf(input, row.from.shape);
      const [y, x] = place.pixel ?? [0, 0];
      return { unit: place.unit, region: place.pixel && { y0: y, x0: x, y1: y + 1, x1: x + 1 } };
    });
  const region = pixel && regionBefore(row, { y0: pixel[0], x0: pixel[1], y1: pixel[0] + 1, x1: pixel[1] + 1 });
  if (row.kind !== 'conv') return [{ unit, region }];
  return Array.from({ length: row.from.shape[0]! }, (_, channel) => ({ unit: channel, region }));
}

/** The part of a region that lies on a map of this size; null where none does. */
export function clip({ y0, x0, y1, x1 }: Region, [height, width]: readonly [number, number]): Region | null {
  const clipped = { y0: Math.max(0, y0), x0: Math.max(0, x0), y1: Math.min(height, y1), x1: Math.min(width, x1) };
  return clipped.y0 < clipped.y1 && clipped.x0 < clipped.x1 ? clipped : null;
}
