/**
 * How kernels of channelNorm see the memory and cut it into parts: an nhwc tensor is [samples, rows, columns of four
 * channels]. Imports graph and util.
 */
import { padChannels } from '../graph/layout.ts';
import type { Kernel, PlanValue, Scratch } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ceilDiv, type Shape } from '../util/shape.ts';

/** Threads of a workgroup. */
export const SIZE = 64;

/** Whose mean and variance normalise: those of the batch, of each sample, or given ones of each channel. */
export type Statistics = 'batch' | 'sample' | 'running';

/** An nhwc tensor as [samples, rows, channels], channels in `groups` of `size` that share their statistics. */
export interface NormGeometry {
  readonly samples: number;
  readonly rows: number;
  readonly channels: number;
  readonly padded: number;
  readonly groups: number;
  readonly size: number;
  /** vec4s of channels, or the single channel. */
  readonly columns: number;
  readonly eps: number;
  readonly running: boolean;
}

export function normGeometry(
  shape: Shape,
  { statistics, groups, eps }: { readonly statistics: Statistics; readonly groups: number; readonly eps: number },
): NormGeometry {
  const [n, channels, h, w] = shape as [number, number, number, number];
  const padded = padChannels(channels);
  const samples = statistics === 'sample' ? n : 1;
  const rows = (n * h * w) / samples;
  const columns = padded === 1 ? 1 : padded / 4;
  const running = statistics === 'running';
  return { samples, rows, channels, padded, groups, size: channels / groups, columns, eps, running };
}

/** Mean and 1 / deviation of every channel of every sample, padding included. */
export const statsShape = ({ samples, padded }: NormGeometry): number[] => [2, samples, padded];

/** The statistics as they are bound: by the kernel `merge`, or given. */
export type BoundStatistics =
  | { readonly stats: PlanValue }
  | { readonly running_mean: PlanValue; readonly running_var: PlanValue };

export interface Parts {
  readonly share: number;
  readonly shares: number;
}

const blocksOf = ({ columns }: NormGeometry): number => ceilDiv(columns, SIZE);

/** Threads that share the rows of a column. */
const lanesOf = ({ columns }: NormGeometry): number => Math.floor(SIZE / Math.min(columns, SIZE));

/** Parts for sums: enough workgroups for every core, 8 rows and more for a thread; and few enough to be summed in turn. */
export function sumParts(g: NormGeometry, { software }: DeviceCaps): Parts {
  const wanted = ceilDiv(software ? 32 : 1024, g.samples * blocksOf(g));
  const least = 8 * lanesOf(g);
  const share = Math.min(Math.max(ceilDiv(g.rows, wanted), least), 2048);
  return { share, shares: ceilDiv(g.rows, share) };
}

/** Parts for pointwise work: a few rows for each thread, which pay for what it reads about its column. */
export function pointParts(g: NormGeometry): Parts {
  const share = 8 * lanesOf(g);
  return { share, shares: ceilDiv(g.rows, share) };
}

/**
 * Whether each workgroup may join all parts of its columns itself, in place of a kernel for that: on software adapters,
 * where they are as few as the rows that it joins them for; on GPUs, which need many parts, where each thread joins a few.
 */
export function joinsParts(g: NormGeometry, { share, shares }: Parts, { software }: DeviceCaps): boolean {
  return g.size === 1 && shares <= (software ? share : 4 * lanesOf(g));
}

/** A kernel with a thread for some rows of a column. */
export function partKernel(
  g: NormGeometry,
  parts: Parts,
  { defines = {}, params = {}, ...rest }: Omit<Kernel, 'workgroups'>,
): Kernel {
  const { samples, rows, columns, channels, eps } = g;
  const blocks = blocksOf(g);
  return {
    ...rest,
    defines: { SIZE, VEC: g.padded > 1, TRACK: false, ...defines },
    params: { samples, rows, columns, blocks, ...parts, channels, eps, ...params },
    workgroups: linearGroups(samples * blocks * parts.shares, 1),
  };
}

/** Threads for one sum of so many terms. */
export function lanesFor(terms: number): number {
  if (terms <= 4) return 1;
  return terms <= 64 ? 8 : SIZE;
}

export const treeGroups = (count: number, lanes: number): [number, number, number] => linearGroups(count, SIZE / lanes);

/** Sums of the parts, two for each channel, and behind them what the first kernel keeps of each channel for the later ones. */
export const partsScratch = (g: NormGeometry, { shares }: Parts): Scratch => ({
  scratch: 'parts',
  elements: (g.samples * shares * 2 + 4) * g.padded,
});
