/**
 * Convolutions of 1 x 1 filters: nhwc pixels by channels and hwio channels by channels are matrices as they lie, padding
 * included, so the kernels of matmul do. Imports graph, util, conv2d-shared, matmul-kernels.
 */
import type { Variant } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import type { ForwardValues, InputValues, WeightValues } from './conv2d-shared.ts';
import { matmulVariants } from './matmul-kernels.ts';
import type { Problem } from './matmul-problem.ts';

type On<V> = V & { readonly caps: DeviceCaps };

export const isPointwise = ({ kh, kw, sy, sx, padding, groups, cs, os }: ConvGeometry): boolean =>
  kh * kw * sy * sx === 1 && groups === 1 && padding.every((side) => side === 0) && cs % 4 === 0 && os % 4 === 0;

/** The best kernel of the product that is made of tiles. */
function best(problem: Omit<Problem, 'batches' | 'batchAxes'>, caps: DeviceCaps): Variant[] {
  const tile = matmulVariants({ ...problem, batches: 1, batchAxes: [] }, caps).find(({ id }) => id !== 'direct');
  return tile ? [{ ...tile, id: `pointwise-${tile.id}` }] : [];
}

const pixels = ({ n, h, w }: ConvGeometry): number => n * h * w;

/** matmul reads a bias for every column in memory: there must be no padding. */
const biasFits = (bias: unknown, { channels, padded }: { channels: number; padded: number }): boolean =>
  bias === null || channels === padded;

export function forwardPointwise(
  g: ConvGeometry,
  { x, weight, bias, y, epilogue, caps }: On<ForwardValues>,
): Variant[] {
  if (!biasFits(bias, { channels: g.o, padded: g.os }) || epilogue?.channels) return [];
  const sizes = { m: pixels(g), n: g.os, k: g.cs, transposeA: false, transposeB: false };
  return best({ ...sizes, a: x, b: weight, bias: bias ?? undefined, sums: undefined, y, epilogue }, caps);
}

export function inputPointwise(g: ConvGeometry, { dy, weight, bias, dx, epilogue, caps }: On<InputValues>): Variant[] {
  if (!biasFits(bias, { channels: g.c, padded: g.cs }) || epilogue?.channels) return [];
  const sizes = { m: pixels(g), n: g.cs, k: g.os, transposeA: false, transposeB: true };
  return best({ ...sizes, a: dy, b: weight, bias: bias ?? undefined, sums: undefined, y: dx, epilogue }, caps);
}

export function weightPointwise(g: ConvGeometry, { x, dy, dweight, dbias, caps }: On<WeightValues>): Variant[] {
  const sizes = { m: g.cs, n: g.os, k: pixels(g), transposeA: true, transposeB: false };
  const sums = dbias ? ({ of: 'b', to: dbias } as const) : undefined;
  return best({ ...sizes, a: x, b: dy, bias: undefined, sums, y: dweight, epilogue: null }, caps);
}
