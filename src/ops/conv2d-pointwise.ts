/**
 * Convolutions of 1 x 1 filters: nhwc pixels by channels and hwio channels by channels are matrices as they lie, padding
 * included, so the kernels of matmul do. Imports graph, util, conv2d-shared, matmul's kernels.
 */
import type { Variant } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { roundUp } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import type { ForwardValues, InputValues, WeightValues } from './conv2d-shared.ts';
import { matmulVariants } from './matmul-kernels.ts';
import type { Problem } from './matmul-problem.ts';
import { subgroupVariants } from './matmul-subgroup.ts';

type On<V> = V & { readonly caps: DeviceCaps };

export const isPointwise = ({ kh, kw, sy, sx, padding, groups, cs, os }: ConvGeometry): boolean =>
  kh * kw * sy * sx === 1 && groups === 1 && padding.every((side) => side === 0) && cs % 4 === 0 && os % 4 === 0;

/** The best kernel of the product that is made of tiles; only those of software adapters know the numbers of channels. */
function best(given: Omit<Problem, 'batches' | 'batchAxes'>, caps: DeviceCaps): Variant[] {
  const problem = { ...given, batches: 1, batchAxes: [] };
  const variants = given.epilogue?.channels ? subgroupVariants(problem, caps) : matmulVariants(problem, caps);
  const tile = variants.find(({ id }) => id !== 'direct');
  return tile ? [{ ...tile, id: `pointwise-${tile.id}` }] : [];
}

const pixels = ({ n, h, w }: ConvGeometry): number => n * h * w;

/** matmul reads a bias and other numbers of channels for every column in memory: there must be no padding. */
const columnsFit = (
  { bias, epilogue }: Pick<ForwardValues, 'bias' | 'epilogue'>,
  { channels, padded }: { channels: number; padded: number },
): boolean => (bias === null && !epilogue?.channels) || channels === padded;

/** Columns of the widest tile for software adapters, of which it wastes at most so much where the product is the faster kernel. */
const MOST_WASTE = 0.125;

/** Whether the product is faster than the convolution's own tiles, which are cut to the channels (measured on lavapipe). */
export function forwardProductWins({ os }: ConvGeometry, lanes: number): boolean {
  const width = 4 * lanes;
  return os === width / 2 || os === width / 4 || roundUp(os, width) <= (1 + MOST_WASTE) * os;
}

export function forwardPointwise(
  g: ConvGeometry,
  { x, weight, bias, y, epilogue, caps }: On<ForwardValues>,
): Variant[] {
  if (!columnsFit({ bias, epilogue }, { channels: g.o, padded: g.os })) return [];
  const sizes = { m: pixels(g), n: g.os, k: g.cs, transposeA: false, transposeB: false };
  return best({ ...sizes, a: x, b: weight, bias: bias ?? undefined, sums: undefined, y, epilogue }, caps);
}

export function inputPointwise(g: ConvGeometry, { dy, weight, bias, dx, epilogue, caps }: On<InputValues>): Variant[] {
  if (!columnsFit({ bias, epilogue }, { channels: g.c, padded: g.cs })) return [];
  const sizes = { m: pixels(g), n: g.cs, k: g.os, transposeA: false, transposeB: true };
  return best({ ...sizes, a: dy, b: weight, bias: bias ?? undefined, sums: undefined, y: dx, epilogue }, caps);
}

export function weightPointwise(g: ConvGeometry, { x, dy, dweight, dbias, caps }: On<WeightValues>): Variant[] {
  const sizes = { m: g.cs, n: g.os, k: pixels(g), transposeA: true, transposeB: false };
  const sums = dbias ? ({ of: 'b', to: dbias } as const) : undefined;
  return best({ ...sizes, a: x, b: dy, bias: undefined, sums, y: dweight, epilogue: null }, caps);
}
