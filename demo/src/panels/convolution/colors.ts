/** Values as colours: grey for images, blue below zero and orange above for what is computed of them. Pure. */

export type Rgb = readonly [number, number, number];

/** Full, half and none, of either sign, as in "Look inside". */
const LIGHT: readonly Rgb[] = [
  [0, 84, 143],
  [110, 176, 219],
  [242, 241, 237],
  [242, 168, 102],
  [179, 69, 0],
];
const DARK: readonly Rgb[] = [
  [158, 219, 255],
  [41, 120, 173],
  [42, 50, 56],
  [184, 99, 15],
  [255, 196, 107],
];

const clamp = (value: number, low: number, high: number): number => Math.min(high, Math.max(low, value));

/** Of a value whose largest size is `most`. */
export function signedColor(value: number, most: number, { dark }: { readonly dark: boolean }): Rgb {
  const stops = dark ? DARK : LIGHT;
  const at = 2 + 2 * (most > 0 ? clamp(value / most, -1, 1) : 0);
  const low = Math.min(3, Math.floor(at));
  const [a, b, t] = [stops[low]!, stops[low + 1]!, at - low];
  return [a[0] + (b[0] - a[0]) * t, a[1] + (b[1] - a[1]) * t, a[2] + (b[2] - a[2]) * t];
}

export function greyColor(value: number, { black, white }: { readonly black: number; readonly white: number }): Rgb {
  const grey = 255 * clamp((value - black) / (white - black), 0, 1);
  return [grey, grey, grey];
}

export const cssOf = (rgb: Rgb): string => `rgb(${rgb.map(Math.round).join(' ')})`;

const linear = (byte: number): number => {
  const c = byte / 255;
  return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
};

export const luminance = ([r, g, b]: Rgb): number => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);

/** Black or white, whichever is easier to read on it. */
export const inkOn = (rgb: Rgb): '#000' | '#fff' => (luminance(rgb) > 0.179 ? '#000' : '#fff');
