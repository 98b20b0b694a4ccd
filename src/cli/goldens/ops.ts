/**
 * The ops of golden data: for each name the graph that computes it, one line an op. To support another op, add its line.
 * Imports case, ops, graph types.
 */
import type { Layout } from '../../graph/layout.ts';
import type { Value } from '../../graph/types.ts';
import * as ops from '../../ops/index.ts';
import { FormatError } from '../../util/errors.ts';
import { type CaseAttrs, NotSupported } from './case.ts';

/** Values by the names that the golden data uses. */
export type Values = { readonly [name: string]: Value };

/** Inputs (absent where a case does not give them) and attributes to outputs. */
export type Build = (inputs: Values, attrs: CaseAttrs) => Values;

const unary =
  (op: (x: Value) => Value): Build =>
  ({ x }) => ({ y: op(x!) });

const pairwise =
  (op: (a: Value, b: Value) => Value): Build =>
  ({ a, b }) => ({ y: op(a!, b!) });

const reduction = (attrs: CaseAttrs) => ({ reduction: attrs.word('reduction', ['mean', 'sum', 'none']) });

const window = (attrs: CaseAttrs) => ({
  kernel: attrs.pair('kernel'),
  stride: attrs.pair('stride'),
  padding: attrs.sides('padding'),
  ceilMode: attrs.flag('ceil_mode', false),
});

const transposes = (attrs: CaseAttrs) => ({
  transposeA: attrs.flag('transpose_a', false),
  transposeB: attrs.flag('transpose_b', false),
});

const axesOf = (attrs: CaseAttrs) => ({ axes: attrs.axes('axes'), keepdims: attrs.flag('keepdims', false) });

const padOf = (attrs: CaseAttrs) => ({
  padding: attrs.sides('padding'),
  mode: attrs.word('mode', ['constant', 'reflect', 'replicate']),
  value: attrs.number('value', 0),
});

const sliceOf = (attrs: CaseAttrs) => ({
  axes: attrs.axes('axes'),
  starts: attrs.numbers('starts'),
  ends: attrs.numbers('ends'),
  steps: attrs.axes('steps'),
});

const axisOf = (attrs: CaseAttrs) => ({ axis: attrs.number('axis'), keepdims: attrs.flag('keepdims', false) });

/** The kernel is an attribute too, although the weight tells it: they must agree. */
function checkKernel(weight: Value, attrs: CaseAttrs): void {
  const [kh, kw] = attrs.pair('kernel');
  if (weight.shape[2] !== kh || weight.shape[3] !== kw)
    throw new FormatError(`the kernel is ${kh} x ${kw}, the weight ${weight.shape.join(' x ')}`);
}

const conv2d: Build = ({ x, weight, bias = null }, attrs) => {
  checkKernel(weight!, attrs);
  const [stride, dilation] = [attrs.pair('stride', 1), attrs.pair('dilation', 1)];
  const options = { stride, dilation, padding: attrs.sides('padding'), groups: attrs.number('groups', 1) };
  return { y: ops.conv2d(x!, weight!, bias, options) };
};

const convTranspose2d: Build = ({ x, weight, bias = null }, attrs) => {
  checkKernel(weight!, attrs);
  const [stride, dilation, outputPadding] = [
    attrs.pair('stride', 1),
    attrs.pair('dilation', 1),
    attrs.pair('output_padding', 0),
  ];
  const options = {
    stride,
    dilation,
    outputPadding,
    padding: attrs.sides('padding'),
    groups: attrs.number('groups', 1),
  };
  return { y: ops.convTranspose2d(x!, weight!, bias, options) };
};

const avgPool2d: Build = ({ x }, attrs) => {
  const [divisorOverride, countIncludePad] = [
    attrs.numberOrNull('divisor_override'),
    attrs.flag('count_include_pad', true),
  ];
  return { y: ops.avgPool2d(x!, { ...window(attrs), divisorOverride, countIncludePad }) };
};

const crossEntropy: Build = ({ x, target, weight }, attrs) => {
  const [ignoreIndex, labelSmoothing] = [attrs.number('ignore_index', -100), attrs.number('label_smoothing', 0)];
  return { y: ops.crossEntropy(x!, target!, { weight, ignoreIndex, labelSmoothing, ...reduction(attrs) }).loss };
};

const crossEntropyProbs: Build = ({ x, target, weight }, attrs) => {
  const labelSmoothing = attrs.number('label_smoothing', 0);
  return { y: ops.crossEntropyProbs(x!, target!, { weight, labelSmoothing, ...reduction(attrs) }).loss };
};

const nllLoss: Build = ({ x, target, weight }, attrs) => {
  const ignoreIndex = attrs.number('ignore_index', -100);
  return { y: ops.nllLoss(x!, target!, { weight, ignoreIndex, ...reduction(attrs) }) };
};

const klDiv: Build = ({ x, target }, attrs) => {
  const logTarget = attrs.flag('log_target', false);
  const how = attrs.word('reduction', ['mean', 'sum', 'none', 'batchmean']);
  return { y: ops.klDivLoss(x!, target!, { logTarget, reduction: how }) };
};

const gelu: Build = ({ x }, attrs) => {
  const approximate = attrs.word('approximate', ['none', 'tanh']);
  return { y: ops.gelu(x!, { approximate }) };
};

const affine = ({ weight, bias }: Values, attrs: CaseAttrs) => ({
  weight,
  bias,
  eps: attrs.number('eps', 1e-5),
});

const batchNorm2d: Build = (inputs, attrs) => {
  const { x, running_mean: runningMean, running_var: runningVar } = inputs;
  const options = {
    training: attrs.flag('training'),
    momentum: attrs.number('momentum', 0.1),
    runningMean,
    runningVar,
  };
  const found = ops.batchNorm2d(x!, { ...affine(inputs, attrs), ...options });
  return {
    y: found.y,
    ...(found.runningMean && { running_mean_new: found.runningMean }),
    ...(found.runningVar && { running_var_new: found.runningVar }),
  };
};

const localResponseNorm: Build = ({ x }, attrs) => {
  const [alpha, beta, k] = [attrs.number('alpha', 1e-4), attrs.number('beta', 0.75), attrs.number('k', 1)];
  return { y: ops.localResponseNorm(x!, attrs.number('size'), { alpha, beta, k }) };
};

const builders: { readonly [op: string]: Build } = {
  // activations
  relu: unary(ops.relu),
  leaky_relu: ({ x }, attrs) => ({ y: ops.leakyRelu(x!, { negativeSlope: attrs.number('negative_slope', 0.01) }) }),
  sigmoid: unary(ops.sigmoid),
  tanh: unary(ops.tanh),
  elu: ({ x }, attrs) => ({ y: ops.elu(x!, { alpha: attrs.number('alpha', 1) }) }),
  selu: unary(ops.selu),
  gelu,
  silu: unary(ops.silu),
  mish: unary(ops.mish),
  hardswish: unary(ops.hardswish),
  hardsigmoid: unary(ops.hardsigmoid),
  relu6: unary(ops.relu6),
  softplus: ({ x }, attrs) => ({
    y: ops.softplus(x!, { beta: attrs.number('beta', 1), threshold: attrs.number('threshold', 20) }),
  }),
  softsign: unary(ops.softsign),
  prelu: ({ x, weight }) => ({ y: ops.prelu(x!, weight!) }),
  // elementwise
  add: pairwise(ops.add),
  sub: pairwise(ops.sub),
  mul: pairwise(ops.mul),
  div: pairwise(ops.div),
  maximum: pairwise(ops.maximum),
  minimum: pairwise(ops.minimum),
  pow: pairwise(ops.pow),
  where: ({ condition, a, b }) => ({ y: ops.where(condition!, a!, b!) }),
  exp: unary(ops.exp),
  log: unary(ops.log),
  sqrt: unary(ops.sqrt),
  neg: unary(ops.neg),
  abs: unary(ops.abs),
  add_scalar: ({ x }, attrs) => ({ y: ops.addScalar(x!, attrs.number('value')) }),
  mul_scalar: ({ x }, attrs) => ({ y: ops.mulScalar(x!, attrs.number('value')) }),
  pow_scalar: ({ x }, attrs) => ({ y: ops.powScalar(x!, attrs.number('exponent')) }),
  clamp: ({ x }, attrs) => ({ y: ops.clamp(x!, { min: attrs.numberOrNull('min'), max: attrs.numberOrNull('max') }) }),
  // shape
  reshape: ({ x }, attrs) => ({ y: ops.reshape(x!, attrs.numbers('shape')) }),
  transpose: ({ x }, attrs) => ({ y: ops.transpose(x!, attrs.numbers('perm')) }),
  flatten: ({ x }, attrs) => ({ y: ops.flatten(x!, { startAxis: attrs.number('start_axis', 1) }) }),
  pad: ({ x }, attrs) => ({ y: ops.pad(x!, padOf(attrs)) }),
  slice: ({ x }, attrs) => ({ y: ops.slice(x!, sliceOf(attrs)) }),
  concat: (inputs, attrs) => ({
    y: ops.concat(
      Object.keys(inputs).map((_, i) => inputs[`x${i}`]!),
      { axis: attrs.number('axis') },
    ),
  }),
  upsample_nearest2d: ({ x }, attrs) => ({ y: ops.upsample2d(x!, { size: attrs.pair('size') }) }),
  upsample_bilinear2d: ({ x }, attrs) => ({
    y: ops.upsample2d(x!, {
      size: attrs.pair('size'),
      mode: 'bilinear',
      alignCorners: attrs.flag('align_corners', false),
    }),
  }),
  // reductions
  sum: ({ x }, attrs) => ({ y: ops.sum(x!, axesOf(attrs)) }),
  mean: ({ x }, attrs) => ({ y: ops.mean(x!, axesOf(attrs)) }),
  amax: ({ x }, attrs) => ({ y: ops.amax(x!, axesOf(attrs)) }),
  max: ({ x }, attrs) => ({ ...ops.max(x!, axisOf(attrs)) }),
  argmax: ({ x }, attrs) => ({ y: ops.argmax(x!, axisOf(attrs)) }),
  // products
  conv2d,
  conv_transpose2d: convTranspose2d,
  linear: ({ x, weight, bias = null }) => ({ y: ops.linear(x!, weight!, bias) }),
  matmul: ({ a, b }, attrs) => ({ y: ops.matmul(a!, b!, transposes(attrs)) }),
  gemm: ({ a, b, c = null }, attrs) => ({
    y: ops.gemm(a!, b!, c, { ...transposes(attrs), alpha: attrs.number('alpha', 1), beta: attrs.number('beta', 1) }),
  }),
  // pools
  max_pool2d: ({ x }, attrs) => ({ ...ops.maxPool2d(x!, { ...window(attrs), dilation: attrs.pair('dilation', 1) }) }),
  avg_pool2d: avgPool2d,
  adaptive_avg_pool2d: ({ x }, attrs) => ({ y: ops.adaptiveAvgPool2d(x!, attrs.pair('output_size')) }),
  adaptive_max_pool2d: ({ x }, attrs) => ({ ...ops.adaptiveMaxPool2d(x!, attrs.pair('output_size')) }),
  global_avg_pool2d: unary(ops.globalAvgPool2d),
  global_max_pool2d: ({ x }) => ({ ...ops.globalMaxPool2d(x!) }),
  // softmax
  softmax: ({ x }, attrs) => ({ y: ops.softmax(x!, { axis: attrs.number('axis', -1) }) }),
  log_softmax: ({ x }, attrs) => ({ y: ops.logSoftmax(x!, { axis: attrs.number('axis', -1) }) }),
  // normalisation
  batch_norm2d: batchNorm2d,
  layer_norm: (inputs, attrs) => ({
    y: ops.layerNorm(inputs.x!, attrs.numbers('normalized_shape'), affine(inputs, attrs)),
  }),
  group_norm: (inputs, attrs) => ({ y: ops.groupNorm(inputs.x!, attrs.number('groups'), affine(inputs, attrs)) }),
  instance_norm2d: (inputs, attrs) => ({ y: ops.instanceNorm2d(inputs.x!, affine(inputs, attrs)) }),
  local_response_norm: localResponseNorm,
  // losses
  cross_entropy: crossEntropy,
  cross_entropy_probs: crossEntropyProbs,
  nll_loss: nllLoss,
  mse_loss: ({ x, target }, attrs) => ({ y: ops.mseLoss(x!, target!, reduction(attrs)) }),
  l1_loss: ({ x, target }, attrs) => ({ y: ops.l1Loss(x!, target!, reduction(attrs)) }),
  smooth_l1_loss: ({ x, target }, attrs) => ({
    y: ops.smoothL1Loss(x!, target!, { beta: attrs.number('beta', 1), ...reduction(attrs) }),
  }),
  huber_loss: ({ x, target }, attrs) => ({
    y: ops.huberLoss(x!, target!, { delta: attrs.number('delta', 1), ...reduction(attrs) }),
  }),
  bce: ({ x, target, weight }, attrs) => ({ y: ops.bceLoss(x!, target!, { weight, ...reduction(attrs) }) }),
  bce_with_logits: ({ x, target, weight, pos_weight: posWeight }, attrs) => ({
    y: ops.bceWithLogitsLoss(x!, target!, { weight, posWeight, ...reduction(attrs) }),
  }),
  kl_div: klDiv,
};

/** How the layers of gabor keep a parameter in memory, by op and input; others are plain. */
const parameterLayouts: { readonly [op: string]: { readonly [input: string]: Layout } } = {
  conv2d: { weight: 'hwio' },
  conv_transpose2d: { weight: 'hwio' },
};

export const parameterLayout = (op: string, input: string): Layout => parameterLayouts[op]?.[input] ?? 'plain';

export const isSupported = (op: string): boolean => Object.hasOwn(builders, op);

/** The outputs of an op. Throws NotSupported for an op, or an attribute of it, that gabor does not have. */
export function buildOp(op: string, inputs: Values, attrs: CaseAttrs): Values {
  if (!isSupported(op)) throw new NotSupported(op);
  const outputs = builders[op]!(inputs, attrs);
  attrs.checkAllRead(op);
  return outputs;
}
