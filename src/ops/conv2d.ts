/**
 * Convolution (cross-correlation) of images, and the two ops that are its gradients; each is the gradient of the others.
 * Imports graph, util, conv2d-geometry, conv2d-kernels, reduce.
 */
import { constant, defineOp, type Op } from '../graph/define-op.ts';
import type { Value, ValueSpec } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { type Shape, sameShape, show } from '../util/shape.ts';
import { type ConvAttrs, type ConvGeometry, convGeometry, type Padding, type Pair } from './conv2d-geometry.ts';
import {
  forwardVariants,
  inputSpreads,
  inputVariants,
  pools,
  weightSpreads,
  weightVariants,
} from './conv2d-kernels.ts';
import { sum } from './reduce.ts';

export { convOutputSize, type Padding, type Pair, resolvePadding } from './conv2d-geometry.ts';

/** The gradient of the input knows the input's shape, which stride may leave open. */
export type ConvInputAttrs = ConvAttrs & { readonly inputShape: Shape };
export type ConvWeightAttrs = ConvAttrs & { readonly weightShape: Shape };

/** Two for each product of an input, a weight and an output pixel. */
const flops = ({ n, o, oh, ow, i, kh, kw }: ConvGeometry): number => 2 * n * o * oh * ow * i * kh * kw;

const shapeOf = ({ n, o, oh, ow }: ConvGeometry): Shape => [n, o, oh, ow];

const geometryOf = ([x, weight]: readonly ValueSpec[], attrs: ConvAttrs, at = 'conv2d'): ConvGeometry =>
  convGeometry(x!.shape, { ...attrs, weight: weight!.shape }, at);

/** The options with padding in numbers, for the gradients. */
const fixed = (attrs: ConvAttrs, { padding }: ConvGeometry): ConvAttrs => {
  const { stride, dilation, groups } = attrs;
  return { stride, dilation, groups, padding };
};

function checkOutput(dy: Value, g: ConvGeometry, at: string): void {
  if (sameShape(dy.shape, shapeOf(g))) return;
  throw new ShapeError(
    `${at}: the gradient has shape ${show(dy.shape)}, the convolution gives ${show(shapeOf(g))} ` +
      `(input ${show([g.n, g.c, g.h, g.w])}, weight ${show([g.o, g.i, g.kh, g.kw])}). Pass the gradient of its output.`,
  );
}

const conv2dOp: Op<ConvAttrs> = defineOp<ConvAttrs>({
  name: 'conv2d',
  acceptsEpilogue: 'channels',
  infer(inputs, attrs, at) {
    const [x, weight, bias] = inputs;
    const g = geometryOf(inputs, attrs, at);
    if (bias && !sameShape(bias.shape, [g.o])) {
      throw new ShapeError(
        `${at}: bias has shape ${show(bias.shape)}, the filter gives ${g.o} channels ` +
          `(input ${show(x!.shape)}, weight ${show(weight!.shape)}). Pass a bias of ${show([g.o])}.`,
      );
    }
    return [{ shape: shapeOf(g), dtype: 'f32' }];
  },
  layout: (inputs) => ({ inputs: (['nhwc', 'hwio', 'plain'] as const).slice(0, inputs.length), outputs: ['nhwc'] }),
  grad({ inputs, dOutputs: [dy], needs, attrs }) {
    const [x, weight] = inputs;
    const options = fixed(attrs, geometryOf(inputs, attrs));
    const dx = needs[0] ? conv2dBackwardInput([dy!, weight!], { ...options, inputShape: x!.shape })[0] : null;
    if (!needs[1]) return [dx, null, needs[2] ? sum(dy!, { axes: [0, 2, 3] }) : null].slice(0, inputs.length);
    const [dweight, dbias] = conv2dBackwardWeight([x!, dy!], { ...options, weightShape: weight!.shape });
    return [dx, dweight, dbias!].slice(0, inputs.length);
  },
  acceptsWindow: ({ inputs, attrs }, caps) => pools(geometryOf(inputs, attrs), caps),
  stores: (window) => (window ? ['plain'] : []),
  variants({ inputs, outputs: [y, codes], used, epilogue, window: rule, attrs }, caps) {
    const [x, weight, bias = null] = inputs;
    const window = rule && { codes: used[1] ? codes! : null };
    return forwardVariants(geometryOf(inputs, attrs), { x: x!, weight: weight!, bias, y: y!, epilogue, window, caps });
  },
  flops: (inputs, _, attrs) => flops(geometryOf(inputs, attrs)),
});

const inputGeometry = (weight: ValueSpec, { inputShape, ...attrs }: ConvInputAttrs, at?: string): ConvGeometry =>
  geometryOf([{ shape: inputShape, dtype: 'f32' }, weight], attrs, at);

/** [dy, weight] -> gradient of the input. */
export const conv2dBackwardInput: Op<ConvInputAttrs> = defineOp<ConvInputAttrs>({
  name: 'conv2dBackwardInput',
  infer([dy, weight], attrs, at) {
    checkOutput(dy!, inputGeometry(weight!, attrs, at), at);
    return [{ shape: attrs.inputShape, dtype: 'f32' }];
  },
  layout: () => ({ inputs: ['nhwc', 'hwio'], outputs: ['nhwc'] }),
  grad({ inputs: [dy, weight], dOutputs: [g], needs, attrs: { inputShape: _, ...attrs } }) {
    return [
      needs[0] ? conv2dOp([g!, weight!], attrs)[0] : null,
      needs[1] ? conv2dBackwardWeight([g!, dy!], { ...attrs, weightShape: weight!.shape })[0] : null,
    ];
  },
  acceptsEpilogue: 'operand',
  acceptsSpread: ({ input, inputs: [, weight], attrs }, caps) =>
    input === 0 && inputSpreads(inputGeometry(weight!, attrs), caps),
  variants: ({ inputs: [dy, weight, codes = null], outputs: [dx], epilogue, attrs }, caps) =>
    inputVariants(inputGeometry(weight!, attrs), {
      dy: dy!,
      codes,
      weight: weight!,
      bias: null,
      dx: dx!,
      epilogue,
      caps,
    }),
  flops: ([, weight], _, attrs) => flops(inputGeometry(weight!, attrs)),
});

const weightGeometry = (x: ValueSpec, { weightShape, ...attrs }: ConvWeightAttrs, at?: string): ConvGeometry =>
  geometryOf([x, { shape: weightShape, dtype: 'f32' }], attrs, at);

/** [x, dy] -> gradients of the weight and of the bias. */
export const conv2dBackwardWeight: Op<ConvWeightAttrs> = defineOp<ConvWeightAttrs>({
  name: 'conv2dBackwardWeight',
  infer([x, dy], attrs, at) {
    checkOutput(dy!, weightGeometry(x!, attrs, at), at);
    return [
      { shape: attrs.weightShape, dtype: 'f32' },
      { shape: [attrs.weightShape[0]!], dtype: 'f32' },
    ];
  },
  layout: () => ({ inputs: ['nhwc', 'nhwc'], outputs: ['hwio', 'plain'] }),
  grad({ inputs: [x, dy], dOutputs: [g, gBias], needs, attrs: { weightShape, ...attrs } }) {
    const weight = g ?? constant(0, weightShape);
    return [
      needs[0] && g ? conv2dBackwardInput([dy!, g], { ...attrs, inputShape: x!.shape })[0] : null,
      needs[1] ? conv2dOp(gBias ? [x!, weight, gBias] : [x!, weight], attrs)[0] : null,
    ];
  },
  acceptsSpread: ({ input, inputs: [x], attrs }, caps) => input === 1 && weightSpreads(weightGeometry(x!, attrs), caps),
  variants({ inputs: [x, dy, codes = null], outputs: [dweight, dbias], used, attrs }, caps) {
    const values = { x: x!, dy: dy!, codes, dweight: dweight!, dbias: used[1] ? dbias! : null };
    return weightVariants(weightGeometry(x!, attrs), { ...values, caps });
  },
  flops: ([x], _, attrs) => flops(weightGeometry(x!, attrs)),
});

export interface Conv2dOptions {
  /** Step of the window, one number or [vertical, horizontal]; default 1. */
  readonly stride?: number | Pair;
  /** Zeros around the image: a number, [vertical, horizontal], [top, left, bottom, right], 'same' or 'valid'; default 0. */
  readonly padding?: Padding;
  /** Distance of the filter's taps; default 1. */
  readonly dilation?: number | Pair;
  /** Groups of channels that do not see each other; default 1. As many as channels: depthwise. */
  readonly groups?: number;
}

/**
 * Convolution of x [n, c, h, w] with weight [out, c / groups, kh, kw] and bias [out] or null, without flipping the filter.
 * 'same' makes the output ceil(input / stride) large, with an odd row or column of zeros at the bottom or right.
 * (torch.nn.functional.conv2d)
 */
export function conv2d(x: Value, weight: Value, bias: Value | null, options: Conv2dOptions = {}): Value {
  const { stride = 1, padding = 0, dilation = 1, groups = 1 } = options;
  return conv2dOp(bias ? [x, weight, bias] : [x, weight], { stride, padding, dilation, groups })[0];
}
