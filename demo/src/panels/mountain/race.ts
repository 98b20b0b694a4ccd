/** Five optimizers set off from the same weights on the same batches, step by step side by side. Imports gabor, engine, vectors. */
import * as gabor from '../../../../src/index.ts';
import { type Config, OPTIMIZERS } from '../../engine/config.ts';
import { lossOf } from '../../engine/losses.ts';
import { modelOf, optimizerOf } from '../../engine/networks.ts';
import type { RunnerId, Wish } from './protocol.ts';
import { flatten, type Tensor, type Vector } from './vectors.ts';

/** Where a runner has been. */
export interface Track {
  readonly id: RunnerId;
  /** Weights, the first ones included. */
  readonly weights: Vector[];
  /** The step after which losses or weights were no numbers. */
  divergedAt: number | null;
}

export interface RaceOptions {
  readonly device: gabor.Device;
  readonly config: Config;
  readonly data: gabor.Dataset;
  readonly wish: Wish;
  /** All that they set off from, running statistics included. */
  readonly start: ReadonlyMap<string, Tensor>;
  /** Names of the parameters in a vector. */
  readonly names: readonly string[];
  /** Waits while nobody looks; throws where it is no longer wanted. */
  gate(): Promise<void>;
  onStep(step: number, losses: readonly (number | null)[]): void;
}

/** Points of a path that are kept, at most, and the memory that all paths may take together. */
const MOST_POINTS = 30;
const MOST_BYTES = 64 * 2 ** 20;

/** Steps between two points of a path. */
export function stepsApart(steps: number, parameters: number): number {
  const room = Math.floor(MOST_BYTES / (4 * parameters * OPTIMIZERS.length));
  return Math.max(1, Math.ceil(steps / Math.max(2, Math.min(MOST_POINTS, room))));
}

interface Runner {
  readonly track: Track;
  readonly trainer: gabor.Trainer;
}

async function runnersOf({ device, config, wish, start, names }: RaceOptions): Promise<Runner[]> {
  const runners: Runner[] = [];
  try {
    for (const id of OPTIMIZERS) {
      const trainer = await gabor.createTrainer(device, modelOf(config), {
        loss: lossOf(config),
        optimizer: optimizerOf({ optimizer: id, lr: wish.rates[id] }),
        batchSize: wish.batch,
        seed: config.seed,
      });
      runners.push({ trainer, track: { id, weights: [flatten(start, names)], divergedAt: null } });
      trainer.setParameters(start);
    }
  } catch (error) {
    for (const { trainer } of runners) trainer.dispose();
    throw error;
  }
  return runners;
}

const finite = (vector: Vector): boolean => Number.isFinite(vector.reduce((sum, value) => sum + value, 0));

/** One batch for all that still run: their losses before it, and their weights after it where they are to be kept. */
async function together(
  runners: readonly Runner[],
  { batch, step, keeps, names }: { batch: gabor.Batch; step: number; keeps: boolean; names: readonly string[] },
): Promise<(number | null)[]> {
  for (const { trainer, track } of runners) if (track.divergedAt === null) trainer.step(batch);
  return Promise.all(
    runners.map(async ({ trainer, track }) => {
      if (track.divergedAt !== null) return null;
      const [{ loss }, tensors] = await Promise.all([trainer.metrics(), keeps ? trainer.parameters() : null]);
      const vector = tensors && flatten(tensors, names);
      if (!Number.isFinite(loss) || (vector && !finite(vector))) {
        track.divergedAt = step;
        return null;
      }
      if (vector) track.weights.push(vector);
      return loss;
    }),
  );
}

export async function race(options: RaceOptions): Promise<Track[]> {
  const { data, wish, config, names } = options;
  const runners = await runnersOf(options);
  try {
    const every = stepsApart(wish.steps, runners[0]!.track.weights[0]!.length);
    let step = 0;
    while (step < wish.steps) {
      for (const batch of data.batches(wish.batch, { shuffleSeed: config.seed, dropLast: true })) {
        await options.gate();
        step++;
        const keeps = step % every === 0 || step === wish.steps;
        options.onStep(step, await together(runners, { batch, step, keeps, names }));
        if (step === wish.steps) break;
      }
    }
    return runners.map(({ track }) => track);
  } finally {
    for (const { trainer } of runners) trainer.dispose();
  }
}
