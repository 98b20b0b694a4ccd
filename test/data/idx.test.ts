/** The IDX reader: valid files, one malformed file per rule, gzip with its limit. */
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { decodeIdx, readIdx } from '../../src/data/idx.ts';
import { FormatError } from '../../src/util/errors.ts';

function idx(shape: readonly number[], count: number, magic = [0, 0, 8, shape.length]): Uint8Array {
  const file = new Uint8Array(4 + 4 * shape.length + count).map((_, index) => index & 0xff);
  file.set(magic);
  for (const [axis, extent] of shape.entries()) new DataView(file.buffer).setUint32(4 + 4 * axis, extent);
  return file;
}

const malformed: [rule: string, file: Uint8Array, message: RegExp][] = [
  ['empty', new Uint8Array(0), /f\.idx: expected at least 4 bytes, found 0 bytes/],
  ['wrong magic', idx([2], 2, [1, 0, 8, 1]), /f\.idx: not an IDX file, it starts with 01 00 08 01/],
  ['a PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0), /starts with 89 50 4e 47/],
  ['unknown element type', idx([2], 2, [0, 0, 7, 1]), /starts with 00 00 07 01/],
  ['float elements', idx([2], 8, [0, 0, 0x0d, 1]), /32-bit floats, only unsigned bytes/],
  ['rank 0', idx([], 1), /rank 0, 1 to 8/],
  ['rank 255', idx([1], 1, [0, 0, 8, 255]), /rank 255, 1 to 8/],
  ['cut header', idx([2, 3], 6).subarray(0, 10), /expected a header of 12 bytes, found 10 bytes/],
  ['truncated', idx([2, 3], 5), /expected 18 bytes for its shape \[2,3\], found 17 bytes/],
  ['too long', idx([2, 3], 7), /expected 18 bytes for its shape \[2,3\], found 19 bytes/],
  ['larger than memory', idx([2 ** 26, 2 ** 26], 6), /expected 4503599627370508 bytes/],
  ['too large to count', idx([2 ** 32 - 1, 2 ** 32 - 1, 7], 6), /too many elements to count/],
];

describe('readIdx', () => {
  it('reads shape and bytes, also of empty arrays and views', () => {
    expect(readIdx(idx([2, 3], 6))).toEqual({ shape: [2, 3], data: Uint8Array.of(12, 13, 14, 15, 16, 17) });
    expect(readIdx(idx([0, 3], 0))).toEqual({ shape: [0, 3], data: new Uint8Array(0) });
    const shifted = new Uint8Array(21);
    shifted.set(idx([2, 3], 6), 3);
    expect(readIdx(shifted.subarray(3)).shape).toEqual([2, 3]);
  });

  it.each(malformed)('refuses: %s', (_, file, message) => {
    expect(() => readIdx(file, { name: 'f.idx' })).toThrow(FormatError);
    expect(() => readIdx(file, { name: 'f.idx' })).toThrow(message);
  });
});

describe('decodeIdx', () => {
  it('reads plain and gzipped files alike', async () => {
    const file = idx([300, 28], 300 * 28);
    expect(await decodeIdx(file)).toEqual(readIdx(file));
    expect(await decodeIdx(gzipSync(file))).toEqual(readIdx(file));
  });

  it('refuses damaged gzip data', async () => {
    const packed = gzipSync(idx([300, 28], 300 * 28));
    const flipped = packed.map((byte, index) => (index === packed.length - 6 ? byte ^ 1 : byte));
    for (const file of [packed.subarray(0, packed.length >> 1), flipped, Uint8Array.of(0x1f, 0x8b)]) {
      await expect(decodeIdx(file, { name: 'f.gz' })).rejects.toThrow(FormatError);
      await expect(decodeIdx(file, { name: 'f.gz' })).rejects.toThrow(/f\.gz: damaged gzip data/);
    }
  });

  it('stops at the limit', async () => {
    const bomb = gzipSync(new Uint8Array(50_000_000));
    await expect(decodeIdx(bomb, { name: 'f.gz', maxBytes: 1_000_000 })).rejects.toThrow(/more than 1000000 bytes/);
  });
});
