/**
 * Transposed convolution: the gradient of a convolution's input as an op of its own, with its kernels.
 * Imports graph, util, conv2d, conv2d-geometry, conv2d-kernels, reduce.
 */
import { defineOp, type Op } from '../graph/define-op.ts';
import type { Value, ValueSpec } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { type Shape, sameShape, show } from '../util/shape.ts';
import { conv2d, conv2dBackwardWeight } from './conv2d.ts';
import { asPair, type ConvGeometry, convGeometry, type Pair } from './conv2d-geometry.ts';
import { inputVariants } from './conv2d-kernels.ts';
import { sum } from './reduce.ts';

/** Rows and columns cut from the result: the same everywhere, [vertical, horizontal] or [top, left, bottom, right]. */
export type Cut = number | Pair | readonly [number, number, number, number];

type Sides = readonly [number, number, number, number];

type TransposeAttrs = {
  readonly stride: Pair;
  readonly padding: Sides;
  readonly outputPadding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
};

const sidesOf = (cut: Cut): Sides => {
  if (typeof cut === 'number') return [cut, cut, cut, cut];
  const [top, left, bottom = top, right = left] = cut;
  return [top, left, bottom, right];
};

interface Checked {
  readonly at: string;
  readonly shapes: string;
}

function fail({ at, shapes }: Checked, wrong: string, fix: string): never {
  throw new ShapeError(`${at}: ${wrong} (${shapes}). ${fix}`);
}

function checkRanks(x: Shape, weight: Shape, where: Checked): void {
  if (x.length !== 4) fail(where, `input has rank ${x.length}, not 4`, 'Pass [n, channels, height, width].');
  if (weight.length !== 4) fail(where, `weight has rank ${weight.length}, not 4`, 'Pass [in, out / groups, kh, kw].');
}

function checkNumbers({ stride, padding, outputPadding, dilation, groups }: TransposeAttrs, where: Checked): void {
  const numbers = [
    ['stride', stride, 1],
    ['dilation', dilation, 1],
    ['groups', [groups], 1],
    ['padding', padding, 0],
    ['output padding', outputPadding, 0],
  ] as const;
  for (const [name, values, least] of numbers) {
    if (values.every((value) => Number.isInteger(value) && value >= least)) continue;
    fail(where, `${name} is ${show(values)}`, `Use whole numbers of at least ${least}.`);
  }
  if (outputPadding.some((extra, axis) => extra >= stride[axis]!))
    fail(
      where,
      `output padding ${show(outputPadding)} is not below the stride ${show(stride)}`,
      'Use less, or a larger stride.',
    );
}

function checkChannels(x: Shape, { weight, groups }: { weight: Shape; groups: number }, where: Checked): void {
  const c = x[1]!;
  if (c !== weight[0])
    fail(where, `input has ${c} channels, the filter takes ${weight[0]}`, `Set the layer's input channels to ${c}.`);
  if (c % groups !== 0) fail(where, `${groups} groups do not divide ${c} input channels`, `Use a divisor of ${c}.`);
}

/** Shape of the result. Throws ShapeError where input, filter and options do not fit. */
function outputShape(x: Shape, { weight, ...attrs }: TransposeAttrs & { weight: Shape }, at: string): Shape {
  const where = { at, shapes: `input ${show(x)}, weight ${show(weight)}` };
  checkRanks(x, weight, where);
  checkNumbers(attrs, where);
  checkChannels(x, { weight, groups: attrs.groups }, where);
  const { stride, padding, outputPadding, dilation, groups } = attrs;
  const [height, width] = ([0, 1] as const).map((axis) => {
    const whole =
      (x[axis + 2]! - 1) * stride[axis] + dilation[axis] * (weight[axis + 2]! - 1) + 1 + outputPadding[axis];
    return whole - padding[axis] - padding[axis + 2]!;
  }) as [number, number];
  if (height < 1 || width < 1)
    fail(where, `padding ${show(padding)} leaves ${height} rows and ${width} columns`, 'Use less padding.');
  return [x[0]!, weight[1]! * groups, height, width];
}

/** The convolution whose input gradient it is: from the result's shape to the input's. */
function geometryOf([x, weight]: readonly ValueSpec[], attrs: TransposeAttrs, at = 'convTranspose2d'): ConvGeometry {
  const { outputPadding: _, ...rest } = attrs;
  const shape = outputShape(x!.shape, { ...attrs, weight: weight!.shape }, at);
  return convGeometry(shape, { ...rest, weight: weight!.shape }, at);
}

const convTranspose2dOp: Op<TransposeAttrs> = defineOp<TransposeAttrs>({
  name: 'convTranspose2d',
  acceptsEpilogue: 'channels',
  infer([x, weight, bias], attrs, at) {
    const shape = outputShape(x!.shape, { ...attrs, weight: weight!.shape }, at);
    if (bias && !sameShape(bias.shape, [shape[1]!])) {
      throw new ShapeError(
        `${at}: bias has shape ${show(bias.shape)}, the filter gives ${shape[1]} channels ` +
          `(input ${show(x!.shape)}, weight ${show(weight!.shape)}). Pass a bias of ${show([shape[1]!])}.`,
      );
    }
    return [{ shape, dtype: 'f32' }];
  },
  layout: (inputs) => ({ inputs: (['nhwc', 'hwio', 'plain'] as const).slice(0, inputs.length), outputs: ['nhwc'] }),
  grad({ inputs, dOutputs: [dy], needs, attrs: { outputPadding: _, ...options } }) {
    const [x, weight] = inputs;
    return [
      needs[0] ? conv2d(dy!, weight!, null, options) : null,
      needs[1] ? conv2dBackwardWeight([dy!, x!], { ...options, weightShape: weight!.shape })[0] : null,
      needs[2] ? sum(dy!, { axes: [0, 2, 3] }) : null,
    ].slice(0, inputs.length);
  },
  variants({ inputs, outputs: [y], epilogue, attrs }, caps) {
    const [x, weight, bias = null] = inputs;
    return inputVariants(geometryOf(inputs, attrs), {
      dy: x!,
      codes: null,
      weight: weight!,
      bias,
      dx: y!,
      epilogue,
      caps,
    });
  },
  flops([x, weight]) {
    const [n, c, h, w] = x!.shape as [number, number, number, number];
    const [, o, kh, kw] = weight!.shape as [number, number, number, number];
    return 2 * n * c * h * w * o * kh * kw;
  },
});

export interface ConvTranspose2dOptions {
  /** Distance of the places that two neighbouring input pixels add to, one number or [vertical, horizontal]; default 1. */
  readonly stride?: number | Pair;
  /** Rows and columns cut from the result: a number, [vertical, horizontal] or [top, left, bottom, right]; default 0. */
  readonly padding?: Cut;
  /** Rows at the bottom and columns at the right that are added to the result, fewer than the stride; default 0. */
  readonly outputPadding?: number | Pair;
  /** Distance of the filter's taps; default 1. */
  readonly dilation?: number | Pair;
  /** Groups of channels that do not see each other; default 1. */
  readonly groups?: number;
}

/**
 * Transposed convolution of x [n, c, h, w] with weight [c, out / groups, kh, kw] and bias [out] or null: every pixel adds
 * the filter, times its value, to the result, which is (h - 1) * stride - top - bottom + dilation * (kh - 1) + 1 + outputPadding
 * high. (torch.nn.functional.conv_transpose2d)
 */
export function convTranspose2d(
  x: Value,
  weight: Value,
  bias: Value | null,
  options: ConvTranspose2dOptions = {},
): Value {
  const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = options;
  return convTranspose2dOp(bias ? [x, weight, bias] : [x, weight], {
    stride: asPair(stride),
    padding: sidesOf(padding),
    outputPadding: asPair(outputPadding),
    dilation: asPair(dilation),
    groups,
  })[0];
}
