/** What the window slides over: the digit, or a small image whose numbers can be read. Pure. */

export interface Image {
  readonly rows: number;
  readonly columns: number;
  /** Row by row. */
  readonly data: Float32Array<ArrayBuffer>;
  /** Values of black and of white. */
  readonly black: number;
  readonly white: number;
}

const SIDE = 28;

/** Bytes as the network takes them are shifted and scaled; as somebody reads them, they go from 0 to 1. */
export interface Normalization {
  readonly mean: number;
  readonly std: number;
}

export function digitImage(pixels: Uint8Array, { mean, std }: Normalization = { mean: 0, std: 1 }): Image {
  const value = (byte: number): number => (byte / 255 - mean) / std;
  return { rows: SIDE, columns: SIDE, data: Float32Array.from(pixels, value), black: value(0), white: value(255) };
}

/** A seven of seven by seven. */
const SEVEN = `
  0 0 0 0 0 0 0
  0 2 3 3 3 2 0
  0 1 1 1 3 2 0
  0 0 0 2 3 0 0
  0 0 1 3 1 0 0
  0 0 3 2 0 0 0
  0 0 2 0 0 0 0`;

export const EXAMPLE: Image = {
  rows: 7,
  columns: 7,
  data: Float32Array.from(SEVEN.trim().split(/\s+/), Number),
  black: 0,
  white: 3,
};
