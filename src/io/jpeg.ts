/**
 * Decodes JPEG to grey with jpeg-js, which is loaded when called. Before that, the markers are read here for the size
 * and for the orientation that a camera notes in its Exif data. Imports grey-image helpers and the error classes.
 *
 * Source: ITU-T T.81, annex B (markers); Exif 2.3, tag 0x0112 (orientation).
 */
import { FormatError } from '../util/errors.ts';
import { checkPixelCount, type GrayImage, luminance } from './gray-image.ts';

const EXIF_ORIENTATION_TAG = 0x0112;
/** Every 8 x 8 block takes at least one bit of the file, so a byte holds at most this many pixels. */
const MAX_PIXELS_PER_BYTE = 8 * 64;

interface JpegHeader {
  readonly width: number;
  readonly height: number;
  /** Exif orientation, 1 (upright) to 8. */
  readonly orientation: number;
}

/**
 * Decodes a baseline or progressive JPEG file with 8 bits per sample, turned upright as its Exif data says.
 * @throws FormatError if it is damaged, incomplete, larger than `MAX_PIXELS` or of a kind that jpeg-js does not know.
 */
export async function decodeJpeg(bytes: Uint8Array, name: string): Promise<GrayImage> {
  const { width, height, orientation } = readHeader(bytes, name);
  const { decode } = await import('jpeg-js');
  let rgb: Uint8Array;
  try {
    const options = {
      useTArray: true,
      formatAsRGBA: false,
      tolerantDecoding: false,
      maxMemoryUsageInMB: 4096,
    } as const;
    rgb = decode(bytes, options).data;
  } catch (cause) {
    throw damaged(name, cause instanceof Error ? cause.message : String(cause), cause);
  }
  const data = new Float32Array(width * height);
  for (let pixel = 0, at = 0; pixel < data.length; pixel += 1, at += 3) {
    data[pixel] = luminance(rgb[at] ?? 0, rgb[at + 1] ?? 0, rgb[at + 2] ?? 0) / 255;
  }
  return turnUpright({ width, height, data }, orientation);
}

/** Walks over the marker segments up to the first scan. */
function readHeader(bytes: Uint8Array, name: string): JpegHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: { width: number; height: number } | undefined;
  let orientation = 1;
  let marker = 0;
  for (let at = 2; marker !== 0xda; ) {
    while (at < bytes.length && bytes[at] === 0xff && bytes[at + 1] === 0xff) at += 1;
    if (at + 4 > bytes.length) throw damaged(name, `it ends at byte ${bytes.length}, before its pixels`);
    marker = view.getUint8(at + 1);
    const end = at + 2 + view.getUint16(at + 2);
    if (view.getUint8(at) !== 0xff || end > bytes.length) throw damaged(name, `no valid segment at byte ${at}`);
    // SOF0 to SOF15 without DHT (c4), JPG (c8) and DAC (cc).
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) {
      if (end < at + 9) throw damaged(name, 'its frame header is too short');
      size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    }
    if (marker === 0xe1) orientation = exifOrientation(bytes.subarray(at + 4, end)) ?? orientation;
    at = end;
  }
  if (size === undefined) throw damaged(name, 'it has no frame header');
  checkPixelCount(size.width, size.height, name);
  if (size.width * size.height > MAX_PIXELS_PER_BYTE * (bytes.length + 1) || !hasEndMark(bytes)) {
    throw damaged(name, `its ${bytes.length} bytes are not all of ${size.width} x ${size.height} pixels`);
  }
  return { ...size, orientation };
}

/** Whether the end-of-image marker occurs; cameras may append data after it. */
function hasEndMark(bytes: Uint8Array): boolean {
  for (let at = bytes.length - 2; at > 2; at -= 1) {
    if (bytes[at] === 0xff && bytes[at + 1] === 0xd9) return true;
  }
  return false;
}

/** Reads the orientation out of an APP1 segment; undefined if there is none or the Exif data is damaged. */
function exifOrientation(segment: Uint8Array): number | undefined {
  const tiffStart = 6;
  if (String.fromCharCode(...segment.subarray(0, tiffStart)) !== 'Exif\0\0' || segment.length < tiffStart + 8) return;
  const view = new DataView(segment.buffer, segment.byteOffset + tiffStart, segment.length - tiffStart);
  const isLittle = view.getUint8(0) === 0x49;
  const directory = view.getUint32(4, isLittle);
  if (directory + 2 > view.byteLength) return;
  const count = view.getUint16(directory, isLittle);
  for (let entry = 0; entry < count; entry += 1) {
    const at = directory + 2 + 12 * entry;
    if (at + 12 > view.byteLength) return;
    if (view.getUint16(at, isLittle) === EXIF_ORIENTATION_TAG) {
      const value = view.getUint16(at + 8, isLittle);
      return value >= 1 && value <= 8 ? value : undefined;
    }
  }
  return;
}

function turnUpright(image: GrayImage, orientation: number): GrayImage {
  if (orientation === 1) return image;
  const swapsAxes = orientation >= 5;
  const width = swapsAxes ? image.height : image.width;
  const height = swapsAxes ? image.width : image.height;
  const flipsX = [2, 3, 7, 8].includes(orientation);
  const flipsY = [3, 4, 6, 7].includes(orientation);
  const data = new Float32Array(image.data.length);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [column, row] = swapsAxes ? [y, x] : [x, y];
      const sourceX = flipsX ? image.width - 1 - column : column;
      const sourceY = flipsY ? image.height - 1 - row : row;
      data[y * width + x] = image.data[sourceY * image.width + sourceX] ?? 0;
    }
  }
  return { width, height, data };
}

function damaged(name: string, problem: string, cause?: unknown): FormatError {
  return new FormatError(`${name}: damaged or unknown JPEG: ${problem}. Save the image again, as PNG if possible.`, {
    cause,
  });
}
