/**
 * What one element of an op's result should be, in float64 from the inputs: what kernels are checked against before they are
 * timed. Slow and plain, since only some elements are looked at. Imports nothing.
 */

export type Data = { readonly [name: string]: ArrayLike<number> };

/** The element number `at` (row-major) of the result. */
export type Reference = (data: Data, at: number) => number;

/** A convolution of square images with square filters. */
export interface Convolution {
  readonly n: number;
  readonly c: number;
  readonly side: number;
  readonly o: number;
  readonly k: number;
  readonly stride: number;
  readonly padding: number;
  readonly groups: number;
}

export const outSide = ({ side, k, stride, padding }: Convolution): number =>
  Math.floor((side + 2 * padding - k) / stride) + 1;

/** Coordinates of a flat index, the last axis first to be counted. */
function unflat(at: number, ...extents: readonly number[]): number[] {
  const out: number[] = [];
  let rest = at;
  for (const extent of [...extents].reverse()) {
    out.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return out;
}

/** [x, w, b] -> y */
export function convForward(g: Convolution): Reference {
  const [os, inner, outer] = [outSide(g), g.c / g.groups, g.o / g.groups];
  return ({ x, w, b }, at) => {
    const [n, o, oy, ox] = unflat(at, g.n, g.o, os, os) as [number, number, number, number];
    const first = Math.floor(o / outer) * inner;
    let sum = b![o]!;
    for (let i = 0; i < inner; i++)
      for (let ky = 0; ky < g.k; ky++)
        for (let kx = 0; kx < g.k; kx++) {
          const [y, px] = [oy * g.stride + ky - g.padding, ox * g.stride + kx - g.padding];
          if (y < 0 || px < 0 || y >= g.side || px >= g.side) continue;
          sum += x![((n * g.c + first + i) * g.side + y) * g.side + px]! * w![((o * inner + i) * g.k + ky) * g.k + kx]!;
        }
    return sum;
  };
}

/** [dy, w] -> dx */
export function convInput(g: Convolution): Reference {
  const [os, inner, outer] = [outSide(g), g.c / g.groups, g.o / g.groups];
  return ({ dy, w }, at) => {
    const [n, c, y, px] = unflat(at, g.n, g.c, g.side, g.side) as [number, number, number, number];
    const [group, i] = [Math.floor(c / inner), c % inner];
    let sum = 0;
    for (let o = group * outer; o < (group + 1) * outer; o++)
      for (let ky = 0; ky < g.k; ky++)
        for (let kx = 0; kx < g.k; kx++) {
          const [oy, ox] = [(y + g.padding - ky) / g.stride, (px + g.padding - kx) / g.stride];
          if (!Number.isInteger(oy) || !Number.isInteger(ox) || oy < 0 || ox < 0 || oy >= os || ox >= os) continue;
          sum += dy![((n * g.o + o) * os + oy) * os + ox]! * w![((o * inner + i) * g.k + ky) * g.k + kx]!;
        }
    return sum;
  };
}

/** [x, dy] -> dw */
export function convWeight(g: Convolution): Reference {
  const [os, inner, outer] = [outSide(g), g.c / g.groups, g.o / g.groups];
  return ({ x, dy }, at) => {
    const [o, i, ky, kx] = unflat(at, g.o, inner, g.k, g.k) as [number, number, number, number];
    const c = Math.floor(o / outer) * inner + i;
    let sum = 0;
    for (let n = 0; n < g.n; n++)
      for (let oy = 0; oy < os; oy++)
        for (let ox = 0; ox < os; ox++) {
          const [y, px] = [oy * g.stride + ky - g.padding, ox * g.stride + kx - g.padding];
          if (y < 0 || px < 0 || y >= g.side || px >= g.side) continue;
          sum += dy![((n * g.o + o) * os + oy) * os + ox]! * x![((n * g.c + c) * g.side + y) * g.side + px]!;
        }
    return sum;
  };
}

/** Sum over k of a(row, k) b(k, column), for a result of `columns` columns. */
export const product =
  (
    { k, columns }: { readonly k: number; readonly columns: number },
    a: (data: Data, row: number, k: number) => number,
    b: (data: Data, k: number, column: number) => number,
  ): Reference =>
  (data, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    let sum = data.b?.[column] ?? 0;
    for (let i = 0; i < k; i++) sum += a(data, row, i) * b(data, i, column);
    return sum;
  };

/** Windows of 2 x 2 that do not overlap, on planes of `side`: the elements of window `at`. */
export function window2(x: ArrayLike<number>, at: number, side: number): number[] {
  const half = side / 2;
  const [plane, row, column] = [Math.floor(at / (half * half)), Math.floor(at / half) % half, at % half];
  const first = (plane * side + 2 * row) * side + 2 * column;
  return [x[first]!, x[first + 1]!, x[first + side]!, x[first + side + 1]!];
}

/** Gradient of the maximum of such windows: the first of equal elements takes it. */
export const maxPoolBackward =
  (side: number): Reference =>
  ({ x, dy }, at) => {
    const half = side / 2;
    const [plane, row, column] = [Math.floor(at / (side * side)), Math.floor(at / side) % side, at % side];
    const window = (plane * half + (row >> 1)) * half + (column >> 1);
    const values = window2(x!, window, side);
    return values.indexOf(Math.max(...values)) === 2 * (row % 2) + (column % 2) ? dy![window]! : 0;
  };

interface Planes {
  readonly n: number;
  readonly c: number;
  readonly plane: number;
}

/** Mean over the batch and the plane of a channel. */
function channelMean({ n, c, plane }: Planes, channel: number, value: (at: number) => number): number {
  let sum = 0;
  for (let i = 0; i < n; i++) for (let p = 0; p < plane; p++) sum += value((i * c + channel) * plane + p);
  return sum / (n * plane);
}

/** Normalised by the statistics of the batch, weight w; y, or with dy the gradient of x. */
export const batchNorm =
  (size: Planes): Reference =>
  ({ x, w, b, dy }, at) => {
    const channel = Math.floor(at / size.plane) % size.c;
    const mean = channelMean(size, channel, (i) => x![i]!);
    const scale = 1 / Math.sqrt(channelMean(size, channel, (i) => (x![i]! - mean) ** 2) + 1e-5);
    const normal = (i: number): number => (x![i]! - mean) * scale;
    if (!dy) return normal(at) * w![channel]! + b![channel]!;
    const [first, second] = [
      channelMean(size, channel, (i) => dy[i]!),
      channelMean(size, channel, (i) => dy[i]! * normal(i)),
    ];
    return w![channel]! * scale * (dy[at]! - first - normal(at) * second);
  };

const rowOf = (x: ArrayLike<number>, row: number, columns: number): number[] =>
  Array.from({ length: columns }, (_, i) => x[row * columns + i]!);

export const layerNorm =
  (columns: number): Reference =>
  ({ x, w, b }, at) => {
    const row = rowOf(x!, Math.floor(at / columns), columns);
    const mean = row.reduce((sum, v) => sum + v, 0) / columns;
    const variance = row.reduce((sum, v) => sum + (v - mean) ** 2, 0) / columns;
    return ((x![at]! - mean) / Math.sqrt(variance + 1e-5)) * w![at % columns]! + b![at % columns]!;
  };

export const softmax =
  (columns: number): Reference =>
  ({ x }, at) => {
    const row = rowOf(x!, Math.floor(at / columns), columns);
    const largest = Math.max(...row);
    return Math.exp(x![at]! - largest) / row.reduce((sum, v) => sum + Math.exp(v - largest), 0);
  };

/** Mean over the rows of log sum exp minus the label's logit. */
export const crossEntropy =
  (columns: number): Reference =>
  ({ x, labels }) => {
    let sum = 0;
    for (let i = 0; i < labels!.length; i++) {
      const row = rowOf(x!, i, columns);
      const largest = Math.max(...row);
      sum += largest + Math.log(row.reduce((all, v) => all + Math.exp(v - largest), 0)) - row[labels![i]!]!;
    }
    return sum / labels!.length;
  };
