/** All ops, one line each. */
export {
  celu,
  elu,
  gelu,
  hardsigmoid,
  hardswish,
  leakyRelu,
  mish,
  relu,
  relu6,
  selu,
  sigmoid,
  silu,
  softplus,
  softsign,
  tanh,
} from './activations.ts';
export {
  type ArgOptions,
  type AxisOptions,
  amax,
  amin,
  argmax,
  argmin,
  type Extremum,
  max,
  min,
} from './arg-reduce.ts';
export { augmentImages, augmentImagesAndTargets } from './augment-images.ts';
export { adaptiveAvgPool2d, avgPool2d, globalAvgPool2d } from './avg-pool2d.ts';
export { type BatchNorm2dOptions, type BatchNormed, batchNorm2d } from './batch-norm2d.ts';
export {
  add,
  binary,
  div,
  equal,
  greater,
  greaterEqual,
  less,
  lessEqual,
  maximum,
  minimum,
  mul,
  notEqual,
  pow,
  sub,
} from './binary.ts';
export { channelShuffle } from './channel-shuffle.ts';
export { concat } from './concat.ts';
export { convTranspose2d } from './conv-transpose2d.ts';
export { conv2d, conv2dBackwardInput, conv2dBackwardWeight, convOutputSize, resolvePadding } from './conv2d.ts';
export { relayout, transpose } from './copy.ts';
export { type ClassLossResult, crossEntropy, nllLoss } from './cross-entropy.ts';
export { crossEntropyProbs } from './cross-entropy-probs.ts';
export { dropout } from './dropout.ts';
export { gatherImages, gatherImagesAndTargets, gatherRows, gatherRowsAndTargets } from './gather-batch.ts';
export { groupNorm, instanceNorm2d } from './group-norm.ts';
export { layerNorm } from './layer-norm.ts';
export { localResponseNorm } from './local-response-norm.ts';
export { logSumExp } from './log-sum-exp.ts';
export { gemm, linear, matmul } from './matmul.ts';
export { adaptiveMaxPool2d, globalMaxPool2d, maxPool2d } from './max-pool2d.ts';
export { mixLabels, mixSamples, mixValues } from './mix-batch.ts';
export { oneHot } from './one-hot.ts';
export { type PadMode, type PadOptions, pad, type Sides } from './pad.ts';
export { abs, addScalar, clamp, exp, log, mulScalar, neg, powScalar, sqrt } from './pointwise.ts';
export {
  bceLoss,
  bceWithLogitsLoss,
  huberLoss,
  klDivLoss,
  l1Loss,
  mseLoss,
  sigmoidFocalLoss,
  smoothL1Loss,
} from './pointwise-loss.ts';
export { prelu } from './prelu.ts';
export { expand, mean, sum } from './reduce.ts';
export { flatten, reshape } from './reshape.ts';
export { chunk, type SliceOptions, slice, split } from './slice.ts';
export { logSoftmax, softmax } from './softmax.ts';
export { type UpsampleMode, type UpsampleOptions, upsample2d } from './upsample2d.ts';
export { where } from './where.ts';
