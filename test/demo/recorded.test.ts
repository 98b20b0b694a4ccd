/** The recording that visitors without WebGPU see: its codes, and whether the file that is there is a whole run. */
import { readFileSync, statSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  bytesOf,
  curve,
  decodeFilters,
  digitPixels,
  encodeFilters,
  filterPixels,
  placeOf,
  type Recording,
} from '../../demo/src/recorded/recording.ts';

const FILE = new URL('../../demo/record/lenet.json', import.meta.url);
const recording: Recording = JSON.parse(readFileSync(FILE, 'utf8'));
const { frames } = recording;

test('filters come back within half a step of their bytes, by the largest of all', () => {
  const weights = Float32Array.from([0, 0.5, -2, 1, -1, 0.25]);
  const [first, second] = decodeFilters(encodeFilters(weights), 3);
  for (const [i, value] of [...first!, ...second!].entries())
    expect(Math.abs(value - weights[i]! / 2)).toBeLessThanOrEqual(0.5 / 127);
  expect(first![2]).toBe(-1);
  expect(decodeFilters(encodeFilters(new Float32Array(2)), 2)).toEqual([[0, 0]]);
});

test('filters are blue below zero, orange above, light at zero', () => {
  const pixels = filterPixels([-1, 0, 1]);
  expect([...pixels]).toEqual([0, 84, 143, 255, 242, 241, 237, 255, 179, 69, 0, 255]);
  expect([...digitPixels(Uint8Array.of(7))]).toEqual([7, 7, 7, 255]);
});

test('the curve begins left and ends right, with the first steps given room', () => {
  expect(placeOf(0, 938)).toBe(0);
  expect(placeOf(938, 938)).toBe(1);
  expect(placeOf(30, 938)).toBeGreaterThan(0.4);
  const points = [frames[0]!, frames.at(-1)!].map((frame, i) => ({ ...frame, accuracy: i }));
  expect(curve(points, { width: 300, height: 100 })).toBe('0,100 300,0');
});

describe('the recording', () => {
  test('is smaller than 20 KB', () => expect(statSync(FILE).size).toBeLessThan(20_000));

  test('is a whole run in which the network learns', () => {
    expect(frames.map(({ step }) => step)).toEqual([...frames.map(({ step }) => step)].sort((a, b) => a - b));
    expect(frames[0]!.step).toBe(0);
    expect(frames[0]!.accuracy).toBeLessThan(0.2);
    expect(frames.at(-1)!.accuracy).toBeGreaterThan(0.97);
    expect(recording.date).toMatch(/^\d{4}-\d\d-\d\d$/);
    expect(recording.adapter).not.toBe('');
  });

  test('has six filters that change, and a digit that is read right in the end', () => {
    for (const { filters, probabilities } of frames) {
      expect(decodeFilters(filters, 25).map(({ length }) => length)).toEqual(new Array(6).fill(25));
      expect(probabilities.reduce((a, b) => a + b)).toBeCloseTo(1, 1);
    }
    expect(frames.at(-1)!.filters).not.toBe(frames[0]!.filters);
    expect(bytesOf(recording.pixels)).toHaveLength(784);
    const readings = frames.map(({ probabilities }) => probabilities.indexOf(Math.max(...probabilities)));
    expect(readings.at(-1)).toBe(recording.label);
    expect(new Set(readings).size).toBeGreaterThan(2);
  });
});
