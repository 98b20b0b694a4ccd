/** The sweeps of `bench scaling`: nets of convolutions that grow along one axis, and the measurement of one of them. Imports cli/bench, gpu, inspect, nn, optim, train. */
import type { Device } from '../../gpu/device.ts';
import { waitFor } from '../../gpu/wait.ts';
import { type Profile, profile } from '../../inspect/profile.ts';
import { conv2d, flatten, globalAvgPool2d, linear, relu } from '../../nn/layers.ts';
import { crossEntropy } from '../../nn/losses.ts';
import { type Model, sequential } from '../../nn/model.ts';
import { sgd } from '../../optim/sgd.ts';
import { needOf } from '../../train/fits.ts';
import { createTrainer, type Trainer } from '../../train/trainer.ts';
import { StateError } from '../../util/errors.ts';
import { sizeOf } from '../../util/shape.ts';
import { spreadOf } from './benchmark.ts';
import type { ScalingPoint } from './scaling-lines.ts';

export interface Size {
  readonly batch: number;
  readonly side: number;
  readonly channels: number;
  readonly depth: number;
}

export interface Sweep {
  readonly name: keyof Size;
  /** For the axis of the charts. */
  readonly timeLabel: string;
  readonly memoryLabel: string;
  readonly values: readonly number[];
  readonly full: readonly number[];
  /** What time should be proportional to, of a value or of the FLOPs of a step. */
  readonly timeX: (value: number, flops: number) => number;
  readonly memoryX: (value: number) => number;
}

const BASE: Size = { batch: 16, side: 28, channels: 16, depth: 3 };

const itself = (value: number): number => value;
const squared = (value: number): number => value * value;
const work = (_: number, flops: number): number => flops / 1e6;

/** Values at, below and above multiples of usual tiles are among them. */
export const SWEEPS: readonly Sweep[] = [
  {
    ...{
      name: 'batch',
      timeLabel: 'images in a batch',
      memoryLabel: 'images in a batch',
      timeX: itself,
      memoryX: itself,
    },
    values: [1, 2, 4, 8, 16, 31, 32, 33, 64, 128, 256, 512, 1024],
    full: [1, 2, 3, 4, 5, 7, 8, 9, 12, 16, 24, 31, 32, 33, 48, 64, 65, 96, 128, 129, 192, 256, 384, 512, 768, 1024],
  },
  {
    ...{
      name: 'side',
      timeLabel: 'pixels of an image',
      memoryLabel: 'pixels of an image',
      timeX: squared,
      memoryX: squared,
    },
    values: [28, 32, 33, 56, 64, 112, 224],
    full: [28, 29, 31, 32, 33, 40, 48, 56, 64, 65, 80, 96, 112, 128, 160, 192, 224],
  },
  {
    ...{ name: 'channels', timeLabel: 'MFLOPs of a step', memoryLabel: 'channels', timeX: work, memoryX: itself },
    values: [4, 8, 12, 16, 17, 32, 48, 64],
    full: [1, 2, 3, 4, 6, 8, 12, 16, 17, 24, 31, 32, 33, 48, 64, 65, 96, 128, 192, 256],
  },
  {
    ...{ name: 'depth', timeLabel: 'MFLOPs of a step', memoryLabel: 'convolutions', timeX: work, memoryX: itself },
    values: [1, 2, 4, 8, 16],
    full: [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64],
  },
];

export const sizeAt = ({ name }: Sweep, value: number): Size => ({ ...BASE, [name]: value });

/** `depth` convolutions of 3x3 that keep the image's size, each with relu; the mean of the image; classes. */
function netOf({ side, channels, depth }: Size): Model {
  const convolutions = Array.from({ length: depth }, () => [conv2d(channels, 3, { padding: 1 }), relu()]).flat();
  return sequential([3, side, side], [...convolutions, globalAvgPool2d(), flatten(), linear(10)]);
}

export interface Measured {
  readonly point: ScalingPoint;
  /** Times of its dispatches; asked for where the curve leaves the line. */
  readonly profile: () => Promise<Profile>;
}

/** A measurement lasts this long at least, ms. */
const LONG_ENOUGH = 60;
/** Steps that take longer are measured three times, ms. */
const SLOW = 500;

function batchOf(model: Model, batch: number): { x: Float32Array<ArrayBuffer>; y: Int32Array<ArrayBuffer> } {
  const x = Float32Array.from({ length: batch * sizeOf(model.inputShape) }, (_, i) => ((i * 31) % 17) / 8 - 1);
  return { x, y: Int32Array.from({ length: batch }, (_, i) => i % 10) };
}

const trainerOf = (device: Device, size: Size): Promise<Trainer> =>
  createTrainer(device, netOf(size), {
    loss: crossEntropy(),
    optimizer: sgd({ lr: 1e-3, momentum: 0.9 }),
    batchSize: size.batch,
    seed: 1,
  });

async function timeSteps(trainer: Trainer, batch: number, rounds: number) {
  const { gpu } = trainer.device;
  const plan = await trainer.engine.plan({ mode: 'train', batch });
  const { x, y } = batchOf(trainer.model, batch);
  trainer.engine.session.write(plan, 'x', x);
  trainer.engine.session.write(plan, 'y', y);
  const run = async (steps: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < steps; i++) trainer.replay(plan, { samples: batch });
    await waitFor(gpu.queue.onSubmittedWorkDone());
    return performance.now() - start;
  };
  await run(1); // compiles what the driver compiles late
  const once = await run(1);
  const steps = Math.min(200, Math.max(1, Math.ceil(LONG_ENOUGH / once)));
  const times: number[] = [];
  for (let i = 0; i < (once > SLOW ? Math.min(3, rounds) : rounds); i++)
    times.push((1000 * (await run(steps))) / steps);
  const { loss } = await trainer.metrics();
  if (!Number.isFinite(loss)) throw new StateError(`bench scaling: the loss is ${loss}, so the times mean nothing.`);
  return { plan: plan.plan, ...spreadOf(times) };
}

/** A point of a sweep. Rejects with DeviceError where the batch does not fit into memory. */
export async function measurePoint(
  device: Device,
  sweep: Sweep,
  { value, rounds }: { readonly value: number; readonly rounds: number },
): Promise<Measured> {
  const size = sizeAt(sweep, value);
  const { batch } = size;
  const trainer = await trainerOf(device, size);
  try {
    const { plan, median, min, max } = await timeSteps(trainer, batch, rounds);
    const { flops, dispatches } = plan;
    const point: ScalingPoint = {
      ...{ value, batch, microseconds: median, min, max, flops },
      timeX: sweep.timeX(value, flops),
      memoryX: sweep.memoryX(value),
      bytes: needOf(plan, []).total + trainer.engine.session.arenaBytes,
      dispatches: dispatches.length + trainer.updater.plans.update.plan.dispatches.length,
    };
    return { point, profile: () => profileOf(device, size) };
  } finally {
    trainer.dispose();
  }
}

async function profileOf(device: Device, size: Size): Promise<Profile> {
  const trainer = await trainerOf(device, size);
  try {
    return await profile(trainer, { steps: 3, batch: size.batch });
  } finally {
    trainer.dispose();
  }
}
