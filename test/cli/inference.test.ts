/** `gabor evaluate` and `gabor predict` on a model that was trained here. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from 'fast-png';
import jpeg from 'jpeg-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadMnist, type Mnist } from '../../src/data/mnist.ts';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { flatten, linear } from '../../src/nn/layers.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { createTrainer } from '../../src/train/trainer.ts';
import { device } from '../support/device.ts';
import { expectError, gabor, removeFolders, smallMnist, temporaryFolder } from './run-cli.ts';

const TEST = 500;

let data = '';
let folder = '';
let file = '';
let trained: { accuracy: number; loss: number };
let test: Mnist;

beforeAll(async () => {
  data = await smallMnist({ train: 4000, test: TEST });
  folder = temporaryFolder();
  file = join(folder, 'model.safetensors');
  const { stdout } = await gabor(`train --data ${data} --epochs 2 --out ${folder} --json --no-report`);
  trained = JSON.parse(stdout.split('\n').at(-1)!);
  ({ test } = await loadMnist());
});

afterAll(removeFolders);

/** A checkpoint of an untrained model of another kind. */
async function otherModel(inputShape: readonly number[], classes: number): Promise<string> {
  const trainer = await createTrainer(await device(), sequential(inputShape, [flatten(), linear(classes)]), {
    loss: crossEntropy(),
    optimizer: sgd(),
  });
  const path = join(temporaryFolder(), 'other.safetensors');
  writeFileSync(path, await trainer.save());
  trainer.dispose();
  return path;
}

describe('evaluate', () => {
  it('gives what training gave', async () => {
    const { code, stdout } = await gabor(`evaluate ${file} --data ${data} --json`);
    expect(code).toBe(0);
    const result = JSON.parse(stdout);
    expect(result.samples).toBe(TEST);
    expect(result.accuracy).toBe(trained.accuracy);
    expect(result.loss).toBeCloseTo(trained.loss, 5);
    const counts: number[][] = result.counts;
    for (const [label, row] of counts.entries()) {
      const images = test.labels.subarray(0, TEST).filter((l) => l === label).length;
      expect(row.reduce((a, b) => a + b, 0)).toBe(images);
      expect(result.recall[label]).toBe(row[label]! / images);
    }
    expect(counts.reduce((sum, row, label) => sum + row[label]!, 0) / TEST).toBe(result.accuracy);
  });

  it('prints a table', async () => {
    const { stdout } = await gabor(`evaluate ${file} --data ${data}`);
    expect(stdout).toMatch(/^label +0 +1 .* recall$/m);
    expect(stdout).toMatch(/^accuracy \d+\.\d\d% \(\d+ of 500\), loss \d/m);
  });

  it('says what is wrong with a file', async () => {
    const path = (name: string, bytes: Uint8Array): string => {
      const made = join(temporaryFolder(), name);
      writeFileSync(made, bytes);
      return made;
    };
    const bytes = readFileSync(file);
    const weights = writeSafetensors(new Map([['w', { dtype: 'F32', shape: [1], data: new Float32Array(1) }]]), {});
    await expectError(`evaluate ${folder}/none --data ${data}`, { code: 1, parts: ['none', 'ENOENT'] });
    await expectError(`evaluate ${path('short', bytes.subarray(0, 5000))}`, { code: 1, parts: ['safetensors'] });
    await expectError(`evaluate ${path('weights', weights)}`, { code: 1, parts: ['no model description'] });
    const colour = await otherModel([3, 8, 8], 10);
    await expectError(`evaluate ${colour} --data ${data}`, { code: 1, parts: ['[3,8,8]', '[1,28,28]'] });
    const few = await otherModel([1, 28, 28], 4);
    await expectError(`evaluate ${few} --data ${data}`, { code: 1, parts: ['gives [4]', '10 classes'] });
  });
});

/** A picture of a digit, enlarged four times on a wider ground; `paper` is its brightness, the ink its opposite. */
function picture(index: number, paper: 0 | 255): { width: number; height: number; data: Uint8Array } {
  const [scale, margin] = [4, 30];
  const side = 28 * scale;
  const [width, height] = [side + 3 * margin, side + 2 * margin];
  const pixels = new Uint8Array(width * height).fill(paper);
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const ink = test.images[index * 784 + Math.floor(y / scale) * 28 + Math.floor(x / scale)]!;
      pixels[(y + margin) * width + x + margin] = paper === 0 ? ink : 255 - ink;
    }
  }
  return { width, height, data: pixels };
}

describe('predict', () => {
  /** An image that the model is sure about. */
  let index = 0;
  let label = '';

  beforeAll(async () => {
    const paths: string[] = [];
    const images = join(folder, 'digits');
    mkdirSync(images);
    for (let i = 0; i < 20; i++) {
      paths.push(join(images, `${i}.png`));
      const pixels = test.images.slice(i * 784, (i + 1) * 784);
      writeFileSync(paths[i]!, encode({ width: 28, height: 28, channels: 1, depth: 8, data: pixels }));
    }
    const { code, stdout } = await gabor(['predict', file, ...paths, '--json', '--top', '1']);
    expect(code).toBe(0);
    const results: { image: string; class: string; probabilities: { probability: number }[] }[] = JSON.parse(stdout);
    const right = results.map((r, i) => (r.class === `${test.labels[i]}` ? r.probabilities[0]!.probability : 0));
    expect(right.filter((p) => p > 0).length).toBeGreaterThan(12);
    index = right.indexOf(Math.max(...right));
    label = `${test.labels[index]}`;
  });

  it('knows a digit as PNG or JPEG, large, white on black or black on white', async () => {
    const paths: string[] = [];
    for (const paper of [0, 255] as const) {
      const { width, height, data: pixels } = picture(index, paper);
      const png = join(folder, `${paper}.png`);
      writeFileSync(png, encode({ width, height, channels: 1, depth: 8, data: pixels }));
      const jpg = join(folder, `${paper}.jpg`);
      const rgba = Uint8Array.from({ length: pixels.length * 4 }, (_, i) => (i % 4 === 3 ? 255 : pixels[i >> 2]!));
      writeFileSync(jpg, jpeg.encode({ width, height, data: rgba }, 90).data);
      paths.push(png, jpg);
    }
    const { code, stdout } = await gabor(['predict', file, ...paths, '--json', '--top', '10']);
    expect(code).toBe(0);
    const results = JSON.parse(stdout);
    expect(results.map((r: { image: string }) => r.image)).toEqual(paths);
    for (const { class: found, probabilities } of results) {
      expect(found).toBe(label);
      expect(probabilities).toHaveLength(10);
      const values: number[] = probabilities.map((p: { probability: number }) => p.probability);
      expect(values).toEqual([...values].sort((a, b) => b - a));
      expect(values.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 5);
    }
  });

  it('prints bars', async () => {
    const path = join(folder, 'digits', `${index}.png`);
    const { stdout } = await gabor(['predict', file, path, '--top', '2']);
    const lines = stdout.split('\n');
    expect(lines[0]).toBe(`${path}: ${label}`);
    expect(lines).toHaveLength(3);
    expect(lines[1]).toMatch(new RegExp(`^ {2}${label} {2}█+·* +\\d+\\.\\d\\d%$`));
  });

  it('says what is wrong with an image, and prints no result then', async () => {
    const good = join(folder, 'digits', '0.png');
    const bad = (name: string, bytes: Uint8Array): string => {
      writeFileSync(join(folder, name), bytes);
      return join(folder, name);
    };
    const png = readFileSync(good);
    const blank = encode({ width: 50, height: 50, channels: 1, depth: 8, data: new Uint8Array(2500).fill(255) });
    const cases: readonly [string, ...string[]][] = [
      [join(folder, 'none.png'), 'none.png', 'ENOENT'],
      [folder, 'EISDIR'],
      [bad('text.png', new TextEncoder().encode('hello')), 'not an image', 'text.png'],
      [bad('empty.png', new Uint8Array(0)), 'not an image', 'is empty'],
      [bad('short.png', png.subarray(0, png.length - 40)), 'short.png'],
      [bad('blank.png', blank), 'blank.png'],
    ];
    for (const [path, ...parts] of cases) await expectError(['predict', file, good, path], { code: 1, parts });
    await expectError(['predict', good, good], { code: 1, parts: ['safetensors'] });
    await expectError(['predict', await otherModel([3, 8, 8], 10), good], { code: 1, parts: ['[3,8,8]', '[1,28,28]'] });
    expect(readdirSync(folder)).not.toContain('none.png');
  });
});
