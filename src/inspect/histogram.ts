/** The bins of a histogram. Imports util. */
import { ArgumentError } from '../util/errors.ts';

export interface HistogramOptions {
  /** Default 64, 1,024 at most. */
  readonly bins?: number;
  /** From where to where; a single number r means [-r, r]. What lies outside is counted as below or above. */
  readonly range?: number | readonly [number, number];
  /**
   * 'linear': bins of equal width. 'symlog': of equal width in sign(v) * ln(1 + |v| / threshold), so that tiny and large
   * values of both signs are told apart.
   */
  readonly scale?: 'linear' | 'symlog';
  /** Of 'symlog': where it goes over from linear to logarithmic. */
  readonly threshold?: number;
}

export interface Histogram {
  /** Edges of the bins, one more than there are bins: bin b holds edges[b] <= v < edges[b + 1], the last one also its end. */
  readonly edges: Float32Array<ArrayBuffer>;
  readonly counts: Uint32Array<ArrayBuffer>;
  readonly below: number;
  readonly above: number;
}

/** Bins as the GPU finds them: `edges` decide, the rest is for a first guess. */
export interface Bins {
  readonly edges: Float32Array<ArrayBuffer>;
  readonly symlog: boolean;
  readonly threshold: number;
  /** The first edge on the scale of the bins, and bins to a unit of it. */
  readonly from: number;
  readonly perUnit: number;
}

/** Edges as float32. Throws ArgumentError for a range that is none. */
export function binsOf(
  { bins = 64, range = 1, scale = 'linear', threshold = 1e-3 }: HistogramOptions,
  at: string,
): Bins {
  const [low, high] = typeof range === 'number' ? [-range, range] : range;
  if (!Number.isInteger(bins) || bins < 1 || bins > 1024)
    throw new ArgumentError(`${at}: ${bins} bins. Pass a whole number from 1 to 1024.`);
  if (!(low < high) || !Number.isFinite(high - low))
    throw new ArgumentError(`${at}: the range is ${low} to ${high}. Pass two finite numbers, the smaller one first.`);
  if (!(threshold > 0)) throw new ArgumentError(`${at}: threshold is ${threshold}. Pass a number above 0.`);
  const symlog = scale === 'symlog';
  const forward = (v: number): number => (symlog ? Math.sign(v) * Math.log1p(Math.abs(v) / threshold) : v);
  const backward = (t: number): number => (symlog ? Math.sign(t) * threshold * Math.expm1(Math.abs(t)) : t);
  const [from, to] = [forward(low), forward(high)];
  const edges = Float32Array.from({ length: bins + 1 }, (_, i) => backward(from + ((to - from) * i) / bins));
  edges[0] = low;
  edges[bins] = high;
  return { edges, symlog, threshold, from, perUnit: bins / (to - from) };
}
