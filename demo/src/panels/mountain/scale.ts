/** From losses to heights, and round numbers for the scale and the contour lines. Pure. */
import type { Tick } from './protocol.ts';

export interface Scale {
  readonly low: number;
  readonly high: number;
  /** 0 at `low`, 1 at `high`, also beyond; NaN for what is no finite loss. */
  heightOf(loss: number): number;
  readonly ticks: readonly Tick[];
  /** Heights of contour lines: the ticks' and some between. */
  readonly contours: readonly number[];
}

const MANTISSAS = [[1], [1, 2, 5], [1, 1.5, 2, 3, 4, 5, 7], [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9]];

const inside = (values: readonly number[], low: number, high: number): number[] =>
  values.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));

/** Equal steps of 1, 2 or 5 times a power of ten: at most `most` values. */
export function linearLevels(low: number, high: number, most: number): number[] {
  const raw = (high - low) / most;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= raw * (1 - 1e-9)) ?? 10);
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Round numbers on a logarithmic scale: the finest set of mantissas with at most `most` values; equal steps in a narrow range. */
export function logarithmicLevels(low: number, high: number, most: number): number[] {
  const powers: number[] = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) powers.push(power);
  const sets = MANTISSAS.map((set) =>
    inside(
      powers.flatMap((power) => set.map((mantissa) => Number((mantissa * 10 ** power).toPrecision(12)))),
      low,
      high,
    ),
  );
  const best =
    sets.findLast(({ length }) => length <= most) ??
    sets[0]!.filter((_, i, { length }) => i % Math.ceil(length / most) === 0);
  const linear = linearLevels(low, high, most);
  return high < 3 * low && linear.length > best.length ? linear : best;
}

/** Losses below this are shown as this on a logarithmic scale. */
const LEAST = 1e-6;

export function scaleOf(losses: Iterable<number>, { logarithmic }: { readonly logarithmic: boolean }): Scale {
  let [low, high] = [Infinity, -Infinity];
  for (const loss of losses) {
    if (!Number.isFinite(loss)) continue;
    low = Math.min(low, loss);
    high = Math.max(high, loss);
  }
  if (low > high) [low, high] = [0, 1];
  if (logarithmic) [low, high] = [Math.max(LEAST, low), Math.max(LEAST, high)];
  if (high - low < 1e-4 * Math.max(1e-3, high)) high = low + 1e-4 * Math.max(1e-3, high);
  const of = (loss: number): number => (logarithmic ? Math.log(Math.max(LEAST, loss)) : loss);
  const [bottom, range] = [of(low), of(high) - of(low)];
  const heightOf = (loss: number): number => (Number.isFinite(loss) ? (of(loss) - bottom) / range : Number.NaN);
  const levels = logarithmic ? logarithmicLevels : linearLevels;
  return {
    low,
    high,
    heightOf,
    ticks: levels(low, high, 7).map((value) => ({ value, height: heightOf(value) })),
    contours: levels(low, high, 16).map(heightOf),
  };
}
