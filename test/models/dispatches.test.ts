/** How many dispatches the residual network takes, as plans tell it, and that no kernel binds more than any device allows. No GPU. */
import { expect, test } from 'vitest';
import { planArena } from '../../src/compile/place.ts';
import { compilePlan, type Plan } from '../../src/compile/plan.ts';
import type { Chooser } from '../../src/compile/select.ts';
import { mobilenetV2, resnet20 } from '../../src/models/index.ts';
import { crossEntropy } from '../../src/nn/losses.ts';
import type { Model } from '../../src/nn/model.ts';
import { relayout } from '../../src/ops/index.ts';
import { addParts } from '../../src/train/add-parts.ts';
import { graphOf } from '../../src/train/describe.ts';
import { DEFAULT_CAPS, type DeviceCaps } from '../../src/util/caps.ts';

const LAVAPIPE: DeviceCaps = {
  ...DEFAULT_CAPS,
  software: true,
  subgroups: true,
  subgroupMinSize: 8,
  subgroupMaxSize: 8,
};

interface Choices {
  readonly caps?: DeviceCaps;
  readonly choose?: Chooser;
}

function planOf(model: Model, mode: 'train' | 'predict', { caps = LAVAPIPE, choose }: Choices = {}): Plan {
  const of = (kind: string) => model.parameters.filter((spec) => spec.kind === kind);
  const limit = caps.maxBindingBytes;
  const arenas = { parameters: planArena(of('parameter'), limit), state: planArena(of('state'), limit) };
  const outputs = graphOf({ mode, batch: 32 }, { model, loss: crossEntropy() });
  return compilePlan({ outputs, arenas, caps, relayout, addParts, choose, join: true });
}

/** Dispatches of a block of the same channels in and out: `layer1.1`. */
const ofBlock = ({ dispatches }: Plan, block: string): string[] =>
  dispatches.flatMap(({ label, file }) =>
    label.startsWith(`${block}.`) ? [`${label.slice(block.length + 1)} ${file}`] : [],
  );

test('resnet20, training: dispatches of the net and of a residual block, forward and backward', () => {
  // One kernel for each convolution: Winograd's are several, where they are faster.
  const plan = planOf(resnet20(), 'train', { choose: (_, ids) => ids.find((id) => id !== 'winograd')! });
  expect(plan.dispatches.length).toBe(167);
  // Two of each normalisation, forward and backward.
  expect(ofBlock(plan, 'layer2.1')).toEqual([
    'conv1.conv2d conv2d/block.wgsl',
    'bn1.batchNorm2d+relu channel-norm/moments.wgsl',
    'bn1.batchNorm2d+relu channel-norm/forward-joined.wgsl',
    'conv2.conv2d conv2d/block.wgsl',
    'bn2.batchNorm2d+add+relu channel-norm/moments.wgsl',
    'bn2.batchNorm2d+add+relu channel-norm/forward-joined.wgsl',
    'relu.pointwiseBackward pointwise/backward.wgsl',
    'bn2.batchNorm2dBackward channel-norm/backward-sums.wgsl',
    'bn2.batchNorm2dBackward channel-norm/backward-joined.wgsl',
    'conv2.conv2dBackwardInput+reluBackward conv2d/block.wgsl',
    'conv2.conv2dBackwardWeight conv2d/backward-weight-subgroup.wgsl',
    'bn1.batchNorm2dBackward channel-norm/backward-sums.wgsl',
    'bn1.batchNorm2dBackward channel-norm/backward-joined.wgsl',
    'conv1.conv2dBackwardInput+add conv2d/block.wgsl',
    'conv1.conv2dBackwardWeight conv2d/backward-weight-subgroup.wgsl',
  ]);
});

test('resnet20, inference: normalisation, shortcut and relu are in the kernels of the convolutions', () => {
  const plan = planOf(resnet20(), 'predict', { choose: (_, ids) => ids.find((id) => id !== 'winograd')! });
  expect(plan.dispatches.length).toBe(31);
  expect(ofBlock(plan, 'layer2.1')).toEqual([
    'conv1.conv2d+batchNorm2d+relu conv2d/block.wgsl',
    'conv2.conv2d+batchNorm2d+add+relu conv2d/block.wgsl',
  ]);
  expect(plan.dispatches.filter(({ file }) => file.startsWith('channel-norm'))).toEqual([]);
});

test.each([
  ['resnet20', resnet20],
  ['mobilenetV2', mobilenetV2],
])('%s: eight storage buffers are enough', (_, make) => {
  const model = make({ classes: 10, inputShape: [3, 32, 32] });
  for (const caps of [LAVAPIPE, DEFAULT_CAPS]) {
    for (const mode of ['train', 'predict'] as const) {
      for (const { label, bindings } of planOf(model, mode, { caps }).dispatches)
        expect(bindings.filter(({ access }) => access !== 'uniform').length, label).toBeLessThanOrEqual(8);
    }
  }
});

test('no dispatch of a training step reads and writes the running statistics', () => {
  const writes = planOf(resnet20(), 'train').dispatches.filter(({ bindings }) => {
    const accesses = new Set(bindings.flatMap(({ place, access }) => (place.buffer.kind === 'state' ? [access] : [])));
    expect(accesses.size).toBeLessThan(2);
    return accesses.has('read_write');
  });
  expect(writes).toHaveLength(19);
});
