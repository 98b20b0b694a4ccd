/** Graphs and arithmetic of saliency and Grad-CAM. Imports compile/autodiff, graph, nn, ops, train/describe. */
import { gradients } from '../compile/autodiff.ts';
import { input } from '../graph/define-op.ts';
import type { Value } from '../graph/types.ts';
import type { Model } from '../nn/model.ts';
import { binary, mean, mul, relu, reshape, sum, upsample2d } from '../ops/index.ts';
import { layerCalls } from '../train/describe.ts';
import type { NamedTensor } from '../train/engine.ts';
import { ArgumentError } from '../util/errors.ts';
import { show } from '../util/shape.ts';

/** The model in eval mode on `x`, and the gradient of the scores that `seed` picks with respect to a value of it. */
function traceScores(model: Model, batch: number) {
  const traced = model.trace({ batch, mode: 'eval' });
  const seed = input('seed', traced.output.shape);
  const gradientOf = (value: Value): Value | null =>
    gradients([{ value: traced.output, gradient: seed }], [value], { add: binary.add })[0]!;
  return { ...traced, gradientOf };
}

/** Rows of zeros with a one at each class; rows behind the last class are zero. */
export function oneHot(classes: readonly number[], rows: number, width: number): Float32Array<ArrayBuffer> {
  const out = new Float32Array(rows * width);
  for (const [i, k] of classes.entries()) out[i * width + k] = 1;
  return out;
}

export function saliencyGraph(model: Model, batch: number): { [name: string]: Value } {
  const { x, output, gradientOf } = traceScores(model, batch);
  const gradient = gradientOf(x);
  if (!gradient) throw new ArgumentError('saliency: the output does not depend on the images.');
  return { scores: output, gradient };
}

/** Name of the last convolution. Throws ArgumentError where there is none. */
export function lastConvolution(model: Model): string {
  const found = [...layerCalls(model.calls)].filter(([, { layer }]) => layer.type === 'conv2d').at(-1);
  if (!found) throw new ArgumentError('gradCam: the model has no convolution. Name a layer that gives [n, c, h, w].');
  return found[0];
}

/** relu(sum over channels of the layer's output times the mean of its gradient over h, w). */
export function camGraph(
  model: Model,
  { batch, layer, size }: { readonly batch: number; readonly layer: string; readonly size: 'input' | 'layer' },
): { [name: string]: Value } {
  const { output, tracing, gradientOf } = traceScores(model, batch);
  const features = layerCalls(tracing.calls).get(layer)!.output;
  const [n = 1, , h = 1, w = 1] = features.shape;
  const [, height, width] = model.inputShape;
  if (features.shape.length !== 4 || height === undefined || width === undefined)
    throw new ArgumentError(`gradCam: "${layer}" gives ${show(features.shape)}. Name a layer that gives [n, c, h, w].`);
  const gradient = gradientOf(features);
  if (!gradient) throw new ArgumentError(`gradCam: the output does not depend on "${layer}". Name another layer.`);
  const weights = mean(gradient, { axes: [2, 3], keepdims: true });
  const map = relu(sum(mul(features, weights), { axes: [1], keepdims: true }));
  if (size === 'layer' || (h === height && w === width)) return { scores: output, map: reshape(map, [n, h, w]) };
  const large = upsample2d(map, { size: [height, width], mode: 'bilinear' });
  return { scores: output, map: reshape(large, [n, height, width]) };
}

/** The largest absolute value over axis 1. */
export function largestOverChannels({ shape, data }: NamedTensor): NamedTensor {
  const [n = 1, c = 1, ...rest] = shape;
  const inner = data.length / (n * c);
  const out = new Float32Array(n * inner);
  for (let i = 0; i < n; i++)
    for (let k = 0; k < c; k++)
      for (let p = 0; p < inner; p++)
        out[i * inner + p] = Math.max(out[i * inner + p]!, Math.abs(data[(i * c + k) * inner + p]!));
  return { shape: [n, ...rest], data: out };
}

/** Each map divided by its maximum; a map of zeros stays. */
export function normalizeMaps({ shape, data }: NamedTensor): NamedTensor {
  const [n = 1] = shape;
  const each = data.length / n;
  const out = new Float32Array(data.length);
  for (let i = 0; i < n; i++) {
    const map = data.subarray(i * each, (i + 1) * each);
    const most = map.reduce((a, b) => Math.max(a, b), 0);
    out.set(
      map.map((v) => (most > 0 ? v / most : 0)),
      i * each,
    );
  }
  return { shape, data: out };
}
