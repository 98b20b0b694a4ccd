/**
 * Numbers as the report writes them: English, fixed digits, units, the same on every machine. Imports nothing.
 */

/** Stands where there is no number. */
export const NONE = '–';

/** 12345.6 as "12,346". */
export function integer(value: number): string {
  if (!Number.isFinite(value)) return special(value);
  return grouped(Math.round(value).toString());
}

/** A share 0..1 in percent: 0.98765 as "98.77%". */
export function percent(share: number, digits = 2): string {
  return Number.isFinite(share) ? `${(share * 100).toFixed(digits)}%` : special(share);
}

/** A loss: four decimals, exponent where those would show nothing. */
export function loss(value: number): string {
  if (!Number.isFinite(value)) return special(value);
  return value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e5) ? value.toExponential(2) : value.toFixed(4);
}

/** A time for reading: "0.84 s", "12.3 s", "2 min 05 s". */
export function duration(seconds: number): string {
  if (!Number.isFinite(seconds)) return special(seconds);
  if (seconds < 9.995) return `${seconds.toFixed(2)} s`;
  if (seconds < 99.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return `${integer(Math.floor(whole / 60))} min ${String(whole % 60).padStart(2, '0')} s`;
}

/** A count with an SI prefix and three digits: 1728000 as "1.73 M". */
export function si(value: number): string {
  return scaled(value, 1000, ['', 'k', 'M', 'G', 'T', 'P']);
}

/** Bytes with a binary prefix: 123456 as "121 KiB". */
export function bytes(value: number): string {
  return scaled(value, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB']);
}

/** An ISO date as "21 May 2025, 14:03 UTC"; text that is no date stays as it is. */
export function utcDate(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const months = 'January February March April May June July August September October November December'.split(' ');
  const day = `${date.getUTCDate()} ${months[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
  return `${day}, ${date.toISOString().slice(11, 16)} UTC`;
}

function scaled(value: number, base: number, units: readonly string[]): string {
  if (!Number.isFinite(value)) return special(value);
  let rest = value;
  let unit = 0;
  while (Math.abs(rest) >= base * 0.9995 && unit < units.length - 1) {
    rest /= base;
    unit++;
  }
  const digits = unit === 0 ? 0 : Math.max(0, 2 - Math.floor(Math.log10(Math.max(1, Math.abs(rest)))));
  return `${grouped(rest.toFixed(digits))} ${units[unit]}`.trim();
}

function grouped(digits: string): string {
  const [whole = '', fraction] = digits.split('.');
  const text = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  return fraction === undefined ? text : `${text}.${fraction}`;
}

function special(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return value > 0 ? '∞' : '−∞';
}
