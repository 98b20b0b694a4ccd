/**
 * Decodes an image file, PNG or JPEG by its first bytes, to grey. Used by the command line, which bundles the decoders.
 * Imports the two decoders and the error classes.
 */
import { FormatError } from '../util/errors.ts';
import type { GrayImage } from './gray-image.ts';
import { decodeJpeg } from './jpeg.ts';
import { decodePng, PNG_SIGNATURE } from './png.ts';

export type { GrayImage } from './gray-image.ts';

/**
 * Decodes a PNG or JPEG file to [height, width] in 0 (black) to 1 (white).
 *
 * Colours become their luminance. Transparent pixels show a white paper below dark ink and a black one below light ink.
 * JPEG is turned upright as its Exif data says.
 * @param options.name the file name, for errors.
 * @throws FormatError if it is neither, is damaged, or has more than 100 million pixels.
 */
export async function decodeImage(file: Uint8Array, options: { name: string }): Promise<GrayImage> {
  // A plain view, as the slice of a Node Buffer would not copy.
  const bytes = new Uint8Array(file.buffer, file.byteOffset, file.length);
  if (startsWith(bytes, PNG_SIGNATURE)) return decodePng(bytes, options.name);
  if (startsWith(bytes, [0xff, 0xd8, 0xff])) return decodeJpeg(bytes, options.name);
  const start = Array.from(bytes.subarray(0, 8), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const found = start === '' ? 'is empty' : `starts with ${start}`;
  throw new FormatError(`not an image: ${options.name} ${found}, PNG or JPEG is needed. Convert it to one of them.`);
}

function startsWith(bytes: Uint8Array, signature: readonly number[]): boolean {
  return signature.every((byte, index) => bytes[index] === byte);
}
