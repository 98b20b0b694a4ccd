/**
 * Decodes PNG to grey with fast-png, which is loaded when called. Before that, the file is checked here: chunks, size,
 * and how much its data unpacks to, so that a small file cannot take much memory; chunks that carry no pixels are left
 * out. Imports grey-image helpers and the error classes.
 *
 * Source: https://www.w3.org/TR/png-3/
 */
import type { DecodedPng } from 'fast-png';
import { FormatError } from '../util/errors.ts';
import { checkPixelCount, type GrayImage, luminance, onPaper } from './gray-image.ts';

export const PNG_SIGNATURE: readonly number[] = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

const GREY = 0;
const RGB = 2;
const PALETTE = 3;

/** Channels and allowed bit depths of each colour type. */
const colorTypes: ReadonlyMap<number, { channels: number; depths: readonly number[] }> = new Map([
  [GREY, { channels: 1, depths: [1, 2, 4, 8, 16] }],
  [RGB, { channels: 3, depths: [8, 16] }],
  [PALETTE, { channels: 1, depths: [1, 2, 4, 8] }],
  [4, { channels: 2, depths: [8, 16] }],
  [6, { channels: 4, depths: [8, 16] }],
]);

/** First column, first row, column step, row step of the seven passes of Adam7. */
const interlacePasses = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

const pixelChunks = new Set(['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND']);

interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colorType: number;
  /** Bytes of all rows, each with its filter byte, before compression. */
  readonly rawBytes: number;
}

/**
 * Decodes a PNG file of any colour type and bit depth; transparency is put on paper by `onPaper`.
 * @throws FormatError if it is damaged, larger than `MAX_PIXELS`, or interlaced with less than 8 bits.
 */
export async function decodePng(bytes: Uint8Array, name: string): Promise<GrayImage> {
  const chunks = listChunks(bytes, name);
  const header = readHeader(bytes, name);
  const packed = chunks.filter(({ type }) => type === 'IDAT').map(({ bytes: chunk }) => chunk.slice(8, -4));
  const found = await inflatedLength(packed, header.rawBytes);
  if (found !== header.rawBytes) {
    throw damaged(
      name,
      `${header.width} x ${header.height} pixels need ${header.rawBytes} bytes, its data is different`,
    );
  }
  const { decode, convertIndexedToRgb } = await import('fast-png');
  try {
    const png = decode(joinChunks(chunks), { checkCrc: true });
    if (header.colorType !== PALETTE) return toGray(png, header);
    const channels = png.palette?.[0]?.length ?? 3;
    return toGray({ ...png, data: convertIndexedToRgb(png), channels, depth: 8 }, { ...header, depth: 8 });
  } catch (cause) {
    throw damaged(name, cause instanceof Error ? cause.message : String(cause), cause);
  }
}

/** The chunks that carry pixels, each with its length, type and checksum. */
function listChunks(bytes: Uint8Array, name: string): { type: string; bytes: Uint8Array }[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: { type: string; bytes: Uint8Array }[] = [];
  let at = PNG_SIGNATURE.length;
  let type = '';
  while (type !== 'IEND') {
    if (at + 12 > bytes.length) throw damaged(name, `it ends at byte ${bytes.length}, before its end mark`);
    const end = at + 12 + view.getUint32(at);
    type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (end > bytes.length) throw damaged(name, `chunk ${type} ends at byte ${end}, the file has ${bytes.length}`);
    if ((at === PNG_SIGNATURE.length) !== (type === 'IHDR')) throw damaged(name, 'its header must be its first chunk');
    if (pixelChunks.has(type)) chunks.push({ type, bytes: bytes.subarray(at, end) });
    at = end;
  }
  return chunks;
}

function readHeader(bytes: Uint8Array, name: string): PngHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset + PNG_SIGNATURE.length, 21);
  const [width, height, depth, colorType] = [
    view.getUint32(8),
    view.getUint32(12),
    view.getUint8(16),
    view.getUint8(17),
  ];
  const isInterlaced = view.getUint8(20) !== 0;
  checkPixelCount(width, height, name);
  const kind = colorTypes.get(colorType);
  if (view.getUint32(0) !== 13 || kind === undefined || !kind.depths.includes(depth)) {
    throw damaged(name, `colour type ${colorType} with ${depth} bits does not exist`);
  }
  if (isInterlaced && depth < 8) {
    throw new FormatError(`${name}: an interlaced PNG with ${depth} bits is not read. Save it without interlacing.`);
  }
  const passes = isInterlaced ? interlacePasses : ([[0, 0, 1, 1]] as const);
  let rawBytes = 0;
  for (const [x, y, stepX, stepY] of passes) {
    const columns = Math.ceil((width - x) / stepX);
    const rows = Math.ceil((height - y) / stepY);
    if (columns > 0 && rows > 0) rawBytes += rows * (1 + Math.ceil((columns * depth * kind.channels) / 8));
  }
  return { width, height, depth, colorType, rawBytes };
}

/** Bytes that zlib data unpacks to, without keeping them; -1 if it is damaged, a number over `limit` if it is longer. */
async function inflatedLength(packed: Uint8Array<ArrayBuffer>[], limit: number): Promise<number> {
  const reader = new Blob(packed).stream().pipeThrough(new DecompressionStream('deflate')).getReader();
  let count = 0;
  try {
    for (let step = await reader.read(); !step.done; step = await reader.read()) {
      count += step.value.length;
      if (count > limit) {
        await reader.cancel();
        return count;
      }
    }
  } catch {
    return -1;
  }
  return count;
}

function joinChunks(chunks: { bytes: Uint8Array }[]): Uint8Array {
  const length = chunks.reduce((sum, { bytes }) => sum + bytes.length, PNG_SIGNATURE.length);
  const joined = new Uint8Array(length);
  joined.set(PNG_SIGNATURE);
  let at = PNG_SIGNATURE.length;
  for (const { bytes } of chunks) {
    joined.set(bytes, at);
    at += bytes.length;
  }
  return joined;
}

function toGray(png: DecodedPng, { width, height, depth, colorType }: PngHeader): GrayImage {
  const samples = depth < 8 ? unpackRows(png.data, { width, height, depth }) : png.data;
  const max = 2 ** depth - 1;
  const { channels } = png;
  const hasColor = channels >= 3;
  const key = colorType === GREY || colorType === RGB ? png.transparency : undefined;
  const hasAlpha = channels === 2 || channels === 4;
  const data = new Float32Array(width * height);
  const alpha = hasAlpha || key !== undefined ? new Float32Array(width * height) : undefined;
  for (let pixel = 0, at = 0; pixel < data.length; pixel += 1, at += channels) {
    const red = samples[at] ?? 0;
    const green = hasColor ? (samples[at + 1] ?? 0) : red;
    const blue = hasColor ? (samples[at + 2] ?? 0) : red;
    data[pixel] = luminance(red, green, blue) / max;
    if (alpha === undefined) continue;
    if (hasAlpha) alpha[pixel] = (samples[at + channels - 1] ?? 0) / max;
    else alpha[pixel] = red === key?.[0] && (!hasColor || (green === key?.[1] && blue === key?.[2])) ? 0 : 1;
  }
  return alpha === undefined ? { width, height, data } : onPaper({ width, height, data }, alpha);
}

/** One sample per element from rows of 1, 2 or 4 bits, the leftmost pixel in the highest bits. */
function unpackRows(packed: ArrayLike<number>, size: { width: number; height: number; depth: number }): Uint8Array {
  const { width, height, depth } = size;
  const rowBytes = Math.ceil((width * depth) / 8);
  const samples = new Uint8Array(width * height);
  for (let index = 0; index < samples.length; index += 1) {
    const bit = (index % width) * depth;
    const byte = packed[Math.floor(index / width) * rowBytes + (bit >> 3)] ?? 0;
    samples[index] = (byte >> (8 - depth - (bit & 7))) & (2 ** depth - 1);
  }
  return samples;
}

function damaged(name: string, problem: string, cause?: unknown): FormatError {
  return new FormatError(`${name}: damaged PNG: ${problem}. Save the image again.`, { cause });
}
