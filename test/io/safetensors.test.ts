/** The safetensors reader against one malformed file per rule, the reference files, and mutated files; the writer. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { readSafetensors, type TensorRecord, writeSafetensors } from '../../src/io/safetensors.ts';
import { ArgumentError, FormatError } from '../../src/util/errors.ts';

/** A file with this header text (or bytes) and `dataBytes` bytes of data. */
function fileOf(header: string | Uint8Array, dataBytes = 0): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const file = new Uint8Array(8 + text.length + dataBytes);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

function withLength(length: bigint): Uint8Array {
  const file = fileOf('{}');
  new DataView(file.buffer).setBigUint64(0, length, true);
  return file;
}

const tensor = (shape: string, offsets: string, dtype = '"F32"') =>
  `{"dtype":${dtype},"shape":${shape},"data_offsets":${offsets}}`;
const manyTensors = () =>
  `{${Array.from({ length: 65_537 }, (_, index) => `"${index}":${tensor('[0]', '[0,0]')}`).join(',')}}`;

const malformed: [rule: string, file: () => Uint8Array, message: RegExp][] = [
  ['empty file', () => new Uint8Array(0), /0 bytes/],
  ['shorter than the length', () => new Uint8Array(7), /7 bytes/],
  ['header over the limit', () => withLength(100_000_001n), /100000001 bytes, at most 100000000/],
  ['header length of 2^64 - 1', () => withLength(2n ** 64n - 1n), /18446744073709551615/],
  ['header longer than the file', () => withLength(3n), /claims 3 bytes, the file has 2/],
  ['empty header', () => fileOf(''), /must start with "\{"/],
  ['no object', () => fileOf('[]'), /must start with "\{"/],
  ['space first', () => fileOf(' {}'), /must start with "\{"/],
  ['byte order mark first', () => fileOf('\ufeff{}'), /must start with "\{"/],
  ['not UTF-8', () => fileOf(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not valid UTF-8/],
  ['unclosed', () => fileOf('{'), /must be a string/],
  ['unclosed string', () => fileOf('{"a'), /not a valid JSON string/],
  ['bad escape', () => fileOf('{"\\x":1}'), /not a valid JSON string/],
  ['half a surrogate pair', () => fileOf(`{"\\ud800":${tensor('[0]', '[0,0]')}}`), /surrogate/],
  ['text after the end', () => fileOf('{}x'), /after the closing/],
  ['trailing comma', () => fileOf(`{"a":${tensor('[]', '[0,4]')},}`, 4), /must be a string/],
  [
    'duplicate tensor',
    () => fileOf(`{"a":${tensor('[0]', '[0,0]')},"a":${tensor('[0]', '[0,0]')}}`),
    /duplicate key "a"/,
  ],
  [
    'duplicate tensor, spelled with an escape',
    () => fileOf(`{"a":${tensor('[0]', '[0,0]')},"\\u0061":${tensor('[0]', '[0,0]')}}`),
    /duplicate key "a"/,
  ],
  [
    'duplicate key of a tensor',
    () => fileOf('{"a":{"dtype":"F32","dtype":"U8","shape":[0],"data_offsets":[0,0]}}'),
    /duplicate key "dtype"/,
  ],
  ['duplicate metadata', () => fileOf('{"__metadata__":{"k":"1","k":"2"}}'), /duplicate key "k"/],
  ['two metadata', () => fileOf('{"__metadata__":{},"__metadata__":{}}'), /duplicate key "__metadata__"/],
  ['metadata number', () => fileOf('{"__metadata__":{"k":1}}'), /must be a string/],
  ['metadata object', () => fileOf('{"__metadata__":{"k":{}}}'), /must be a string/],
  ['metadata array', () => fileOf('{"__metadata__":[]}'), /expected "\{"/],
  ['unknown key', () => fileOf('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}}'), /unknown key "x"/],
  ['no dtype', () => fileOf('{"a":{"shape":[0],"data_offsets":[0,0]}}'), /no dtype/],
  ['no shape', () => fileOf('{"a":{"dtype":"F32","data_offsets":[0,0]}}'), /no shape/],
  ['no offsets', () => fileOf('{"a":{"dtype":"F32","shape":[0]}}'), /two data_offsets/],
  ['one offset', () => fileOf(`{"a":${tensor('[0]', '[0]')}}`), /two data_offsets/],
  ['three offsets', () => fileOf(`{"a":${tensor('[0]', '[0,0,0]')}}`), /more than 2/],
  ['unknown dtype', () => fileOf(`{"a":${tensor('[1]', '[0,4]', '"F33"')}}`, 4), /unknown dtype "F33"/],
  ['dtype of Object.prototype', () => fileOf(`{"a":${tensor('[0]', '[0,0]', '"toString"')}}`), /unknown dtype/],
  ['dtype number', () => fileOf(`{"a":${tensor('[1]', '[0,4]', '32')}}`, 4), /must be a string/],
  ['negative extent', () => fileOf(`{"a":${tensor('[-1]', '[0,4]')}}`, 4), /"-1", not a whole number/],
  ['fractional extent', () => fileOf(`{"a":${tensor('[1.5]', '[0,6]')}}`, 6), /"1.5", not a whole number/],
  ['exponent', () => fileOf(`{"a":${tensor('[1e0]', '[0,4]')}}`, 4), /"1e0", not a whole number/],
  ['leading zero', () => fileOf(`{"a":${tensor('[01]', '[0,4]')}}`, 4), /"01", not a whole number/],
  ['unsafe integer', () => fileOf(`{"a":${tensor('[1]', '[0,9007199254740992]')}}`, 4), /not a whole number/],
  ['nested shape', () => fileOf(`{"a":${tensor('[[1]]', '[0,4]')}}`, 4), /not a whole number/],
  ['deep nesting', () => fileOf(`{"a":${'['.repeat(1_000_000)}`), /expected "\{"/],
  ['rank over 8', () => fileOf(`{"a":${tensor('[1,1,1,1,1,1,1,1,1]', '[0,4]')}}`, 4), /more than 8/],
  [
    'product overflow',
    () => fileOf(`{"a":${tensor('[4294967296,4294967296,4294967296]', '[0,0]')}}`),
    /too large to count/,
  ],
  [
    'product wraps 2^64 to 0',
    () => fileOf(`{"a":${tensor('[4294967296,4294967296]', '[0,0]')}}`),
    /too large to count/,
  ],
  ['size differs', () => fileOf(`{"a":${tensor('[2]', '[0,4]')}}`, 4), /needs 8 bytes, .* hold 4/],
  ['end before begin', () => fileOf(`{"a":${tensor('[1]', '[4,0]')}}`, 4), /before its begin/],
  ['not from 0', () => fileOf(`{"a":${tensor('[1]', '[4,8]')}}`, 8), /hole/],
  ['hole', () => fileOf(`{"a":${tensor('[1]', '[0,4]')},"b":${tensor('[1]', '[8,12]')}}`, 12), /"b" leaves a hole/],
  ['overlap', () => fileOf(`{"a":${tensor('[2]', '[0,8]')},"b":${tensor('[1]', '[4,8]')}}`, 8), /"b" overlaps/],
  ['same range twice', () => fileOf(`{"a":${tensor('[1]', '[0,4]')},"b":${tensor('[1]', '[0,4]')}}`, 4), /overlaps/],
  ['data cut off', () => fileOf(`{"a":${tensor('[2]', '[0,8]')}}`, 7), /end at byte 8 .* has 7/],
  ['data left over', () => fileOf(`{"a":${tensor('[1]', '[0,4]')}}`, 5), /end at byte 4 .* has 5/],
  ['data without tensors', () => fileOf('{}', 1), /end at byte 0 .* has 1/],
  ['too many tensors', () => fileOf(manyTensors()), /more than 65536 tensors/],
  ['long name', () => fileOf(`{"${'n'.repeat(1025)}":${tensor('[0]', '[0,0]')}}`), /1025 characters/],
];

describe('readSafetensors', () => {
  it.each(malformed)('refuses: %s', (_, file, message) => {
    expect(() => readSafetensors(file())).toThrow(FormatError);
    expect(() => readSafetensors(file())).toThrow(message);
  });

  it('reads empty files, empty tensors, scalars, padding and any order of names', () => {
    expect(readSafetensors(fileOf('{}   ')).tensors.size).toBe(0);
    const header = `{"b":${tensor('[]', '[4,8]')}, "none":${tensor('[3,0]', '[4,4]')},\n"a":${tensor('[1]', '[0,4]')} }  `;
    const { tensors } = readSafetensors(fileOf(header, 8));
    expect([...tensors.keys()]).toEqual(['b', 'none', 'a']);
    expect(tensors.get('b')).toEqual({ dtype: 'F32', shape: [], data: new Float32Array(1) });
    expect(tensors.get('none')?.data.length).toBe(0);
  });

  it('treats names of Object.prototype as names', () => {
    const header = `{"__metadata__":{"__proto__":"m"},"__proto__":${tensor('[0]', '[0,0]')},"constructor":${tensor('[0]', '[0,0]')}}`;
    const { tensors, metadata } = readSafetensors(fileOf(header));
    expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
    expect(metadata.get('__proto__')).toBe('m');
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  it('reads from any offset of a buffer', () => {
    const file = writeSafetensors(sample());
    for (let offset = 0; offset < 9; offset += 1) {
      const shifted = new Uint8Array(file.length + offset + 3);
      shifted.set(file, offset);
      const view = shifted.subarray(offset, offset + file.length);
      expect(readSafetensors(view).tensors).toEqual(sample());
      expect(readSafetensors(Buffer.from(view.buffer, offset, file.length)).tensors).toEqual(sample());
    }
  });

  it('reads all files that the reference library wrote', () => {
    const folder = new URL('../goldens/', import.meta.url);
    const names = readdirSync(folder).filter((name) => name.endsWith('.safetensors'));
    expect(names.length).toBeGreaterThan(5);
    for (const name of names) {
      expect(readSafetensors(readFileSync(new URL(name, folder))).tensors.size).toBeGreaterThan(0);
    }
  });
});

describe('writeSafetensors', () => {
  it('keeps every dtype, the order and the metadata, and gives the same bytes again', () => {
    const metadata = { gabor: '1', 'quote"': 'line\nbreak \u{1f600}' };
    const file = writeSafetensors(sample(), metadata);
    const back = readSafetensors(file);
    expect([...back.tensors]).toEqual([...sample()]);
    expect(Object.fromEntries(back.metadata)).toEqual(metadata);
    expect(writeSafetensors(back.tensors, Object.fromEntries(back.metadata))).toEqual(file);
    expect(new DataView(file.buffer).getBigUint64(0, true) % 8n).toBe(0n);
  });

  it('keeps NaN payloads and views into larger buffers', () => {
    const bits = Uint32Array.of(0x7fc0dead, 0xff800001, 0x80000000, 1);
    const data = new Float32Array(bits.buffer, 4, 2);
    const back = readSafetensors(writeSafetensors(new Map([['x', { dtype: 'F32', shape: [2], data }]]))).tensors.get(
      'x',
    );
    expect(new Uint32Array(back?.data.buffer ?? new ArrayBuffer(0), back?.data.byteOffset, 2)).toEqual(
      bits.subarray(1, 3),
    );
  });

  it('refuses what the reader would refuse', () => {
    const f32 = (shape: number[], count: number): TensorRecord => ({
      dtype: 'F32',
      shape,
      data: new Float32Array(count),
    });
    const write = (name: string, record: TensorRecord) => () => writeSafetensors(new Map([[name, record]]));
    expect(write('x', f32([2], 3))).toThrow(ArgumentError);
    expect(write('x', f32([2], 3))).toThrow(/needs 8 bytes, its data has 12/);
    expect(write('x', f32([-1], 1))).toThrow(ArgumentError);
    expect(write('x', f32([1, 1, 1, 1, 1, 1, 1, 1, 1], 1))).toThrow(ArgumentError);
    expect(write('__metadata__', f32([1], 1))).toThrow(/reserved/);
    expect(write('n'.repeat(1025), f32([1], 1))).toThrow(ArgumentError);
    expect(write('\ud800', f32([1], 1))).toThrow(ArgumentError);
  });
});

describe('fuzzing', () => {
  it('gives a valid result or a FormatError for 20,000 mutated files', () => {
    const random = mulberry32(1);
    const seeds = [
      writeSafetensors(sample(), { a: 'b' }),
      fileOf(`{"a":${tensor('[2]', '[0,8]')}}`, 8),
      writeSafetensors(new Map()),
    ];
    let valid = 0;
    for (let round = 0; round < 20_000; round += 1) {
      const file = mutate(seeds[round % seeds.length] ?? new Uint8Array(0), random);
      try {
        const { tensors } = readSafetensors(file);
        const total = [...tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
        expect(total).toBeLessThanOrEqual(file.length);
        valid += 1;
      } catch (error) {
        if (!(error instanceof FormatError)) throw error;
      }
    }
    expect(valid).toBeGreaterThan(100);
    expect(valid).toBeLessThan(19_000);
  });
});

function sample(): Map<string, TensorRecord> {
  return new Map<string, TensorRecord>([
    ['u8', { dtype: 'U8', shape: [3], data: Uint8Array.of(1, 2, 3) }],
    ['f32', { dtype: 'F32', shape: [2, 2], data: Float32Array.of(1.5, -2, 3, Infinity) }],
    ['f64', { dtype: 'F64', shape: [1], data: Float64Array.of(Math.PI) }],
    ['i64', { dtype: 'I64', shape: [2], data: BigInt64Array.of(-1n, 2n ** 62n) }],
    ['u64', { dtype: 'U64', shape: [1], data: BigUint64Array.of(2n ** 64n - 1n) }],
    ['i32', { dtype: 'I32', shape: [], data: Int32Array.of(-7) }],
    ['u32', { dtype: 'U32', shape: [0, 5], data: new Uint32Array(0) }],
    ['i16', { dtype: 'I16', shape: [1], data: Int16Array.of(-300) }],
    ['u16', { dtype: 'U16', shape: [1], data: Uint16Array.of(60_000) }],
    ['i8', { dtype: 'I8', shape: [1], data: Int8Array.of(-8) }],
    ['f16', { dtype: 'F16', shape: [1], data: Uint8Array.of(0, 0x3c) }],
    ['bf16', { dtype: 'BF16', shape: [1], data: Uint8Array.of(0x80, 0x3f) }],
    ['bool', { dtype: 'BOOL', shape: [2], data: Uint8Array.of(0, 1) }],
  ]);
}

/** One to four random edits: flipped bits, bytes of JSON syntax, cuts, copies, numbers in the length. */
function mutate(seed: Uint8Array, random: () => number): Uint8Array {
  let file = seed.slice();
  const pick = (count: number) => Math.floor(random() * count);
  const syntax = '{}[]",:0919-.eE\\u\0 ';
  for (let edit = 0; edit <= pick(4); edit += 1) {
    const at = pick(file.length);
    const kind = pick(6);
    if (kind === 0) file[at] = (file[at] ?? 0) ^ (1 << pick(8));
    else if (kind === 1) file[at] = syntax.charCodeAt(pick(syntax.length));
    else if (kind === 2) file = file.slice(0, at);
    else if (kind === 3) file.copyWithin(at, pick(file.length), pick(file.length));
    else if (kind === 4) file[pick(8)] = pick(256);
    else file = Uint8Array.from([...file.subarray(0, at), ...file.subarray(Math.max(0, at - pick(20)))]);
  }
  return file;
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
