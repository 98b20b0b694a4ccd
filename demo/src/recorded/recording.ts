/** A recorded run as it is kept, and how it becomes pictures. Pure; the page and demo/record/record.ts use it. */

export interface Frame {
  readonly step: number;
  /** On test images. */
  readonly loss: number;
  readonly accuracy: number;
  /** Of the first layer: see `encodeFilters`. */
  readonly filters: string;
  /** What the network makes of the digit. */
  readonly probabilities: readonly number[];
}

export interface Recording {
  readonly date: string;
  readonly adapter: string;
  readonly batchSize: number;
  /** Test images behind accuracy and loss. */
  readonly tested: number;
  /** The digit: its place in the test set, what it is, 28 x 28 bytes in base64. */
  readonly image: number;
  readonly label: number;
  readonly pixels: string;
  readonly frames: readonly Frame[];
}

const BYTES_MIDDLE = 128;
const BYTES_REACH = 127;

export const bytesOf = (base64: string): Uint8Array => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Weights as bytes in base64, by the largest of them all: 128 is zero. */
export function encodeFilters(weights: Float32Array): string {
  const most = weights.reduce((a, b) => Math.max(a, Math.abs(b)), 0);
  const bytes = Array.from(weights, (w) => BYTES_MIDDLE + Math.round(most > 0 ? (BYTES_REACH * w) / most : 0));
  return btoa(String.fromCharCode(...bytes));
}

/** Filters with values from -1 to 1, `size` each. */
export function decodeFilters(base64: string, size: number): number[][] {
  const values = [...bytesOf(base64)].map((byte) => (byte - BYTES_MIDDLE) / BYTES_REACH);
  return Array.from({ length: values.length / size }, (_, i) => values.slice(size * i, size * (i + 1)));
}

/** Okabe and Ito's blue and vermilion, which are told apart by everybody, over white. */
const BELOW = [0, 84, 143] as const;
const ABOVE = [179, 69, 0] as const;
const MIDDLE = [242, 241, 237] as const;

/** RGBA of values from -1 to 1: blue below zero, orange above. */
export function filterPixels(values: readonly number[]): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * values.length);
  for (const [i, value] of values.entries()) {
    const end = value < 0 ? BELOW : ABOVE;
    const share = Math.min(1, Math.abs(value));
    pixels.set([...MIDDLE.map((from, k) => from + share * (end[k]! - from)), 255], 4 * i);
  }
  return pixels;
}

/** RGBA of bytes, white on black. */
export function digitPixels(bytes: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(4 * bytes.length);
  for (const [i, byte] of bytes.entries()) pixels.set([byte, byte, byte, 255], 4 * i);
  return pixels;
}

/** Steps spread so that the first ones, in which most happens, have room: 0 to 1. */
export const placeOf = (step: number, last: number): number => Math.log1p(step) / Math.log1p(last);

/** The accuracies as the points of an SVG polyline in a box. */
export function curve(frames: readonly Frame[], { width, height }: { width: number; height: number }): string {
  const last = frames.at(-1)!.step;
  const round = (value: number): number => Number(value.toFixed(1));
  return frames
    .map(({ step, accuracy }) => `${round(width * placeOf(step, last))},${round(height * (1 - accuracy))}`)
    .join(' ');
}
