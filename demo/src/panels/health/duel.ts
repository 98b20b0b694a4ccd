/** Cross-entropy and squared error: two trainers of one net, from the same weights, on the same batches. Imports gabor. */
import * as gabor from '../../../../src/index.ts';
import { type Duel, type DuelPoint, LOSS_IDS, type LossId, SATURATION } from './protocol.ts';

const { ops } = gabor;

/** Batches between two points. */
const EVERY = 10;
const BATCH = 32;
const CLASSES = 10;

const classes = gabor.crossEntropy();

/** A loss that is summed over the ten outputs, so that both have the same scale, and is the mean over the batch. */
function lossBy(name: string, apply: (output: gabor.Value, target: gabor.Value) => gabor.Value): gabor.Loss {
  return {
    ...classes,
    name,
    config: {},
    applyProbs: undefined,
    apply(output, labels) {
      const each = apply(output, ops.oneHot(labels, CLASSES));
      const { correct } = classes.apply(output, labels);
      return { loss: ops.mean(ops.sum(each, { axes: [1] })), correct };
    },
  };
}

const squared = (output: gabor.Value, target: gabor.Value): gabor.Value =>
  ops.mseLoss(output, target, { reduction: 'none' });

const LOSSES: { readonly [output in Duel['output']]: { readonly [id in LossId]: gabor.Loss } } = {
  softmax: {
    crossEntropy: classes,
    squared: lossBy('squared error of softmax', (output, target) => squared(ops.softmax(output, { axis: 1 }), target)),
  },
  sigmoid: {
    crossEntropy: lossBy('cross-entropy of sigmoid', (output, target) =>
      ops.bceWithLogitsLoss(output, target, { reduction: 'none' }),
    ),
    squared: lossBy('squared error of sigmoid', (output, target) => squared(ops.sigmoid(output), target)),
  },
};

interface Side {
  readonly trainer: gabor.Trainer;
  readonly monitor: gabor.Monitor;
  /** Since the last point. */
  correct: number;
  gradientNorm: number | null;
}

async function sideOf(device: gabor.Device, { output, start, lr }: Duel, id: LossId): Promise<Side> {
  const model = gabor.sequential([1, 28, 28], [gabor.flatten(), gabor.linear(64), gabor.relu(), gabor.linear(CLASSES)]);
  const trainer = await gabor.createTrainer(device, model, {
    loss: LOSSES[output][id],
    optimizer: gabor.sgd({ lr }),
    batchSize: BATCH,
    seed: 1,
  });
  try {
    const parameters = await trainer.parameters();
    const last = [...parameters.keys()].findLast((name) => name.endsWith('.weight'))!;
    if (start === 'saturated') {
      const { shape, data } = parameters.get(last)!;
      trainer.setParameters(new Map([[last, { shape, data: data.map((weight) => SATURATION * weight) }]]));
    }
    const side: Side = {
      trainer,
      monitor: gabor.monitor({
        every: EVERY,
        layers: [],
        onStats: (stats) => {
          side.gradientNorm = stats.parameters.get(last)?.gradientNorm ?? null;
        },
      }),
      correct: 0,
      gradientNorm: null,
    };
    await side.monitor.attach(trainer);
    return side;
  } catch (error) {
    trainer.dispose();
    throw error;
  }
}

export interface DuelOptions {
  readonly device: gabor.Device;
  readonly data: gabor.Dataset;
  readonly duel: Duel;
  /** Waits while nobody looks; throws where it is no longer wanted. */
  gate(): Promise<void>;
  onPoint(point: DuelPoint): void;
}

const both = <T>(value: (id: LossId) => T): { readonly [id in LossId]: T } => ({
  crossEntropy: value('crossEntropy'),
  squared: value('squared'),
});

export async function fight({ device, data, duel, gate, onPoint }: DuelOptions): Promise<void> {
  const sides = new Map<LossId, Side>();
  try {
    for (const id of LOSS_IDS) sides.set(id, await sideOf(device, duel, id));
    let step = 0;
    for (const batch of data.batches(BATCH, { shuffleSeed: 1, dropLast: true })) {
      await gate();
      step++;
      for (const { trainer } of sides.values()) trainer.step(batch);
      await Promise.all(
        [...sides.values()].map(async (side) => {
          side.correct += (await side.trainer.metrics()).accuracy / EVERY;
        }),
      );
      if (step % EVERY === 0) {
        for (const { monitor } of sides.values()) await monitor.flush();
        onPoint({
          step,
          accuracy: both((id) => sides.get(id)!.correct),
          gradientNorm: both((id) => sides.get(id)!.gradientNorm),
        });
        for (const side of sides.values()) side.correct = 0;
      }
      if (step === duel.steps) return;
    }
  } finally {
    // Their monitors are disposed of with them.
    for (const { trainer } of sides.values()) trainer.dispose();
  }
}
