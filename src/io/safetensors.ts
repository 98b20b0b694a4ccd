/**
 * Reads and writes safetensors, the format of gabor's weights and checkpoints. Imports the header parser and the
 * error classes; no DOM, no Node. Assumes a little-endian machine, as WebGPU does.
 *
 * Layout: u64 length of the header, header (JSON, padded with spaces), data of all tensors without gaps.
 * Source of the rules: https://github.com/huggingface/safetensors, README and `tensor.rs`.
 */
import { ArgumentError, FormatError } from '../util/errors.ts';
import { type HeaderEntry, isWellFormed, parseHeader, SAFETENSORS_LIMITS } from './safetensors-header.ts';

/** The typed array that holds a tensor of each dtype; dtypes unknown to JavaScript stay raw bytes. */
interface DataTypes {
  F64: Float64Array;
  F32: Float32Array;
  I64: BigInt64Array;
  U64: BigUint64Array;
  I32: Int32Array;
  U32: Uint32Array;
  I16: Int16Array;
  U16: Uint16Array;
  I8: Int8Array;
  U8: Uint8Array;
  BOOL: Uint8Array;
  F16: Uint8Array;
  BF16: Uint8Array;
  F8_E4M3: Uint8Array;
  F8_E5M2: Uint8Array;
}

export type Dtype = keyof DataTypes;

/** One tensor: `data` holds its elements in row-major order, for F16, BF16, F8 and BOOL as little-endian bytes. */
export type TensorRecord = {
  [D in Dtype]: { readonly dtype: D; readonly shape: readonly number[]; readonly data: DataTypes[D] };
}[Dtype];

const bytesPerElement: ReadonlyMap<string, number> = new Map<Dtype, number>([
  ['F64', 8],
  ['F32', 4],
  ['I64', 8],
  ['U64', 8],
  ['I32', 4],
  ['U32', 4],
  ['I16', 2],
  ['U16', 2],
  ['I8', 1],
  ['U8', 1],
  ['BOOL', 1],
  ['F16', 2],
  ['BF16', 2],
  ['F8_E4M3', 1],
  ['F8_E5M2', 1],
]);

const LENGTH_BYTES = 8;

/**
 * Reads a safetensors file and checks every rule of the format before any tensor is made.
 *
 * Typed arrays share the memory of `bytes` where their data is aligned there, and are copies where it is not: do not
 * write into either. The order of the tensors is that of the header.
 * @throws FormatError for anything that is not a well-formed safetensors file.
 */
export function readSafetensors(bytes: Uint8Array): {
  tensors: Map<string, TensorRecord>;
  metadata: Map<string, string>;
} {
  // A plain view, as the slice of a Node Buffer would not copy.
  return readPlain(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
}

function readPlain(bytes: Uint8Array): ReturnType<typeof readSafetensors> {
  const headerBytes = headerLength(bytes);
  const dataStart = LENGTH_BYTES + headerBytes;
  const { entries, metadata } = parseHeader(decodeUtf8(bytes.subarray(LENGTH_BYTES, dataStart)));
  for (const [name, entry] of entries) checkSize(name, entry);
  checkCoverage(entries, bytes.length - dataStart);
  const tensors = new Map<string, TensorRecord>();
  for (const [name, { dtype, shape, offsets }] of entries) {
    const data = bytes.subarray(dataStart + offsets[0], dataStart + offsets[1]);
    tensors.set(name, toRecord(dtype, shape, data));
  }
  return { tensors, metadata };
}

/**
 * Writes a safetensors file: the same input gives the same bytes; tensors lie in the order of the map.
 * @param metadata texts stored under `__metadata__`, in their own order. Default: none.
 * @throws ArgumentError where the reader would refuse the result: data that does not fill its shape, rank over 8,
 *   names over 1,024 characters or named `__metadata__`, more than 65,536 tensors, a header over 100 MB.
 */
export function writeSafetensors(
  tensors: ReadonlyMap<string, TensorRecord>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array<ArrayBuffer> {
  if (tensors.size > SAFETENSORS_LIMITS.entryCount) {
    throw new ArgumentError(
      `safetensors: ${tensors.size} tensors, ${SAFETENSORS_LIMITS.entryCount} are allowed. Write several files.`,
    );
  }
  const parts: string[] = metadata === undefined ? [] : [`"__metadata__":${metadataJson(metadata)}`];
  let dataBytes = 0;
  for (const [name, record] of tensors) {
    checkRecord(name, record);
    const end = dataBytes + record.data.byteLength;
    const entry = { dtype: record.dtype, shape: record.shape, data_offsets: [dataBytes, end] };
    parts.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
    dataBytes = end;
  }
  const header = encodeHeader(`{${parts.join(',')}}`);
  const file = new Uint8Array(LENGTH_BYTES + header.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true);
  file.set(header, LENGTH_BYTES);
  let at = LENGTH_BYTES + header.length;
  for (const { data } of tensors.values()) {
    file.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return file;
}

/** Reads the u64 at the start and checks it against the limit and the file before anything is allocated. */
function headerLength(bytes: Uint8Array): number {
  if (bytes.length < LENGTH_BYTES) {
    throw damaged(`the file has ${bytes.length} bytes, the length of the header alone takes ${LENGTH_BYTES}`);
  }
  const length = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES).getBigUint64(0, true);
  if (length > BigInt(SAFETENSORS_LIMITS.headerBytes)) {
    throw damaged(`the header claims ${length} bytes, at most ${SAFETENSORS_LIMITS.headerBytes} are allowed`);
  }
  if (Number(length) > bytes.length - LENGTH_BYTES) {
    throw damaged(`the header claims ${length} bytes, the file has ${bytes.length - LENGTH_BYTES} after its length`);
  }
  return Number(length);
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw damaged('the header is not valid UTF-8', cause);
  }
}

/** dtype known, and product(shape) * bytes, without overflow, equal to the range of the tensor. */
function checkSize(name: string, { dtype, shape, offsets }: HeaderEntry): void {
  const what = `tensor ${JSON.stringify(name)}`;
  let byteLength = bytesPerElement.get(dtype);
  if (byteLength === undefined) {
    const known = [...bytesPerElement.keys()].join(', ');
    throw new FormatError(
      `safetensors: ${what} has the unknown dtype ${JSON.stringify(dtype)}. Convert it to ${known}.`,
    );
  }
  for (const extent of shape) {
    byteLength *= extent;
    if (!Number.isSafeInteger(byteLength)) throw damaged(`${what} has a shape too large to count: [${shape}]`);
  }
  if (offsets[1] < offsets[0]) throw damaged(`${what} ends at byte ${offsets[1]}, before its begin at ${offsets[0]}`);
  if (offsets[1] - offsets[0] !== byteLength) {
    const has = `its data_offsets [${offsets}] hold ${offsets[1] - offsets[0]}`;
    throw damaged(`${what} with dtype ${dtype} and shape [${shape}] needs ${byteLength} bytes, ${has}`);
  }
}

/** The tensors, sorted by position, tile the data exactly: no hole, no overlap, nothing before or after. */
function checkCoverage(entries: Map<string, HeaderEntry>, dataBytes: number): void {
  const sorted = [...entries].sort(([, a], [, b]) => a.offsets[0] - b.offsets[0] || a.offsets[1] - b.offsets[1]);
  let expected = 0;
  for (const [name, { offsets }] of sorted) {
    if (offsets[0] !== expected) {
      const problem = offsets[0] > expected ? 'leaves a hole before it' : 'overlaps the tensor before it';
      const where = `begins at byte ${offsets[0]}, expected ${expected}`;
      throw damaged(`tensor ${JSON.stringify(name)} ${problem} (${where})`);
    }
    expected = offsets[1];
  }
  if (expected !== dataBytes) {
    throw damaged(`the tensors end at byte ${expected} of the data, the file has ${dataBytes} bytes of data`);
  }
}

function toRecord(dtype: string, shape: readonly number[], bytes: Uint8Array): TensorRecord {
  const size = bytesPerElement.get(dtype) ?? 1;
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : bytes.slice();
  const count = bytes.length / size;
  switch (dtype) {
    case 'F64':
      return { dtype, shape, data: new Float64Array(buffer, byteOffset, count) };
    case 'F32':
      return { dtype, shape, data: new Float32Array(buffer, byteOffset, count) };
    case 'I64':
      return { dtype, shape, data: new BigInt64Array(buffer, byteOffset, count) };
    case 'U64':
      return { dtype, shape, data: new BigUint64Array(buffer, byteOffset, count) };
    case 'I32':
      return { dtype, shape, data: new Int32Array(buffer, byteOffset, count) };
    case 'U32':
      return { dtype, shape, data: new Uint32Array(buffer, byteOffset, count) };
    case 'I16':
      return { dtype, shape, data: new Int16Array(buffer, byteOffset, count) };
    case 'U16':
      return { dtype, shape, data: new Uint16Array(buffer, byteOffset, count) };
    case 'I8':
      return { dtype, shape, data: new Int8Array(buffer, byteOffset, count) };
    case 'U8':
    case 'BOOL':
    case 'F16':
    case 'BF16':
    case 'F8_E4M3':
    case 'F8_E5M2':
      return { dtype, shape, data: bytes };
    default:
      throw damaged(`unknown dtype ${JSON.stringify(dtype)}`);
  }
}

function checkRecord(name: string, { dtype, shape, data }: TensorRecord): void {
  const what = `safetensors: tensor ${JSON.stringify(name)}`;
  checkName(name);
  if (name === '__metadata__') throw new ArgumentError(`${what}: this name is reserved. Rename the tensor.`);
  const size = bytesPerElement.get(dtype);
  if (size === undefined) throw new ArgumentError(`${what} has the unknown dtype ${JSON.stringify(dtype)}.`);
  if (data.BYTES_PER_ELEMENT !== size && data.BYTES_PER_ELEMENT !== 1) {
    throw new ArgumentError(`${what}: data has ${data.BYTES_PER_ELEMENT} bytes per element, ${dtype} has ${size}.`);
  }
  if (shape.length > SAFETENSORS_LIMITS.rank || !shape.every((extent) => Number.isSafeInteger(extent) && extent >= 0)) {
    throw new ArgumentError(
      `${what} has shape [${shape}]. At most ${SAFETENSORS_LIMITS.rank} whole numbers >= 0 are allowed.`,
    );
  }
  const byteLength = shape.reduce((product, extent) => product * extent, size);
  if (byteLength !== data.byteLength) {
    throw new ArgumentError(
      `${what} of dtype ${dtype} and shape [${shape}] needs ${byteLength} bytes, its data has ${data.byteLength}.`,
    );
  }
}

function checkName(name: string): void {
  if (name.length > SAFETENSORS_LIMITS.nameLength || !isWellFormed(name)) {
    const allowed = `at most ${SAFETENSORS_LIMITS.nameLength} characters and valid Unicode`;
    throw new ArgumentError(
      `safetensors: the name ${JSON.stringify(name.slice(0, 60))} has ${name.length} characters. Allowed are ${allowed}.`,
    );
  }
}

function metadataJson(metadata: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(metadata);
  if (pairs.length > SAFETENSORS_LIMITS.entryCount) {
    throw new ArgumentError(
      `safetensors: ${pairs.length} metadata entries, ${SAFETENSORS_LIMITS.entryCount} are allowed. Join some of them.`,
    );
  }
  for (const [key, value] of pairs) {
    checkName(key);
    if (typeof value !== 'string' || !isWellFormed(value)) {
      throw new ArgumentError(`safetensors: metadata ${JSON.stringify(key)} is not a valid string. Convert it to one.`);
    }
  }
  return `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`;
}

function encodeHeader(json: string): Uint8Array<ArrayBuffer> {
  const header = new TextEncoder().encode(json);
  const padded = new Uint8Array(Math.ceil(header.length / 8) * 8).fill(0x20);
  if (padded.length > SAFETENSORS_LIMITS.headerBytes) {
    throw new ArgumentError(
      `safetensors: the header has ${padded.length} bytes, at most ${SAFETENSORS_LIMITS.headerBytes} are allowed. Shorten names or metadata.`,
    );
  }
  padded.set(header);
  return padded;
}

function damaged(problem: string, cause?: unknown): FormatError {
  return new FormatError(`safetensors: ${problem}. The file is damaged or not a safetensors file; save it again.`, {
    cause,
  });
}
