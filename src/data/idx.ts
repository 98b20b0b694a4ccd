/**
 * Reads IDX, the format of the MNIST files: 0x00 0x00, element type, rank, the extents as big-endian u32, the elements.
 * Only unsigned bytes are read. Imports only the error classes; gzip goes through the platform's DecompressionStream.
 *
 * Source: http://yann.lecun.com/exdb/mnist/ ("the IDX file format").
 */
import { FormatError } from '../util/errors.ts';

/** The content of an IDX file: `data` holds product(`shape`) bytes in row-major order. */
export interface IdxArray {
  readonly shape: number[];
  readonly data: Uint8Array;
}

const TYPE_U8 = 0x08;
const MAX_RANK = 8;
const MAX_INFLATED_BYTES = 2 ** 30;

const typeNames: ReadonlyMap<number, string> = new Map([
  [0x09, 'signed bytes'],
  [0x0b, '16-bit integers'],
  [0x0c, '32-bit integers'],
  [0x0d, '32-bit floats'],
  [0x0e, '64-bit floats'],
]);

/**
 * Reads an IDX file of unsigned bytes. `data` shares the memory of `bytes`.
 * @param options.name named in errors. Default: 'IDX data'.
 * @throws FormatError for a wrong magic number, another element type, a rank outside 1..8, extents too large to count,
 *   or a file that is shorter or longer than its header says.
 */
export function readIdx(bytes: Uint8Array, options: { name?: string } = {}): IdxArray {
  const name = options.name ?? 'IDX data';
  const rank = checkMagic(bytes, name);
  const headerBytes = 4 + 4 * rank;
  if (bytes.length < headerBytes) throw wrongLength(name, `a header of ${headerBytes} bytes`, bytes.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, headerBytes);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  let count = 1;
  for (const extent of shape) {
    count *= extent;
    if (!Number.isSafeInteger(count)) {
      throw new FormatError(
        `${name}: its shape [${shape}] has too many elements to count. The file is damaged; get it again.`,
      );
    }
  }
  if (bytes.length !== headerBytes + count) {
    throw wrongLength(name, `${headerBytes + count} bytes for its shape [${shape}]`, bytes.length);
  }
  // A plain view, also of a Node Buffer.
  return { shape, data: new Uint8Array(bytes.buffer, bytes.byteOffset + headerBytes, count) };
}

/**
 * Like `readIdx`, and unpacks the file first if it starts with the magic number of gzip (1f 8b).
 * @param options.maxBytes most bytes to unpack. Default: 1 GiB.
 * @throws FormatError as `readIdx` does, and for damaged gzip data or more than `maxBytes` of it.
 */
export async function decodeIdx(
  bytes: Uint8Array,
  options: { name?: string; maxBytes?: number } = {},
): Promise<IdxArray> {
  const isGzip = bytes[0] === 0x1f && bytes[1] === 0x8b;
  return readIdx(isGzip ? await gunzip(bytes, options) : bytes, options);
}

function checkMagic(bytes: Uint8Array, name: string): number {
  if (bytes.length < 4) throw wrongLength(name, 'at least 4 bytes', bytes.length);
  const [zero0, zero1, type, rank] = bytes;
  if (zero0 !== 0 || zero1 !== 0 || rank === undefined) throw notIdx(bytes, name);
  if (type !== TYPE_U8) {
    const typeName = typeNames.get(type ?? 0);
    if (typeName === undefined) throw notIdx(bytes, name);
    throw new FormatError(`${name}: an IDX file of ${typeName}, only unsigned bytes (type 08) are read. Convert it.`);
  }
  if (rank < 1 || rank > MAX_RANK) {
    throw new FormatError(
      `${name}: an IDX file of rank ${rank}, 1 to ${MAX_RANK} are read. The file is damaged; get it again.`,
    );
  }
  return rank;
}

async function gunzip(bytes: Uint8Array, options: { name?: string; maxBytes?: number }): Promise<Uint8Array> {
  const name = options.name ?? 'IDX data';
  const maxBytes = options.maxBytes ?? MAX_INFLATED_BYTES;
  const chunks: Uint8Array[] = [];
  let count = 0;
  const reader = new Blob([new Uint8Array(bytes)]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
  try {
    for (let step = await reader.read(); !step.done && count <= maxBytes; step = await reader.read()) {
      chunks.push(step.value);
      count += step.value.length;
    }
  } catch (cause) {
    const found = `${bytes.length} bytes, unpacked ${count} of them before the error`;
    throw new FormatError(`${name}: damaged gzip data (${found}). Get the file again.`, { cause });
  }
  if (count > maxBytes) {
    await reader.cancel();
    throw new FormatError(`${name}: unpacks to more than ${maxBytes} bytes. Raise maxBytes if the file is trusted.`);
  }
  const whole = new Uint8Array(count);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.length;
  }
  return whole;
}

function notIdx(bytes: Uint8Array, name: string): FormatError {
  const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return new FormatError(
    `${name}: not an IDX file, it starts with ${start} instead of 00 00 08 and its rank. Check the file.`,
  );
}

function wrongLength(name: string, expected: string, found: number): FormatError {
  return new FormatError(
    `${name}: expected ${expected}, found ${found} bytes. The file is incomplete or damaged; get it again.`,
  );
}
