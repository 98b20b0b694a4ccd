/** Arithmetic of shapes: sizes, strides, broadcasting. Imports only errors. */
import { ShapeError } from './errors.ts';

export type Shape = readonly number[];

/** Number of elements of a shape; 1 for a scalar `[]`. */
export const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** Smallest integer that is not below a / b. */
export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** `a` rounded up to a multiple of `unit`. */
export const roundUp = (a: number, unit: number): number => Math.ceil(a / unit) * unit;

/** Row-major strides, in elements. */
export function rowMajorStrides(shape: Shape): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((size, i) => size === b[i]);

/** `[2,3]` as in an error message. */
export const show = (shape: Shape): string => `[${shape.join(',')}]`;

/** The common shape of two operands under NumPy's broadcasting rule. Throws ShapeError naming the axis. */
export function broadcastShapes(a: Shape, b: Shape, at: string): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const p = a[i - rank + a.length] ?? 1;
    const q = b[i - rank + b.length] ?? 1;
    if (p !== q && p !== 1 && q !== 1) {
      throw new ShapeError(
        `${at}: sizes ${p} and ${q} do not broadcast (shapes ${show(a)} and ${show(b)}, axis ${i - rank} from the end). ` +
          'Make them equal or one of them 1.',
      );
    }
    return p === 1 ? q : p;
  });
}

/** The axis as a number 0..rank-1; negative ones count from the end, as in PyTorch. */
export function normalizeAxis(axis: number, rank: number, at: string): number {
  const index = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || index < 0 || index >= Math.max(rank, 1)) {
    throw new ShapeError(`${at}: axis ${axis} is not an axis of a tensor of rank ${rank}. Use ${-rank}..${rank - 1}.`);
  }
  return index;
}
