/** Small values are read as uniform buffers, by the same texts for all batches that a trainer meets. No GPU. */
import { expect, test } from 'vitest';
import { planArena } from '../../src/compile/place.ts';
import { compilePlan, type Plan } from '../../src/compile/plan.ts';
import { linear, relu } from '../../src/nn/layers.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { sequential } from '../../src/nn/model.ts';
import { relayout } from '../../src/ops/index.ts';
import { addParts } from '../../src/train/add-parts.ts';
import { graphOf } from '../../src/train/describe.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';

const LAVAPIPE = { ...DEFAULT_CAPS, software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };

/** 64 samples of 400 numbers take more than 64 KiB, 32 less; of 120 numbers both do. */
const model = sequential([400], [linear(120), relu(), linear(84), relu(), linear(10)]);

function planOf(batch: number, growth?: number): Plan {
  const outputs = graphOf({ mode: 'train', batch }, { model, loss: crossEntropy() });
  const none = { entries: [], shards: [] };
  const arenas = { parameters: planArena(model.parameters, LAVAPIPE.maxBindingBytes), state: none };
  return compilePlan({ outputs, arenas, caps: LAVAPIPE, relayout, addParts, ...(growth && { growth }) });
}

/** Names of what the dispatch of this label reads as uniform buffers. */
const uniformsOf = (plan: Plan, label: string): string[] =>
  plan.dispatches
    .find((dispatch) => dispatch.label === label)!
    .bindings.filter(({ bytes }) => bytes !== undefined)
    .map(({ name }) => name);

test('what is small is read as a uniform buffer: weights and, of small batches, activations', () => {
  // a: activations, b: weights of 400 x 120 and 120 x 84 numbers.
  expect(uniformsOf(planOf(64), 'fc1.matmul+relu')).toEqual(['bias']);
  expect(uniformsOf(planOf(64), 'fc2.matmul+relu')).toEqual(['a', 'b', 'bias']);
  expect(uniformsOf(planOf(32), 'fc1.matmul+relu')).toEqual(['a', 'bias']);
  // Weights do not grow with the batch.
  expect(uniformsOf(planOf(64, 3), 'fc2.matmul+relu')).toEqual(['b', 'bias']);
});

test('a smaller batch of the same trainer has no other texts', () => {
  const texts = (plan: Plan) => new Set(plan.dispatches.map(({ shader }) => shader.code));
  const whole = texts(planOf(64));
  const other = (plan: Plan) => [...texts(plan)].filter((text) => !whole.has(text)).length;
  expect(other(planOf(32, 2))).toBe(0);
  expect(other(planOf(32))).toBeGreaterThan(0);
});
