/** Updates of a million parameters, as cases of `bench kernels`. Imports compile, kernel-case, nn, optim, train. */
import { boundValues } from '../../compile/lower.ts';
import { linear } from '../../nn/layers.ts';
import { mse } from '../../nn/losses.ts';
import { sequential } from '../../nn/model.ts';
import { adam } from '../../optim/adam.ts';
import type { Optimizer } from '../../optim/optimizer.ts';
import { sgd } from '../../optim/sgd.ts';
import { createTrainer } from '../../train/trainer.ts';
import { difference, type KernelCase, sample } from './kernel-case.ts';

const SIDE = 1024;
const BATCH = 4;
const RATE = 2 ** -10;

interface Update {
  readonly optimizer: Optimizer;
  /** What the first step subtracts from a weight of this gradient. */
  readonly first: (gradient: number) => number;
}

const UPDATES: { readonly [name: string]: Update } = {
  'sgd with momentum': { optimizer: sgd({ lr: RATE, momentum: 0.9 }), first: (g) => RATE * g },
  // Both moments are corrected: m / (sqrt(v) + eps) is the sign.
  adam: { optimizer: adam({ lr: RATE }), first: (g) => (RATE * g) / (Math.abs(g) + 1e-8) },
};

function updateCase(name: string, { optimizer, first }: Update): KernelCase {
  return {
    name: `update ${name} 1M`,
    async prepare(device) {
      const model = sequential([SIDE], [linear(SIDE)]);
      const trainer = await createTrainer(device, model, { loss: mse(), optimizer, batchSize: BATCH, seed: 1 });
      try {
        const values = Float32Array.from({ length: BATCH * SIDE }, (_, i) => (i % 7) - 3);
        trainer.forwardBackward({ x: values, y: values });
        const read = async (what: 'parameters' | 'gradients') =>
          [...(await trainer[what]())].find(([key]) => key.endsWith('weight'))![1].data;
        const [before, gradients] = [await read('parameters'), await read('gradients')];
        trainer.applyGradients();
        const after = await read('parameters');
        const wanted = { at: (i: number) => before[i]! - first(gradients[i]!), indices: sample(before.length) };
        const why = difference(after, wanted, 1e-5);
        const { plan, calls } = trainer.updater.plans.update;
        const bound = plan.dispatches.flatMap(boundValues);
        const candidate = {
          variant: 'only',
          calls,
          flops: plan.flops,
          bytes: bound.reduce((sum, { place }) => sum + place.bytes, 0),
          before: () => {}, // the words of the step above are there still
        };
        return {
          candidates: why ? [] : [candidate],
          wrong: why ? [{ variant: 'only', why }] : [],
          dispose: () => trainer.dispose(),
        };
      } catch (error) {
        trainer.dispose();
        throw error;
      }
    },
  };
}

export const updateCases = (): KernelCase[] =>
  Object.entries(UPDATES).map(([name, update]) => updateCase(name, update));
