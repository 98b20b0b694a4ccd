/** Filters to choose from, at any size. Pure; imports settings. */
import type { Preset } from './settings.ts';

/** Row n of Pascal's triangle, with n + 1 numbers: a smooth hump. */
function binomial(n: number): number[] {
  let row = [1];
  for (let i = 0; i < n; i++) row = [1, ...row.slice(1).map((v, k) => v + row[k]!), 1];
  return row;
}

const outer = (column: readonly number[], row: readonly number[]): number[] =>
  column.flatMap((a) => row.map((b) => a * b));

/** What is shown with two digits should be what is computed with. */
const rounded = (values: readonly number[]): number[] => values.map((v) => Math.round(100 * v) / 100 || 0);

/** The largest is 2, as in a Sobel filter of 3 x 3. */
function scaled(values: readonly number[]): number[] {
  const most = Math.max(...values.map(Math.abs));
  return rounded(values.map((v) => (2 * v) / most));
}

/** Smooth along the edge, a difference across it: Sobel's filter where `size` is 3. */
function verticalEdges(size: number): number[] {
  const hump = binomial(size - 2);
  const difference = Array.from({ length: size }, (_, i) => (hump[i - 1] ?? 0) - (hump[i] ?? 0));
  return scaled(outer(binomial(size - 1), difference));
}

const transposed = (values: readonly number[], size: number): number[] =>
  values.map((_, i) => values[(i % size) * size + Math.floor(i / size)]!);

function identity(size: number): number[] {
  const middle = Math.floor((size - 1) / 2);
  return Array.from({ length: size * size }, (_, i) => (i === middle * size + middle ? 1 : 0));
}

function blur(size: number): number[] {
  const hump = binomial(size - 1);
  const total = hump.reduce((a, b) => a + b) ** 2;
  return outer(hump, hump).map((v) => v / total);
}

/** The picture, and once more what a blur takes away. At 3 x 3 the one that everybody knows. */
function sharpen(size: number): number[] {
  if (size === 3) return [0, -1, 0, -1, 5, -1, 0, -1, 0];
  const smooth = blur(size);
  return identity(size).map((v, i) => 2 * v - smooth[i]!);
}

/** A wave under a hump: Gabor's filter, for lines across `angle`. It adds up to about zero, so that even areas give nothing. */
function gabor(size: number, angle: number): number[] {
  const radians = (angle * Math.PI) / 180;
  const [cos, sin] = [Math.cos(radians), Math.sin(radians)];
  const middle = (size - 1) / 2;
  const [sigma, wavelength] = [Math.max(0.6, 0.24 * size), Math.max(2, 0.8 * size)];
  const cells = Array.from({ length: size * size }, (_, i) => {
    const [x, y] = [(i % size) - middle, Math.floor(i / size) - middle];
    const [across, along] = [x * cos + y * sin, y * cos - x * sin];
    const hump = Math.exp(-(across ** 2 + (0.7 * along) ** 2) / (2 * sigma ** 2));
    return { hump, wave: hump * Math.cos((2 * Math.PI * across) / wavelength) };
  });
  const sum = (of: 'hump' | 'wave'): number => cells.reduce((total, cell) => total + cell[of], 0);
  const even = sum('wave') / sum('hump');
  return scaled(cells.map(({ hump, wave }) => wave - even * hump));
}

/** From -1 to 1, the same for the same seed (mulberry32). */
function random(size: number, seed: number): number[] {
  let state = (seed * 0x9e3779b9) | 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return rounded(Array.from({ length: size * size }, () => 2 * next() - 1));
}

/** size x size numbers, row by row. A single number can only scale: it is 1 for all but the random one. */
export function presetKernel(
  name: Preset,
  size: number,
  { angle, seed }: { readonly angle: number; readonly seed: number },
): number[] {
  if (name === 'random') return random(size, seed);
  if (size === 1) return [1];
  switch (name) {
    case 'vertical':
      return verticalEdges(size);
    case 'horizontal':
      return transposed(verticalEdges(size), size);
    case 'blur':
      return blur(size);
    case 'sharpen':
      return sharpen(size);
    case 'gabor':
      return gabor(size, angle);
    case 'identity':
      return identity(size);
  }
}
