/** gabor: train and run convolutional networks on WebGPU. Everything public, nothing else. */
export type { Plan } from './compile/plan.ts';
export { printPlan } from './compile/plan.ts';
export type { Chooser, Offer } from './compile/select.ts';
export {
  type Batch,
  type Dataset,
  type ImageDatasetOptions,
  imageDataset,
  type TensorDatasetOptions,
  tensorDataset,
} from './data/dataset.ts';
export { decodeIdx, type IdxArray, readIdx } from './data/idx.ts';
export { mnist } from './data/mnist-dataset.ts';
export type { CompileProgress } from './gpu/compile-helpers.ts';
export { type AdapterInfo, type Device, type DeviceOptions, requestDevice } from './gpu/device.ts';
export { defineOp, followFirst, type Op, type OpSpec } from './graph/define-op.ts';
export { type Layout, physicalSize } from './graph/layout.ts';
export type {
  Attrs,
  DType,
  Epilogue,
  EpilogueRule,
  GradContext,
  Json,
  Kernel,
  KernelContext,
  LaidOut,
  LayoutChoice,
  PlanValue,
  Scratch,
  ShaderSource,
  Value,
  ValueSpec,
  Variant,
} from './graph/types.ts';
export { linearGroups } from './graph/workgroups.ts';
export type { Histogram, HistogramOptions } from './inspect/histogram.ts';
export { type Inspector, inspect } from './inspect/inspector.ts';
export type {
  ClassOptions,
  Explained,
  GpuTensor,
  GradCam,
  GradCamOptions,
  InspectOptions,
  InspectTarget,
  Saliency,
} from './inspect/inspector-types.ts';
export { type Monitor, monitor } from './inspect/monitor.ts';
export type {
  DeadUnits,
  LayerStats,
  MonitorOptions,
  ParameterStats,
  StepStats,
  TensorStats,
} from './inspect/monitor-types.ts';
export { type Profile, type ProfileOptions, type ProfileRow, printProfile, profile } from './inspect/profile.ts';
export { readFileBytes, saveFile } from './io/files.ts';
export { readSafetensors, type TensorRecord, writeSafetensors } from './io/safetensors.ts';
export {
  type AlphaOptions,
  celu,
  elu,
  type GeluOptions,
  gelu,
  hardsigmoid,
  hardswish,
  mish,
  type PreluOptions,
  prelu,
  relu6,
  type SoftplusOptions,
  selu,
  silu,
  softplus,
  softsign,
} from './nn/activation-layers.ts';
export { convTranspose2d } from './nn/conv-layers.ts';
export {
  calculateGain,
  constantInit,
  type Initializer,
  kaimingNormal,
  kaimingUniform,
  normalInit,
  orthogonal,
  truncNormal,
  uniformInit,
  xavierNormal,
  xavierUniform,
} from './nn/init.ts';
export {
  defineLayer,
  jsonConfig,
  type Layer,
  type LayerContext,
  type LayerMakers,
  type LayerSpec,
  type Mode,
} from './nn/layer.ts';
export {
  adaptiveAvgPool2d,
  avgPool2d,
  conv2d,
  dropout,
  dropout2d,
  flatten,
  globalAvgPool2d,
  leakyRelu,
  linear,
  logSoftmax,
  maxPool2d,
  relu,
  sigmoid,
  softmax,
  stochasticDepth,
  tanh,
} from './nn/layers.ts';
export {
  bce,
  bceWithLogits,
  crossEntropy,
  crossEntropyProbs,
  huber,
  klDiv,
  type Loss,
  l1,
  mse,
  nll,
  sigmoidFocal,
  smoothL1,
} from './nn/losses.ts';
export {
  type Model,
  type ModelDescription,
  type ModelFromOptions,
  model,
  modelFrom,
  parameterCount,
  sequential,
} from './nn/model.ts';
export {
  type BatchNorm2dLayerOptions,
  batchNorm2d,
  groupNorm,
  instanceNorm2d,
  type LocalResponseNormLayerOptions,
  layerNorm,
  localResponseNorm,
  type NormOptions,
} from './nn/norm-layers.ts';
export {
  channelShuffle,
  reflectionPad2d,
  replicationPad2d,
  type UpsampleLayerOptions,
  upsample,
  zeroPad2d,
} from './nn/shape-layers.ts';
export { type LayerSummary, summarize } from './nn/summary.ts';
export * as ops from './ops/index.ts';
export { add, chunk, concat, div, maximum, minimum, mul, slice, split, sub } from './ops/index.ts';
export { type ShaderTexts, shader } from './ops/own-shader.ts';
export { adadelta } from './optim/adadelta.ts';
export { adagrad } from './optim/adagrad.ts';
export { adam, adamw } from './optim/adam.ts';
export { adamax } from './optim/adamax.ts';
export { chain, sequentialLR, warmup } from './optim/combine.ts';
export { lamb } from './optim/lamb.ts';
export { lion } from './optim/lion.ts';
export { nadam } from './optim/nadam.ts';
export { oneCycleLR } from './optim/one-cycle.ts';
export type { Optimizer } from './optim/optimizer.ts';
export { reduceLROnPlateau } from './optim/plateau.ts';
export { radam } from './optim/radam.ts';
export { rmsprop } from './optim/rmsprop.ts';
export {
  cosineAnnealingLR,
  cosineAnnealingWarmRestarts,
  exponentialLR,
  lambdaLR,
  linearLR,
  multiStepLR,
  polynomialLR,
  type Schedule,
  stepLR,
} from './optim/schedules.ts';
export { sgd } from './optim/sgd.ts';
export type { TuneEvent } from './runtime/plan-tuner.ts';
export type { TuneMode } from './runtime/tuner.ts';
export type { TuneEntry, TuneStore } from './runtime/tuner-cache.ts';
export {
  type Augmentation,
  type ColorJitterOptions,
  colorJitter,
  compose,
  type RandomAffineOptions,
  type RandomErasingOptions,
  randomAffine,
  randomCrop,
  randomErasing,
  randomHorizontalFlip,
  randomRotation,
  randomVerticalFlip,
} from './train/augment.ts';
export { type CsvLoggerOptions, csvLogger } from './train/callbacks/csv-logger.ts';
export { type EarlyStopping, type EarlyStoppingOptions, earlyStopping } from './train/callbacks/early-stopping.ts';
export {
  type ModelCheckpointOptions,
  modelCheckpoint,
  type SavedCheckpoint,
} from './train/callbacks/model-checkpoint.ts';
export type { MonitoredMetric } from './train/callbacks/monitor.ts';
export { lambdaCallback, terminateOnNaN } from './train/callbacks/small-callbacks.ts';
export type { BatchLogs, Callback, EpochLogs, Run, RunEnd } from './train/callbacks.ts';
export { checkGradients } from './train/check-gradients.ts';
export { decodeCheckpoint, modelOf, type Position } from './train/checkpoint.ts';
export type {
  CheckGradientsOptions,
  CheckInput,
  Differentiable,
  GradientCase,
  GradientFailure,
  GradientReport,
  Reference,
} from './train/gradient-report.ts';
export type { ParameterGroup } from './train/groups.ts';
export { createSession, type InferenceSession, type SessionOptions } from './train/inference.ts';
export {
  type ClassificationReport,
  type ConfusionMatrix,
  classificationReport,
  confusionMatrix,
  type Metric,
  type MetricResults,
  topK,
} from './train/metrics.ts';
export { cutmix, type Mix, mixup } from './train/mix.ts';
export { compile, f32, grad, i32, type Program } from './train/program.ts';
export { progressBar } from './train/progress-bar.ts';
export {
  createTrainer,
  type EvaluateOptions,
  type Evaluation,
  type FitOptions,
  type History,
  type Metrics,
  type Trainer,
  type TrainerOptions,
} from './train/trainer.ts';
export { memoryStore, type TuneOptions } from './train/tune-options.ts';
export type { DeviceCaps } from './util/caps.ts';
export * from './util/errors.ts';
export { type Shape, sizeOf } from './util/shape.ts';
