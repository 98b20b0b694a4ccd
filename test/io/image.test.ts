/** Decoding PNG of every kind, JPEG, and files that are neither or damaged. */
import { crc32, deflateSync } from 'node:zlib';
import { encode as encodePng } from 'fast-png';
import { encode as encodeJpeg } from 'jpeg-js';
import { describe, expect, it } from 'vitest';
import { decodeImage } from '../../src/io/image.ts';
import { FormatError } from '../../src/util/errors.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];

function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(8 + data.length, crc32(bytes.subarray(4, 8 + data.length)));
  return bytes;
}

interface PngParts {
  width: number;
  height: number;
  depth: number;
  colorType: number;
  /** Rows without filter bytes. */
  rows: number[][];
  palette?: number[];
  transparency?: number[];
  extra?: Uint8Array;
}

/** Builds a PNG by hand, for the kinds that fast-png does not write. */
function png(parts: PngParts): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, parts.width);
  view.setUint32(4, parts.height);
  header.set([parts.depth, parts.colorType], 8);
  const raw = parts.rows.flatMap((row) => [0, ...row]);
  const chunks = [
    Uint8Array.from(SIGNATURE),
    chunk('IHDR', header),
    parts.extra ?? new Uint8Array(0),
    parts.palette === undefined ? new Uint8Array(0) : chunk('PLTE', Uint8Array.from(parts.palette)),
    parts.transparency === undefined ? new Uint8Array(0) : chunk('tRNS', Uint8Array.from(parts.transparency)),
    chunk('IDAT', deflateSync(Uint8Array.from(raw))),
    chunk('IEND', new Uint8Array(0)),
  ];
  return Uint8Array.from(chunks.flatMap((part) => [...part]));
}

async function pixels(bytes: Uint8Array): Promise<number[]> {
  const { data } = await decodeImage(bytes, { name: 'f.png' });
  return Array.from(data, (value) => Math.round(value * 1000) / 1000);
}

const grey = (rows: number[][], depth: number, width: number, transparency?: number[]) =>
  png({ width, height: rows.length, depth, colorType: 0, rows, transparency });

describe('PNG', () => {
  it('reads grey of 1, 2, 4, 8 and 16 bits', async () => {
    expect(await pixels(grey([[0b10110000], [0b01000000]], 1, 4))).toEqual([1, 0, 1, 1, 0, 1, 0, 0]);
    expect(await pixels(grey([[0b00011011, 0b11000000]], 2, 5))).toEqual([0, 0.333, 0.667, 1, 1]);
    expect(await pixels(grey([[0x0f, 0x30]], 4, 3))).toEqual([0, 1, 0.2]);
    expect(
      await pixels(
        grey(
          [
            [0, 51],
            [255, 102],
          ],
          8,
          2,
        ),
      ),
    ).toEqual([0, 0.2, 1, 0.4]);
    expect(await pixels(grey([[0x33, 0x33, 0xff, 0xff]], 16, 2))).toEqual([0.2, 1]);
  });

  it('reads colours as luminance, in 8 and 16 bits, interlaced or not', async () => {
    const data = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 51, 51, 51);
    for (const interlace of ['null', 'Adam7'] as const) {
      const image = { width: 2, height: 2, channels: 3 };
      const wide = Uint16Array.from(data, (value) => value * 257);
      expect(await pixels(encodePng({ ...image, data, depth: 8 }, { interlace }))).toEqual([0.299, 0.587, 0.114, 0.2]);
      expect(await pixels(encodePng({ ...image, data: wide, depth: 16 }, { interlace }))).toEqual([
        0.299, 0.587, 0.114, 0.2,
      ]);
    }
  });

  it('reads palettes of 1 to 8 bits, and ignores a palette beside full colours', async () => {
    const palette = [0, 0, 0, 255, 255, 255, 51, 51, 51, 102, 102, 102];
    const indexed = (depth: number, rows: number[][]) =>
      png({ width: 3, height: 1, depth, colorType: 3, rows, palette });
    expect(await pixels(indexed(8, [[1, 0, 2]]))).toEqual([1, 0, 0.2]);
    expect(await pixels(indexed(2, [[0b11100100]]))).toEqual([0.4, 0.2, 1]);
    expect(await pixels(indexed(1, [[0b10100000]]))).toEqual([1, 0, 1]);
    expect(await pixels(png({ width: 1, height: 1, depth: 8, colorType: 2, rows: [[51, 51, 51]], palette }))).toEqual([
      0.2,
    ]);
  });

  it('puts dark ink on white and light ink on black where the rest is transparent', async () => {
    const ink = (value: number) =>
      encodePng({ width: 3, height: 1, channels: 2, depth: 8, data: Uint8Array.of(value, 255, value, 0, value, 51) });
    expect(await pixels(ink(0))).toEqual([0, 1, 0.8]);
    expect(await pixels(ink(255))).toEqual([1, 0, 0.2]);
    const rgba = Uint8Array.of(255, 255, 255, 255, 0, 0, 0, 0);
    expect(await pixels(encodePng({ width: 2, height: 1, channels: 4, depth: 8, data: rgba }))).toEqual([1, 0]);
  });

  it('continues the paper where an image shows its own', async () => {
    const card = (paper: number) =>
      Array.from({ length: 10 }, (_, index) => [index === 4 ? 255 - paper : paper, index === 9 ? 0 : 255]);
    const encode = (paper: number) =>
      encodePng({ width: 10, height: 1, channels: 2, depth: 8, data: Uint8Array.from(card(paper).flat()) });
    expect(await pixels(encode(255))).toEqual([1, 1, 1, 1, 0, 1, 1, 1, 1, 1]);
    expect(await pixels(encode(0))).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 0]);
  });

  it('reads transparency of palettes and key colours', async () => {
    const parts = { width: 3, height: 1, depth: 8, colorType: 3, palette: [0, 0, 0, 0, 0, 0], transparency: [0] };
    expect(await pixels(png({ ...parts, rows: [[0, 1, 0]] }))).toEqual([1, 0, 1]);
    expect(await pixels(grey([[0, 7, 0]], 8, 3, [0, 7]))).toEqual([0, 1, 0]);
    expect(await pixels(grey([[0b01000000]], 1, 2, [0, 1]))).toEqual([0, 1]);
    const rgb = { width: 3, height: 1, depth: 8, colorType: 2, transparency: [0, 9, 0, 9, 0, 9] };
    expect(await pixels(png({ ...rgb, rows: [[9, 9, 9, 0, 0, 0, 9, 9, 9]] }))).toEqual([1, 0, 1]);
  });

  it('leaves out chunks without pixels, damaged or not', async () => {
    const extra = chunk('iCCP', Uint8Array.of(1, 2, 3)).fill(0, 9);
    expect(await pixels(png({ width: 1, height: 1, depth: 8, colorType: 0, rows: [[51]], extra }))).toEqual([0.2]);
  });
});

describe('JPEG', () => {
  it('reads colours as luminance', async () => {
    const data = Uint8Array.from({ length: 16 * 8 * 4 }, (_, index) => [200, 100, 50, 255][index % 4] ?? 0);
    const image = await decodeImage(encodeJpeg({ width: 16, height: 8, data }, 95).data, { name: 'f.jpg' });
    expect([image.width, image.height]).toEqual([16, 8]);
    for (const value of image.data) expect(value * 255).toBeCloseTo(0.299 * 200 + 0.587 * 100 + 0.114 * 50, -1);
  });

  it.each([
    [1, 16, 8, 'left top'],
    [2, 16, 8, 'right top'],
    [3, 16, 8, 'right bottom'],
    [4, 16, 8, 'left bottom'],
    [5, 8, 16, 'left top'],
    [6, 8, 16, 'right top'],
    [7, 8, 16, 'right bottom'],
    [8, 8, 16, 'left bottom'],
  ])('turns Exif orientation %i upright', async (orientation, width, height, corner) => {
    // The upper left 8 x 4 pixels are white.
    const data = Uint8Array.from({ length: 16 * 8 * 4 }, (_, index) => {
      const pixel = index >> 2;
      return pixel % 16 < 8 && pixel < 64 ? 255 : 0;
    });
    const image = await decodeImage(withExif(encodeJpeg({ width: 16, height: 8, data }, 95).data, orientation), {
      name: 'f',
    });
    expect([image.width, image.height]).toEqual([width, height]);
    const value = (x: number, y: number) => image.data[y * width + x] ?? 0;
    const corners = {
      'left top': value(1, 1),
      'right top': value(width - 2, 1),
      'left bottom': value(1, height - 2),
      'right bottom': value(width - 2, height - 2),
    };
    for (const [name, found] of Object.entries(corners)) expect(found > 0.5).toBe(name === corner);
  });
});

function withExif(jpeg: Uint8Array, orientation: number): Uint8Array {
  const exif = [
    0xff,
    0xe1,
    0,
    34,
    ...new TextEncoder().encode('Exif\0\0MM'),
    0,
    42,
    0,
    0,
    0,
    8,
    0,
    1,
    1,
    0x12,
    0,
    3,
    0,
    0,
    0,
    1,
    0,
    orientation,
    0,
    0,
    0,
    0,
    0,
    0,
  ];
  return Uint8Array.from([0xff, 0xd8, ...exif, ...jpeg.subarray(2)]);
}

const goodPng = encodePng({
  width: 40,
  height: 30,
  channels: 1,
  depth: 8,
  data: new Uint8Array(1200).map((_, index) => (index * 7) & 255),
});
const goodJpeg = encodeJpeg(
  { width: 40, height: 30, data: new Uint8Array(4800).map((_, index) => (index * 7) & 255) },
  90,
).data;

describe('damaged files', () => {
  const changed = (bytes: Uint8Array, at: number, value: number) =>
    Uint8Array.from(bytes, (byte, index) => (index === at ? value : byte));
  const sized = (width: number, height: number) => png({ width, height, depth: 8, colorType: 0, rows: [[0]] });

  it.each([
    ['empty', new Uint8Array(0), /not an image: f is empty, PNG or JPEG is needed/],
    ['GIF', new TextEncoder().encode('GIF89a..'), /not an image: f starts with 47 49 46 38 39 61/],
    ['PNG signature alone', Uint8Array.from(SIGNATURE), /damaged PNG: it ends at byte 8/],
    ['PNG cut off', goodPng.subarray(0, goodPng.length - 20), /damaged PNG/],
    ['PNG checksum', changed(goodPng, goodPng.length - 15, 0x55), /damaged PNG/],
    ['PNG colour type', changed(goodPng, 25, 5), /colour type 5 with 8 bits/],
    ['PNG bit depth', changed(goodPng, 24, 3), /colour type 0 with 3 bits/],
    ['PNG too large', sized(20_000, 20_000), /20000 x 20000 pixels/],
    ['PNG of 2^32 - 1 pixels a side', sized(2 ** 32 - 1, 2 ** 32 - 1), /pixels/],
    ['PNG without pixels', sized(0, 5), /0 x 5 pixels/],
    ['PNG with too little data', sized(10_000, 10_000), /need 100010000 bytes/],
    [
      'PNG with too much data',
      png({ width: 1, height: 1, depth: 8, colorType: 0, rows: Array.from({ length: 90_000 }, () => [0]) }),
      /need 2 bytes/,
    ],
    [
      'PNG palette index',
      png({ width: 1, height: 1, depth: 8, colorType: 3, rows: [[9]], palette: [0, 0, 0] }),
      /damaged PNG/,
    ],
    ['PNG without palette', png({ width: 1, height: 1, depth: 8, colorType: 3, rows: [[0]] }), /damaged PNG/],
    ['JPEG start alone', Uint8Array.of(0xff, 0xd8, 0xff), /damaged or unknown JPEG/],
    ['JPEG cut off', goodJpeg.subarray(0, goodJpeg.length - 200), /not all of 40 x 30 pixels/],
    ['JPEG with a size that its bytes cannot hold', withSize(10_000, 10_000), /not all of 10000 x 10000/],
    ['JPEG too large', withSize(65_535, 65_535), /65535 x 65535 pixels/],
  ])('%s', async (_, bytes, message) => {
    await expect(decodeImage(bytes, { name: 'f' })).rejects.toThrow(FormatError);
    await expect(decodeImage(bytes, { name: 'f' })).rejects.toThrow(message);
  });

  it('gives an image or a FormatError for 2,000 mutated files', async () => {
    let state = 1;
    const pick = (count: number) => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return Math.floor((state / 2 ** 32) * count);
    };
    for (let round = 0; round < 2_000; round += 1) {
      let file = (round % 2 === 0 ? goodPng : new Uint8Array(goodJpeg)).slice();
      for (let edit = 0; edit <= pick(3); edit += 1) file[3 + pick(file.length - 3)] = pick(256);
      if (pick(5) === 0) file = file.slice(0, pick(file.length));
      await decodeImage(file, { name: 'f' }).catch((error: unknown) => {
        if (!(error instanceof FormatError)) throw error;
      });
    }
  });
});

/** The good JPEG with another size in its frame header. */
function withSize(width: number, height: number): Uint8Array {
  const bytes = new Uint8Array(goodJpeg);
  const frame = bytes.findIndex((byte, index) => byte === 0xff && bytes[index + 1] === 0xc0);
  bytes.set([height >> 8, height & 255, width >> 8, width & 255], frame + 5);
  return bytes;
}
