/** What a monitored step comes to for the panel's rows. Pure; imports types of gabor, stages. */
import type { Histogram, LayerStats, ParameterStats, StepStats } from '../../../../src/index.ts';
import type { Look, Spread, Stage, StageLook } from './protocol.ts';
import { rangeOf } from './stages.ts';

/** For the monitor: fine enough for sigmoid's 0 to 1, wide enough to see outputs explode. */
export const BINS = { bins: 256, range: 30, scale: 'symlog', threshold: 0.3 } as const;

/** A value on the bins' scale. */
export const symlog = (value: number): number => Math.sign(value) * Math.log1p(Math.abs(value) / BINS.threshold);

/** The part of a histogram between low and high, with what is beyond in its first and last bin. */
export function cropped(
  { edges, counts, below, above }: Histogram,
  total: number,
  [low, high]: readonly [number, number],
): Spread {
  const middle = (bin: number): number => (edges[bin]! + edges[bin + 1]!) / 2;
  const inside = Array.from(counts.keys()).filter((bin) => middle(bin) > low && middle(bin) < high);
  const [first = 0, last = 0] = [inside[0], inside.at(-1)];
  const shares = new Float32Array(last - first + 1);
  const scale = total > 0 ? 1 / total : 0;
  counts.forEach((count, bin) => {
    shares[Math.min(Math.max(bin, first), last) - first]! += count * scale;
  });
  shares[0]! += below * scale;
  shares[shares.length - 1]! += above * scale;
  return { low, high, shares };
}

function stageLook(
  type: string,
  { activation, dead, saturated }: LayerStats,
  { gradientNorm, weightNorm, updateRatio }: ParameterStats,
): StageLook {
  const { count, nonFinite, mean, std, histogram } = activation;
  return {
    mean,
    std,
    nonFinite: nonFinite / Math.max(1, count + nonFinite),
    spread: cropped(histogram, count, rangeOf(type)),
    dead: dead && { now: dead.share, lasting: dead.windowShare, units: dead.units },
    saturated,
    ...{ gradientNorm, weightNorm, updateRatio },
    distinct: null,
  };
}

/** Null where the step was one of another network. */
export function lookOf(
  { step, layers, parameters }: StepStats,
  { stages, generation }: { readonly stages: readonly Stage[]; readonly generation: number },
): Look | null {
  const looks = stages.flatMap(({ watched, weight, type }) => {
    const [layer, parameter] = [layers.get(watched), parameters.get(weight)];
    return layer && parameter ? [stageLook(type, layer, parameter)] : [];
  });
  return looks.length === stages.length ? { generation, step, stages: looks } : null;
}

/** Steps between two looks so that there are about four a second. */
export function everyFor(stepsPerSecond: number): number {
  const wanted = stepsPerSecond / 4;
  return [1, 2, 5, 10, 20, 50, 100, 200].find((every) => every >= wanted) ?? 500;
}
