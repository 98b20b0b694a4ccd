/** Colours of the surface by height, and colours of the style sheet as numbers. Pure. */
import type { Rgb } from './protocol.ts';

/** From low to high, ever lighter, so that they are told apart without colour vision and leave bright colours to the paths. */
const HEX = ['#2f4f68', '#4d7183', '#76979a', '#a6b9ae', '#d3d5c0', '#f4ebd2'] as const;

const fromHex = (hex: string): Rgb => {
  const [r, g, b] = [1, 3, 5].map((at) => Number.parseInt(hex.slice(at, at + 2), 16) / 255);
  return [r!, g!, b!];
};

export const STOPS: readonly Rgb[] = HEX.map(fromHex);

/** The same as a background of the scale. */
export const GRADIENT = `linear-gradient(to right, ${HEX.join(', ')})`;

/** What getComputedStyle tells of a colour: rgb(1, 2, 3), rgba(...) or color(srgb 0.1 0.2 0.3). */
export function rgbOf(css: string): Rgb {
  const numbers = (css.match(/[\d.]+(?:e-?\d+)?/g) ?? []).map(Number);
  const [r = 0, g = 0, b = 0] = numbers;
  return css.startsWith('color(') ? [r, g, b] : [r / 255, g / 255, b / 255];
}
