/** Panel "Mistakes" without a browser: counts, order, shades, keys, when it is time to read again. */
import { describe, expect, test } from 'vitest';
import {
  afterKey,
  commonest,
  countsOf,
  DARKEST,
  imagesOf,
  likeliest,
  readingOf,
  shadeOf,
  shareOf,
} from '../../demo/src/panels/mistakes/confusion.ts';
import { EVERY_MS, isDue } from '../../demo/src/panels/mistakes/due.ts';

/** Probabilities of ten where one class has `p` and the rest share what is left. */
const row = (best: number, p: number): number[] => Array.from({ length: 10 }, (_, k) => (k === best ? p : (1 - p) / 9));

const LABELS = Uint8Array.from([4, 4, 4, 7, 4, 9]);
const READING = readingOf(
  LABELS,
  Float32Array.from([row(9, 0.5), row(9, 0.875), row(4, 0.75), row(7, 0.5), row(4, 0.25), row(9, 1)].flat()),
);
const at = (label: number, predicted: number) => ({ label, predicted });

describe('a reading', () => {
  test('is the most probable class of each image, with its probability', () => {
    expect([...READING.predicted]).toEqual([9, 9, 4, 7, 4, 9]);
    expect([...READING.confidence]).toEqual([0.5, 0.875, 0.75, 0.5, 0.25, 1]);
  });

  test('is the first class where several are as probable', () => {
    expect([...readingOf(Uint8Array.of(3), new Float32Array(10).fill(0.1)).predicted]).toEqual([0]);
  });

  test('is counted by rows of what images are and columns of what they are read as', () => {
    const counts = countsOf(READING);
    expect(counts[10 * 4 + 9]).toBe(2);
    expect(counts[10 * 4 + 4]).toBe(2);
    expect(counts[10 * 9 + 4]).toBe(0);
    expect(counts.reduce((a, b) => a + b)).toBe(LABELS.length);
  });
});

describe('images', () => {
  test('of a wrong cell: the surest first', () => expect(imagesOf(READING, at(4, 9))).toEqual([1, 0]));
  test('of a right cell: the least sure first', () => expect(imagesOf(READING, at(4, 4))).toEqual([4, 2]));
  test('of an empty cell: none', () => expect(imagesOf(READING, at(0, 1))).toEqual([]));
  test('of no cell: all that are wrong', () => expect(imagesOf(READING, null)).toEqual([1, 0]));
});

test('shares are of the row, and zero in a row without images', () => {
  const counts = countsOf(READING);
  expect(shareOf(counts, at(4, 9))).toBe(0.5);
  expect(shareOf(counts, at(9, 9))).toBe(1);
  expect(shareOf(counts, at(0, 0))).toBe(0);
});

test('a wrong cell is darkest at its limit, and rare mistakes are seen', () => {
  expect(shadeOf(0, at(1, 2))).toBe(0);
  expect(shadeOf(DARKEST, at(1, 2))).toBe(1);
  expect(shadeOf(0.7, at(1, 2))).toBe(1);
  expect(shadeOf(DARKEST / 100, at(1, 2))).toBeCloseTo(0.1);
  expect(shadeOf(0.7, at(1, 1))).toBe(0.7);
});

test('the commonest confusions leave out what is right and what never happens', () => {
  const counts = countsOf({
    labels: Uint8Array.of(1, 1, 1, 2, 2, 3, 3, 3),
    predicted: Uint8Array.of(1, 7, 7, 2, 3, 5, 5, 5),
  });
  expect(commonest(counts)).toEqual([
    { label: 3, predicted: 5, count: 3 },
    { label: 1, predicted: 7, count: 2 },
    { label: 2, predicted: 3, count: 1 },
  ]);
  expect(commonest(counts, 1)).toHaveLength(1);
});

test('the likeliest classes come in their order, and what the image is is among them', () => {
  const shares = new Float32Array(10);
  shares.set([0.25, 0, 0, 0.5, 0.125, 0.125]);
  const likely = [
    { digit: 3, share: 0.5 },
    { digit: 0, share: 0.25 },
  ];
  expect(likeliest(shares, 3)).toEqual([...likely, { digit: 4, share: 0.125 }]);
  expect(likeliest(shares, 0)).toEqual([...likely, { digit: 4, share: 0.125 }]);
  expect(likeliest(shares, 5)).toEqual([...likely, { digit: 5, share: 0.125 }]);
  expect(likeliest(shares, 9)).toEqual([...likely, { digit: 9, share: 0 }]);
});

test('arrow keys go from cell to cell and stay in the table', () => {
  expect(afterKey(at(4, 9), 'ArrowLeft')).toEqual(at(4, 8));
  expect(afterKey(at(4, 9), 'ArrowRight')).toEqual(at(4, 9));
  expect(afterKey(at(0, 3), 'ArrowUp')).toEqual(at(0, 3));
  expect(afterKey(at(0, 3), 'ArrowDown')).toEqual(at(1, 3));
  expect(afterKey(at(5, 3), 'Home')).toEqual(at(5, 0));
  expect(afterKey(at(5, 3), 'End')).toEqual(at(5, 9));
  expect(afterKey(at(5, 3), 'Enter')).toBeNull();
});

describe('the images are read again', () => {
  const last = { generation: 1, step: 100, now: 1000, epochs: 0 };
  const now = { ...last, running: false };

  test('for another network, at once', () => {
    expect(isDue(null, now)).toBe(true);
    expect(isDue(last, { ...now, generation: 2, step: 0, running: true })).toBe(true);
  });

  test('not where nothing has changed', () => {
    expect(isDue(last, { ...now, now: 1e9 })).toBe(false);
    expect(isDue(last, { ...now, now: 1e9, running: true })).toBe(false);
  });

  test('while it trains: now and then, and when an epoch has ended', () => {
    const running = { ...now, running: true, step: 200 };
    expect(isDue(last, { ...running, now: last.now + EVERY_MS - 1 })).toBe(false);
    expect(isDue(last, { ...running, now: last.now + EVERY_MS })).toBe(true);
    expect(isDue(last, { ...running, epochs: 1 })).toBe(true);
  });

  test('when it has paused elsewhere', () => {
    expect(isDue(last, { ...now, step: 101 })).toBe(true);
  });
});
