/**
 * Series of numbers for the curves: running mean, thinning, axis ranges and ticks. Imports nothing.
 */

/** One point of a curve; `y` may be NaN, which is a gap. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** Length of the running mean for `count` steps: odd, about a fortieth of them. */
export function smoothingWindow(count: number): number {
  return 2 * Math.round(Math.min(count, 20_000) / 80) + 1;
}

/** Centred running mean; numbers that are not finite are left out of the means and stay gaps. */
export function runningMean(points: readonly Point[], window: number): Point[] {
  const half = Math.floor(window / 2);
  const sums = [0];
  const counts = [0];
  for (const [i, { y }] of points.entries()) {
    const finite = Number.isFinite(y);
    sums.push((sums[i] ?? 0) + (finite ? y : 0));
    counts.push((counts[i] ?? 0) + (finite ? 1 : 0));
  }
  return points.map(({ x, y }, i) => {
    const [from, to] = [Math.max(0, i - half), Math.min(points.length, i + half + 1)];
    const count = (counts[to] ?? 0) - (counts[from] ?? 0);
    return { x, y: Number.isFinite(y) ? ((sums[to] ?? 0) - (sums[from] ?? 0)) / count : Number.NaN };
  });
}

/** At most `bins` pairs: of each stretch the least and the greatest point, in order, so that no peak is lost. */
export function thinByRange(points: readonly Point[], bins: number): readonly Point[] {
  if (points.length <= bins * 2) return points;
  const kept: Point[] = [];
  for (let bin = 0; bin < bins; bin++) {
    const part = points.slice(Math.floor((bin * points.length) / bins), Math.floor(((bin + 1) * points.length) / bins));
    const finite = part.filter((point) => Number.isFinite(point.y));
    const gap = part.find((point) => !Number.isFinite(point.y));
    const sorted = finite.toSorted((a, b) => a.y - b.y);
    const ends = [sorted[0], sorted.at(-1), gap].filter((point) => point !== undefined);
    kept.push(...new Set(ends.toSorted((a, b) => a.x - b.x)));
  }
  return kept;
}

/** At most about `count` points, evenly taken, with the first and the last. */
export function thinEvenly(points: readonly Point[], count: number): readonly Point[] {
  const stride = Math.ceil(points.length / count);
  return stride <= 1 ? points : points.filter((_, i) => i % stride === 0 || i === points.length - 1);
}

/** The number below which the share `share` of the finite values lies; NaN for none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.filter(Number.isFinite).toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** Whole numbers at a round distance from 0 to `max`, about `count` of them. */
export function integerTicks(max: number, count: number): number[] {
  const step = Math.max(1, roundUp(max / count));
  return Array.from({ length: Math.floor(max / step) + 1 }, (_, i) => i * step);
}

/** Round numbers inside a range, about `count` of them. */
export function linearTicks(low: number, high: number, count: number): number[] {
  const step = roundUp((high - low) / count);
  const first = Math.ceil(low / step - 1e-6);
  return Array.from({ length: Math.floor(high / step - first + 1e-6) + 1 }, (_, i) =>
    Number(((first + i) * step).toPrecision(12)),
  );
}

/** Ticks 1, 2, 5 of every decade inside a range above 0; the decades alone where those would be too many. */
export function logTicks(low: number, high: number): number[] {
  const ticks: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    for (const digit of [1, 2, 5]) ticks.push(Number(`${digit}e${power}`));
  }
  const inside = ticks.filter((tick) => tick >= low && tick <= high);
  return inside.length <= 11 ? inside : inside.filter((tick) => Number.isInteger(Math.log10(tick)));
}

/** The next 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((digit) => digit * power >= value * 0.999) ?? 10) * power;
}
