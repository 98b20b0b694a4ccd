/** Panel "Convolution" in the worker: the engine's outputs against the numbers that the page shows, and the network's filters. */
import { afterAll, describe, expect, test } from 'vitest';
import { DEFAULT_CONFIG } from '../../demo/src/engine/config.ts';
import type { Experiment } from '../../demo/src/engine/lab.ts';
import { modelOf } from '../../demo/src/engine/networks.ts';
import { axesOf } from '../../demo/src/panels/convolution/geometry.ts';
import { digitImage, EXAMPLE, type Image } from '../../demo/src/panels/convolution/image.ts';
import { presetKernel } from '../../demo/src/panels/convolution/kernels.ts';
import { ConvolutionService, type Shapes } from '../../demo/src/panels/convolution/service.ts';
import { DEFAULT_SETTINGS, frameOf, type Settings } from '../../demo/src/panels/convolution/settings.ts';
import { agrees, type Problem, stepOf } from '../../demo/src/panels/convolution/window.ts';
import * as gabor from '../../src/index.ts';
import { device } from '../support/device.ts';

const images = gabor.imageDataset({
  images: new Uint8Array(784),
  labels: [0],
  shape: [1, 28, 28],
  classes: 10,
  mean: [0.25],
  std: [0.5],
});
const trainers: gabor.Trainer[] = [];

async function experimentOf(network: 'lenet' | 'mlp', generation = 1): Promise<Experiment> {
  const config = { ...DEFAULT_CONFIG, network };
  const trainer = await gabor.createTrainer(await device(), modelOf(config), {
    loss: gabor.crossEntropy(),
    optimizer: gabor.sgd({ lr: 0.1 }),
    batchSize: 2,
  });
  trainers.push(trainer);
  const layers = [...gabor.inspect(trainer).layers].map(([name, { type, shape }]) => ({ name, type, shape }));
  return { device: trainer.device, trainer, info: { config, layers, parameters: 0, generation } };
}

const service = new ConvolutionService({ mnist: { train: images, test: images } });
const pixels = Uint8Array.from({ length: 784 }, (_, i) => (i * i * 7919) % 256);

afterAll(() => {
  service.attach(null);
  for (const trainer of trainers) trainer.dispose();
});

function problemOf(settings: Settings, image: Image): Problem {
  const { operation, activation, countPadding, bias } = settings;
  const kernel = Float32Array.from(presetKernel('random', frameOf(settings).kernel, { angle: 0, seed: 5 }));
  return { operation, image, axes: axesOf(settings, image), kernel, bias, activation, countPadding };
}

function shapesOf(settings: Settings, { rows, columns }: Image): Shapes {
  const { operation, activation, roundUp, countPadding } = settings;
  return { operation, size: [rows, columns], ...frameOf(settings), roundUp, countPadding, activation };
}

/** Compares all places; returns how many. */
async function compare(settings: Settings, image: Image): Promise<number> {
  const problem = problemOf(settings, image);
  const { kernel, bias, axes } = problem;
  const output = await service.run(shapesOf(settings, image), { image: image.data, kernel, bias });
  const { rows, columns } = axes;
  expect(output.length).toBe(rows.outputs * columns.outputs);
  for (const [i, value] of output.entries()) {
    const step = stepOf(problem, { row: Math.floor(i / columns.outputs), column: i % columns.outputs });
    expect(agrees(step, value), `${JSON.stringify(settings)} at ${i}: ${value}, shown ${step.result}`).toBe(true);
  }
  return output.length;
}

const conv = (part: Partial<Settings>): Settings => ({ ...DEFAULT_SETTINGS, bias: 0.3, ...part });
const pool = (part: Partial<Settings>): Settings => ({ ...DEFAULT_SETTINGS, ...part });

describe('outputs', () => {
  test.each([
    ['none', conv({ activation: 'none' })],
    ['relu', conv({ activation: 'relu', conv: { kernel: 5, stride: 2, padding: [0, 1, 2, 3] } })],
    ['sigmoid', conv({ activation: 'sigmoid', conv: { kernel: 2, stride: 3, padding: [3, 0, 0, 1] } })],
    ['tanh', conv({ activation: 'tanh', conv: { kernel: 7, stride: 4, padding: [1, 1, 1, 1] } })],
    ['of one pixel', conv({ activation: 'none', conv: { kernel: 1, stride: 4, padding: [3, 3, 3, 3] } })],
    ['max', pool({ operation: 'max', pool: { kernel: 3, stride: 2, padding: [1, 0, 1, 1] } })],
    [
      'max, rounded up',
      pool({ operation: 'max', roundUp: true, pool: { kernel: 2, stride: 4, padding: [1, 1, 1, 0] } }),
    ],
    ['average', pool({ operation: 'avg', pool: { kernel: 3, stride: 2, padding: [1, 1, 0, 1] } })],
    [
      'average, rounded up',
      pool({ operation: 'avg', roundUp: true, pool: { kernel: 5, stride: 3, padding: [2, 1, 1, 0] } }),
    ],
    [
      'average without padding',
      pool({
        operation: 'avg',
        roundUp: true,
        countPadding: false,
        pool: { kernel: 4, stride: 3, padding: [2, 2, 1, 1] },
      }),
    ],
  ])('%s: what the engine computes is what the page works out', async (_, settings) => {
    service.attach(await experimentOf('lenet'));
    for (const image of [EXAMPLE, digitImage(pixels), digitImage(pixels, { mean: 0.25, std: 0.5 })])
      expect(await compare(settings, image)).toBeGreaterThan(0);
  });

  test('wait for a network, and are made on the next one where theirs goes under way', async () => {
    service.attach(null);
    const settings = conv({ conv: { kernel: 6, stride: 1, padding: [0, 0, 0, 0] } });
    let done = false;
    const waiting = compare(settings, EXAMPLE).then((count) => {
      done = true;
      return count;
    });
    const filters = service.filters();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(done).toBe(false);
    service.attach(await experimentOf('lenet', 3));
    expect(await waiting).toBe(4);
    expect((await filters)?.generation).toBe(3);
    // With the program there, it goes while the output is read; without, while it is compiled.
    for (const operation of ['conv', 'max'] as const) {
      const pending = compare({ ...settings, operation }, EXAMPLE);
      await Promise.resolve()
        .then(() => {})
        .then(() => {})
        .then(() => {});
      service.attach(null);
      service.attach(await experimentOf('lenet', 4));
      expect(await pending).toBeGreaterThan(0);
    }
  });

  test('more programs than are kept still give their own outputs', async () => {
    service.attach(await experimentOf('lenet'));
    const frames = [1, 2, 3, 4, 5, 6, 7].map((kernel) => ({ kernel, stride: 1, padding: [0, 0, 0, 0] }) as const);
    for (const frame of [...frames, frames[0]!, frames[6]!]) await compare(conv({ conv: frame }), EXAMPLE);
  });
});

describe('filters', () => {
  test('are those of the first convolution, as they are now', async () => {
    const experiment = await experimentOf('lenet', 7);
    service.attach(experiment);
    const filters = (await service.filters())!;
    const fixed = { generation: 7, layer: 'conv1', count: 6, kernel: 5, stride: 1, padding: 2, activation: 'relu' };
    expect(filters).toMatchObject({ ...fixed, mean: 0.25, std: 0.5 });
    const weight = { shape: [6, 1, 5, 5], data: Float32Array.from({ length: 150 }, (_, i) => i) };
    experiment.trainer.setParameters(new Map([['conv1.weight', weight]]));
    expect((await service.filters())!.weights).toEqual(weight.data);
    expect(filters.biases).toEqual((await experiment.trainer.parameters()).get('conv1.bias')!.data);
  });

  test('none where there is no convolution', async () => {
    service.attach(await experimentOf('mlp'));
    expect(await service.filters()).toBeNull();
  });
});
