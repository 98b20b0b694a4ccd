/** Numbers as this panel's sentences have them. Pure; imports format. */
import { short } from '../../ui/format.ts';

/** The upper median; 0 of nothing. */
export function middle(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

/** a; a and b; a, b and c */
export const listed = (names: readonly string[]): string =>
  names.length < 2 ? names.join() : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;

/** A factor as text: 4, 250, 1.3 million. */
export function factor(value: number): string {
  const rounded = Number(value.toPrecision(2));
  if (rounded >= 1e9) return short(rounded);
  if (rounded >= 1e6) return `${short(rounded / 1e6)} million`;
  return rounded >= 100 ? rounded.toLocaleString('en') : short(rounded);
}

/** A learning rate a tenth, or ten times, as large. */
export const rateBy = (times: number, lr: number): string => short(Number((lr * times).toPrecision(1)));
