/** A logarithmic axis that rows share. Pure. */

/** Exponents of ten. */
export interface LogAxis {
  readonly low: number;
  readonly high: number;
}

/** No gradient is drawn further left. */
const LOWEST = -12;
const HIGHEST = 9;

/** Around all values that are above zero, and at least from `low` to `high`. */
export function logAxis(values: Iterable<number>, { low, high }: LogAxis): LogAxis {
  let [from, to] = [low, high];
  for (const value of values) {
    if (!(value > 0) || !Number.isFinite(value)) continue;
    from = Math.min(from, Math.floor(Math.log10(value)));
    to = Math.max(to, Math.ceil(Math.log10(value)));
  }
  return { low: Math.max(LOWEST, from), high: Math.min(HIGHEST, to) };
}

/** 0 to 1; zero is at the low end, what is no number at the high one. */
export function placeOn({ low, high }: LogAxis, value: number): number {
  if (value === 0) return 0;
  if (!Number.isFinite(value)) return 1;
  return Math.min(1, Math.max(0, (Math.log10(value) - low) / (high - low)));
}

/** Exponents to be labelled, about `most` of them. */
export function ticksOf({ low, high }: LogAxis, most = 5): number[] {
  const apart = [1, 2, 3, 4, 5, 10].find((step) => (high - low) / step <= most) ?? 20;
  const first = Math.ceil(low / apart) * apart;
  return Array.from({ length: Math.floor((high - first) / apart) + 1 }, (_, i) => first + i * apart);
}

const RAISED = '⁰¹²³⁴⁵⁶⁷⁸⁹';

/** -3 -> 10⁻³ */
export const power = (exponent: number): string =>
  exponent === 0
    ? '1'
    : `10${exponent < 0 ? '⁻' : ''}${[...String(Math.abs(exponent))].map((digit) => RAISED[Number(digit)]).join('')}`;
