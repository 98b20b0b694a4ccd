/**
 * Pictures for the report as PNG data URLs. May import fast-png (dynamically: only a report needs it).
 */

/** A picture: pixels 0..255, row by row, channels side by side (1 grey, 3 RGB, 4 RGBA). */
export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly data: Uint8Array;
}

/** Colours of the diverging scale; also in the style sheet, for its legend. */
export const DIVERGING = { negative: [0, 114, 178], positive: [213, 94, 0], missing: [128, 128, 128] } as const;

/** Encodes pictures; made once per report. */
export type PngEncoder = (picture: Picture) => string;

/** Loads the encoder. */
export async function loadPngEncoder(): Promise<PngEncoder> {
  const { encode } = await import('fast-png');
  return ({ width, height, channels, data }) => {
    const png = encode({ width, height, channels, data, depth: 8 });
    return `data:image/png;base64,${Buffer.from(png).toString('base64')}`;
  };
}

/**
 * Signed numbers as a picture: colour is the sign, opacity is the size relative to `limit`, so that 0 has the colour of
 * the page in light and dark. A number that is not finite is grey.
 */
export function divergingPicture(values: ArrayLike<number>, width: number, height: number, limit: number): Picture {
  const data = new Uint8Array(width * height * 4);
  for (let i = 0; i < width * height; i++) {
    const value = values[i] ?? Number.NaN;
    const finite = Number.isFinite(value);
    const color = !finite ? DIVERGING.missing : value < 0 ? DIVERGING.negative : DIVERGING.positive;
    const opacity = !finite ? 1 : limit > 0 ? Math.min(1, Math.abs(value) / limit) : 0;
    data.set(color, i * 4);
    data[i * 4 + 3] = Math.round(opacity * 255);
  }
  return { width, height, channels: 4, data };
}
