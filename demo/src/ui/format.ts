/** Numbers as text. */
const grouped = new Intl.NumberFormat('en');

/** 12,345 */
export const whole = (value: number): string => grouped.format(Math.round(value));

/** 0.9731 -> 97.3 % */
export const percent = (share: number, digits = 1): string => `${(100 * share).toFixed(digits)} %`;

/** Three significant digits, with an exponent only where it helps. */
export function short(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  return size >= 1e5 || size < 1e-3
    ? value.toExponential(1)
    : value
        .toPrecision(3)
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '');
}

/** 75 -> 1 min 15 s */
export function duration(seconds: number): string {
  const rounded = Math.max(0, Math.round(seconds));
  const minutes = Math.floor(rounded / 60);
  return minutes > 0 ? `${minutes} min ${rounded % 60} s` : `${rounded} s`;
}

/** 1 row, 2 rows */
export const counted = (count: number, one: string): string => `${count} ${one}${count === 1 ? '' : 's'}`;
