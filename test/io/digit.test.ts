/** Pictures of MNIST digits, drawn large and encoded, come back as the digits; other pictures come out as MNIST's rules say. */
import { encode as encodePng } from 'fast-png';
import { encode as encodeJpeg } from 'jpeg-js';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadMnist } from '../../src/data/mnist.ts';
import { toMnistDigit } from '../../src/io/digit.ts';
import { decodeImage, type GrayImage } from '../../src/io/image.ts';
import { FormatError } from '../../src/util/errors.ts';

let images = new Uint8Array(0);
beforeAll(async () => {
  images = new Uint8Array((await loadMnist()).test.images);
});

const digitOf = (index: number) => images.subarray(784 * index, 784 * (index + 1));

/** Draws bytes [28, 28] `scale` times as large, black on white, with its upper left corner at (x, y). */
function draw(
  digit: Uint8Array,
  canvas: { width: number; height: number; x: number; y: number; scale: number },
): GrayImage {
  const { width, height, x, y, scale } = canvas;
  const data = new Float32Array(width * height).fill(1);
  for (let row = 0; row < 28 * scale; row += 1) {
    for (let column = 0; column < 28 * scale; column += 1) {
      const value = digit[28 * Math.floor(row / scale) + Math.floor(column / scale)] ?? 0;
      data[(y + row) * width + x + column] = 1 - value / 255;
    }
  }
  return { width, height, data };
}

function png({ width, height, data }: GrayImage): Uint8Array {
  return encodePng({
    width,
    height,
    channels: 1,
    depth: 8,
    data: Uint8Array.from(data, (value) => Math.round(255 * value)),
  });
}

function jpeg({ width, height, data }: GrayImage): Uint8Array {
  const rgba = Uint8Array.from({ length: 4 * data.length }, (_, at) =>
    at % 4 === 3 ? 255 : Math.round(255 * (data[at >> 2] ?? 0)),
  );
  return encodeJpeg({ width, height, data: rgba }, 80).data;
}

function meanError(a: Uint8Array, b: Uint8Array): number {
  return a.reduce((sum, value, index) => sum + Math.abs(value - (b[index] ?? 0)), 0) / a.length;
}

const median = (values: number[]) => values.sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

describe('a picture of an MNIST digit', () => {
  const canvas = { width: 400, height: 300, x: 150, y: 40, scale: 7 };

  it.each([
    ['PNG', png, 0.5],
    ['JPEG', jpeg, 1],
  ])('comes back from %s with a mean error below the bound', async (_, encode, bound) => {
    const errors: number[] = [];
    for (let index = 0; index < 40; index += 1) {
      const image = await decodeImage(encode(draw(digitOf(index), canvas)), { name: 'digit' });
      errors.push(meanError(toMnistDigit(image), digitOf(index)));
    }
    // Of 255. Few digits, whose edges are so faint that a row of them is lost, come back one pixel aside.
    expect(median(errors)).toBeLessThan(bound);
    expect(errors.filter((error) => error > 6).length).toBeLessThanOrEqual(4);
  });

  it('comes back from a photograph: grey paper lit from one side, noise, specks, pale ink', () => {
    const errors: number[] = [];
    let state = 1;
    const noise = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state / 2 ** 32 - 0.5;
    };
    for (let index = 0; index < 40; index += 1) {
      const { width, height, data } = draw(digitOf(index), canvas);
      const photo = data.map((value, at) => {
        const paper = 0.5 + (0.3 * (at % width)) / width + (0.1 * at) / data.length;
        return paper - 0.4 * (1 - value) + 0.04 * noise();
      });
      photo[20 * width + 20] = 0;
      photo[280 * width + 390] = 0;
      errors.push(meanError(toMnistDigit({ width, height, data: photo }), digitOf(index)));
    }
    expect(median(errors)).toBeLessThan(8);
  });
});

describe('an image made like MNIST', () => {
  it('is left unchanged, or only inverted', () => {
    for (let index = 0; index < 200; index += 1) {
      const digit = digitOf(index);
      const data = Float32Array.from(digit, (value) => value / 255);
      expect(toMnistDigit({ width: 28, height: 28, data })).toEqual(new Uint8Array(digit));
      expect(toMnistDigit({ width: 28, height: 28, data: data.map((value) => 1 - value) })).toEqual(
        new Uint8Array(digit),
      );
    }
  });
});

describe('any other image', () => {
  /** A filled rectangle of ink on paper. */
  function block(
    size: { width: number; height: number },
    ink: { left: number; top: number; right: number; bottom: number; value: number },
  ): GrayImage {
    const data = Float32Array.from({ length: size.width * size.height }, (_, at) => {
      const x = at % size.width;
      const y = Math.floor(at / size.width);
      return x >= ink.left && x < ink.right && y >= ink.top && y < ink.bottom ? ink.value : 1 - ink.value;
    });
    return { ...size, data };
  }

  it.each([0, 1])('is scaled to 20 pixels, centred, and white on black (ink %i)', (value) => {
    const digit = toMnistDigit(block({ width: 200, height: 100 }, { left: 5, top: 10, right: 25, bottom: 90, value }));
    const lit = [...digit.keys()].filter((index) => (digit[index] ?? 0) > 0);
    const columns = lit.map((index) => index % 28);
    const rows = lit.map((index) => Math.floor(index / 28));
    expect([Math.min(...rows), Math.max(...rows)]).toEqual([4, 23]);
    expect([Math.min(...columns), Math.max(...columns)]).toEqual([12, 16]);
    expect(digit[14 * 28 + 14]).toBe(255);
  });

  it('keeps its ink where the centre of mass would push it over the edge, and full white in thin strokes', () => {
    const { width, height, data } = block(
      { width: 300, height: 300 },
      { left: 20, top: 20, right: 280, bottom: 60, value: 0 },
    );
    for (let y = 60; y < 280; y += 1) data[y * width + 150] = 0;
    const digit = toMnistDigit({ width, height, data });
    expect(Math.max(...digit)).toBe(255);
    const rows = [...digit.keys()].filter((index) => (digit[index] ?? 0) > 0).map((index) => Math.floor(index / 28));
    expect([Math.min(...rows), Math.max(...rows)]).toEqual([8, 27]);
    const line = block({ width: 500, height: 500 }, { left: 249, top: 50, right: 251, bottom: 450, value: 0 });
    expect(Math.max(...toMnistDigit(line))).toBe(255);
  });

  it.each([
    ['white', 1],
    ['black', 0],
    ['grey', 0.5],
  ])('throws FormatError if it is blank: %s', (_, value) => {
    for (const side of [1, 2, 28, 300]) {
      const image = { width: side, height: side, data: new Float32Array(side * side).fill(value) };
      expect(() => toMnistDigit(image)).toThrow(FormatError);
      expect(() => toMnistDigit(image)).toThrow(/the image is blank: 0\.0 %/);
    }
  });

  it('throws FormatError for noise alone', () => {
    let state = 1;
    const data = Float32Array.from({ length: 90_000 }, () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return 0.5 + 0.1 * (state / 2 ** 32);
    });
    expect(() => toMnistDigit({ width: 300, height: 300, data })).toThrow(/blank/);
  });
});
