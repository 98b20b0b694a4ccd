/** A small net and its float64 twin: outputs of all layers, gradients with respect to them. May import src/nn and test/support. */
import { conv2d, flatten, linear, maxPool2d, relu, sigmoid } from '../../src/nn/layers.ts';
import { type Model, sequential } from '../../src/nn/model.ts';
import type { NamedTensor } from '../../src/train/engine.ts';
import { type Attrs, referenceOp } from '../support/reference/index.ts';
import { reshaped, type Tensor, type Tensors, tensor } from '../support/tensor.ts';

/** conv, relu, pool, conv, sigmoid, linear, relu, linear: 6 channels, so that there are padding lanes. */
export const netOf = (): Model =>
  sequential(
    [2, 8, 8],
    [
      ...[conv2d(6, 3, { padding: 1 }), relu(), maxPool2d(2), conv2d(5, 3, { padding: 1 }), sigmoid()],
      ...[flatten(), linear(7), relu(), linear(3)],
    ],
  );

const CONV: Attrs = { stride: [1, 1], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 1 };
const POOL: Attrs = { kernel: [2, 2], stride: [2, 2] };
const CLASSES = 3;

const run = (op: string, tensors: Tensors, attrs: Attrs = {}): Tensor => referenceOp(op).forward(tensors, attrs).y!;
const back = (op: string, tensors: Tensors, { dy, attrs = {} }: { dy: Tensor; attrs?: Attrs }) =>
  referenceOp(op).backward!(tensors, attrs, { y: dy });

type Weights = ReadonlyMap<string, NamedTensor>;

export function referenceNet(weights: Weights, x: Tensor) {
  const w = (name: string): Tensor => tensor(weights.get(name)!.shape, weights.get(name)!.data);
  const n = x.shape[0]!;
  const withParameters = (input: Tensor, layer: string) => ({
    x: input,
    weight: w(`${layer}.weight`),
    bias: w(`${layer}.bias`),
  });
  const conv1 = run('conv2d', withParameters(x, 'conv1'), CONV);
  const relu1 = run('relu', { x: conv1 });
  const pool1 = run('max_pool2d', { x: relu1 }, POOL);
  const conv2 = run('conv2d', withParameters(pool1, 'conv2'), CONV);
  const sigmoid1 = run('sigmoid', { x: conv2 });
  const flatten1 = reshaped(sigmoid1, [n, sigmoid1.data.length / n]);
  const fc1 = run('linear', withParameters(flatten1, 'fc1'));
  const relu2 = run('relu', { x: fc1 });
  const fc2 = run('linear', withParameters(relu2, 'fc2'));
  const values: { [layer: string]: Tensor } = { conv1, relu1, pool1, conv2, sigmoid1, flatten1, fc1, relu2, fc2 };

  /** Gradients with respect to the outputs of all layers, the images and the parameters, given that of the scores. */
  const backward = (dy: Tensor): { [name: string]: Tensor } => {
    const d2 = back('linear', withParameters(relu2, 'fc2'), { dy });
    const dFc1 = back('relu', { x: fc1 }, { dy: d2.x! }).x!;
    const d1 = back('linear', withParameters(flatten1, 'fc1'), { dy: dFc1 });
    const dSigmoid = reshaped(d1.x!, sigmoid1.shape);
    const dConv2 = back('sigmoid', { x: conv2 }, { dy: dSigmoid }).x!;
    const c2 = back('conv2d', withParameters(pool1, 'conv2'), { dy: dConv2, attrs: CONV });
    const dRelu1 = back('max_pool2d', { x: relu1 }, { dy: c2.x!, attrs: POOL }).x!;
    const dConv1 = back('relu', { x: conv1 }, { dy: dRelu1 }).x!;
    const c1 = back('conv2d', withParameters(x, 'conv1'), { dy: dConv1, attrs: CONV });
    return {
      ...{ fc2: dy, relu2: d2.x!, fc1: dFc1, flatten1: d1.x!, sigmoid1: dSigmoid, conv2: dConv2, pool1: c2.x! },
      ...{ relu1: dRelu1, conv1: dConv1, x: c1.x! },
      ...{ 'conv1.weight': c1.weight!, 'conv1.bias': c1.bias!, 'conv2.weight': c2.weight!, 'conv2.bias': c2.bias! },
      ...{ 'fc1.weight': d1.weight!, 'fc1.bias': d1.bias!, 'fc2.weight': d2.weight!, 'fc2.bias': d2.bias! },
    };
  };

  /** The same for the score of a class for each image. */
  const gradients = (classes: readonly number[]) => {
    const seed = tensor([n, CLASSES]);
    for (const [i, k] of classes.entries()) seed.data[i * CLASSES + k] = 1;
    return backward(seed);
  };

  /** The same for the mean cross-entropy. */
  const lossGradients = (labels: Tensor) =>
    backward(back('cross_entropy', { x: fc2, target: labels }, { dy: tensor([], [1]) }).x!);

  const cam = (layer: string, classes: readonly number[]): Tensor => {
    const features = values[layer]!;
    const gradient = gradients(classes)[layer]!;
    const [, c, h, wide] = features.shape as [number, number, number, number];
    const out = tensor([n, h, wide]);
    const area = h * wide;
    for (let i = 0; i < n; i++) {
      for (let k = 0; k < c; k++) {
        const from = (i * c + k) * area;
        const alpha = gradient.data.slice(from, from + area).reduce((a, b) => a + b, 0) / area;
        for (let p = 0; p < area; p++)
          out.data[i * area + p] = out.data[i * area + p]! + alpha * features.data[from + p]!;
      }
    }
    return tensor(
      out.shape,
      out.data.map((v) => Math.max(0, v)),
    );
  };
  return { values, gradients, lossGradients, cam };
}
