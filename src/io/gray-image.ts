/**
 * The grey image that the decoders return and the digit reader takes, and what the decoders share: the pixel limit,
 * and the conversion of colour and transparency to grey. Imports only the error classes.
 */
import { FormatError } from '../util/errors.ts';

/** A grey image: `data` is [height, width], 0 = black to 1 = white. */
export interface GrayImage {
  readonly width: number;
  readonly height: number;
  readonly data: Float32Array;
}

/** Most pixels that are decoded, checked in the header of the file, before memory is taken. */
export const MAX_PIXELS = 100_000_000;

/** @throws FormatError for an empty image or more than `MAX_PIXELS`. */
export function checkPixelCount(width: number, height: number, name: string): void {
  if (width === 0 || height === 0 || width * height > MAX_PIXELS) {
    throw new FormatError(
      `${name}: the image has ${width} x ${height} pixels, 1 to ${MAX_PIXELS} are read. Scale it or save it again.`,
    );
  }
}

/** How bright an RGB colour looks, in the unit of its components (ITU-R BT.601). */
export function luminance(red: number, green: number, blue: number): number {
  return red === green && green === blue ? red : 0.299 * red + 0.587 * green + 0.114 * blue;
}

/**
 * Puts a transparent image on a paper that lets its ink be seen. If the visible pixels are of both tones, dark and light,
 * they show paper of their own, and the more frequent tone goes on below them; if they are of one tone, they are the ink
 * alone, and the paper gets the other.
 * @param alpha [height, width], 0 = transparent to 1 = opaque.
 */
export function onPaper(image: GrayImage, alpha: Float32Array): GrayImage {
  let visible = 0;
  let light = 0;
  image.data.forEach((value, index) => {
    const weight = alpha[index] ?? 0;
    visible += weight;
    if (value >= 0.5) light += weight;
  });
  const lightShare = visible === 0 ? 0 : light / visible;
  const hasBothTones = lightShare > 0.01 && lightShare < 0.99;
  const paper = lightShare >= 0.5 === hasBothTones ? 1 : 0;
  const data = image.data.map((value, index) => paper + (alpha[index] ?? 0) * (value - paper));
  return { width: image.width, height: image.height, data };
}
