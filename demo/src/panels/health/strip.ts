/** Pixels of a strip: outputs over time, a column for each look. Pure. */
import type { Spread } from './protocol.ts';

/** Rows of a strip. */
export const ROWS = 40;

/** Shares of the outputs by rows, the topmost first: bins joined, or split, as they overlap the rows. */
export function rowsOf({ shares }: Spread, rows = ROWS): Float64Array {
  const result = new Float64Array(rows);
  const scale = rows / shares.length;
  shares.forEach((share, bin) => {
    const [from, to] = [bin * scale, (bin + 1) * scale];
    for (let row = Math.floor(from); row < Math.min(rows, Math.ceil(to)); row++) {
      const part = Math.min(to, row + 1) - Math.max(from, row);
      result[rows - 1 - row]! += (share * part) / scale;
    }
  });
  return result;
}

/** How dark a share is beside the largest of its column, 0 to 255: few outputs are to be seen beside many. */
export const darkness = (share: number, largest: number): number =>
  largest > 0 ? Math.round(255 * Math.min(1, Math.max(0, share / largest)) ** 0.35) : 0;

/** Pixels of `columns` looks, the newest at the right end, in one colour. */
export function stripPixels(
  spreads: readonly Spread[],
  { columns, color }: { readonly columns: number; readonly color: readonly [number, number, number] },
): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * columns * ROWS);
  const shown = spreads.slice(-columns);
  shown.forEach((spread, i) => {
    const column = columns - shown.length + i;
    const shares = rowsOf(spread);
    const largest = Math.max(...shares);
    shares.forEach((share, row) => {
      pixels.set([...color, darkness(share, largest)], 4 * (row * columns + column));
    });
  });
  return pixels;
}

/** 'rgb(r, g, b)' or 'color(srgb r g b)' as three bytes. */
export function bytesOf(color: string): [number, number, number] {
  const numbers = (color.match(/[\d.]+/g) ?? []).map(Number);
  const [r = 0, g = 0, b = 0] = color.startsWith('color(') ? numbers.map((value) => 255 * value) : numbers;
  return [Math.round(r), Math.round(g), Math.round(b)];
}
