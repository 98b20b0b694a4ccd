/** How many dispatches a training step of the usual small nets takes on a software adapter, without data and optimizer. No GPU. */
import { expect, test } from 'vitest';
import { planArena } from '../../src/compile/place.ts';
import { compilePlan } from '../../src/compile/plan.ts';
import type { Chooser } from '../../src/compile/select.ts';
import { conv2d, flatten, linear, maxPool2d, relu } from '../../src/nn/layers.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import { type Model, sequential } from '../../src/nn/model.ts';
import { relayout } from '../../src/ops/index.ts';
import { addParts } from '../../src/train/add-parts.ts';
import { graphOf } from '../../src/train/describe.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';

const LAVAPIPE = { ...DEFAULT_CAPS, software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };

const conv = (channels: number) => [conv2d(channels, 3, { padding: 1 }), relu()];
const dense = (features: number) => [linear(features), relu()];

const lenet = (): Model =>
  sequential(
    [1, 28, 28],
    [
      ...[conv2d(6, 5, { padding: 2 }), relu(), maxPool2d(2), conv2d(16, 5), relu(), maxPool2d(2)],
      ...[flatten(), ...dense(120), ...dense(84), linear(10)],
    ],
  );

const mnistCnn = (): Model =>
  sequential(
    [1, 28, 28],
    [conv2d(32, 3), relu(), conv2d(64, 3), relu(), maxPool2d(2), flatten(), ...dense(128), linear(10)],
  );

const vgg = (): Model =>
  sequential(
    [3, 32, 32],
    [
      ...[...conv(32), ...conv(32), maxPool2d(2), ...conv(64), ...conv(64), maxPool2d(2), ...conv(128), maxPool2d(2)],
      ...[flatten(), ...dense(128), linear(10)],
    ],
  );

/**
 * Winograd's convolution takes several dispatches in place of one that is slower, and three more for each further 12 MB of
 * matrices. It is not chosen for so few samples.
 */
const single: Chooser = (_, ids) => ids.find((id) => id !== 'winograd')!;
const FEW = 1;

/** At most so many: a change that needs fewer lowers the numbers. `relayouts`: what has a dispatch to itself all the same. */
test.each([
  ['LeNet', lenet, { batch: 64, forward: 5, backward: 8, relayouts: [] }],
  ['a net of two convolutions', mnistCnn, { batch: FEW, forward: 5, backward: 8, relayouts: [] }],
  ['a net of two convolutions, Winograd', mnistCnn, { batch: 64, forward: 14, backward: 28, relayouts: [] }],
  ['a net like VGG', vgg, { batch: FEW, forward: 9, backward: 15, relayouts: ['conv1.relayout'] }],
  ['a net like VGG, Winograd', vgg, { batch: 64, forward: 36, backward: 67, relayouts: ['conv1.relayout'] }],
])('%s', (_, net, { batch, relayouts, ...most }) => {
  const model = net();
  const outputs = graphOf({ mode: 'train', batch }, { model, loss: crossEntropy() });
  const arenas = {
    parameters: planArena(model.parameters, LAVAPIPE.maxBindingBytes),
    state: { entries: [], shards: [] },
  };
  const choose = batch === FEW ? single : undefined;
  const labels = compilePlan({
    outputs,
    arenas,
    caps: LAVAPIPE,
    relayout,
    addParts,
    choose,
    join: true,
  }).dispatches.map(({ label }) => label);
  const loss = labels.indexOf('crossEntropy');
  expect(loss).toBeGreaterThan(0);
  expect(loss, labels.join(', ')).toBeLessThanOrEqual(most.forward);
  expect(labels.length - loss - 1, labels.join(', ')).toBeLessThanOrEqual(most.backward);
  // Activations, their masks and other conversions have no dispatches of their own.
  expect(labels.filter((label) => /(relu|pointwiseBackward|relayout)$/i.test(label.split('+')[0]!))).toEqual(relayouts);
});
