/** Layers that normalise. Names and defaults are PyTorch's; each is the op of the same name with its parameters. Imports layer, init, ops. */
import type { Attrs, Value } from '../graph/types.ts';
import * as ops from '../ops/index.ts';
import { ArgumentError } from '../util/errors.ts';
import type { Shape } from '../util/shape.ts';
import { constantInit } from './init.ts';
import { defineLayer, jsonConfig, type Layer, type LayerContext } from './layer.ts';

export interface NormOptions {
  /** Name of the layer in messages, summaries and parameter names; default its type and a number. */
  readonly name?: string;
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
  /** Scale by `weight` and add `bias`, both trained; default true (instanceNorm2d: false). */
  readonly affine?: boolean;
}

function checkEps(at: string, eps: number): void {
  if (!(Number.isFinite(eps) && eps >= 0)) throw new ArgumentError(`${at}: eps is ${eps}. Pass a number from 0.`);
}

const ones = constantInit(1);
const zeros = constantInit(0);

/** The trained factor and summand; nothing without `affine`. */
const affineOf = (context: LayerContext, shape: Shape, affine: boolean): { weight?: Value; bias?: Value } =>
  affine
    ? {
        weight: context.parameter('weight', shape, { init: ones }),
        bias: context.parameter('bias', shape, { init: zeros }),
      }
    : {};

const channelsOf = (x: Value): Shape => [x.shape[1] ?? 1];

export interface BatchNorm2dLayerOptions extends NormOptions {
  /** Share of a batch in the new running statistics; default 0.1. */
  readonly momentum?: number;
  /** Keep running statistics and use them in evaluation; default true. Without them each batch is normalised by its own. */
  readonly trackRunningStats?: boolean;
}

/**
 * Each channel by its mean and variance: of the batch while training, running ones in evaluation; [n, c, h, w].
 * Parameters `weight` [c], `bias` [c]; states `running_mean` [c], `running_var` [c]. Applied twice in a model, its running
 * statistics follow the last application. Source: torch.nn.BatchNorm2d.
 *
 * @throws ArgumentError for a bad argument, ShapeError when the input does not fit.
 */
export function batchNorm2d(options: BatchNorm2dLayerOptions = {}): Layer {
  const { name, eps = 1e-5, momentum = 0.1, affine = true, trackRunningStats = true } = options;
  checkEps('batchNorm2d', eps);
  if (!(momentum >= 0 && momentum <= 1))
    throw new ArgumentError(`batchNorm2d: momentum is ${momentum}. Pass a number from 0 to 1.`);
  return defineLayer({
    type: 'batchNorm2d',
    stem: 'bn',
    config: jsonConfig({ eps, momentum, affine, trackRunningStats, name }),
    apply(x, context) {
      const channels = channelsOf(x);
      const given = affineOf(context, channels, affine);
      const running = trackRunningStats
        ? {
            runningMean: context.state('running_mean', channels, { init: zeros }),
            runningVar: context.state('running_var', channels, { init: ones }),
          }
        : {};
      const training = context.mode === 'train' || !trackRunningStats;
      const { y, runningMean, runningVar } = ops.batchNorm2d(x, { ...given, ...running, training, momentum, eps });
      if (runningMean) context.assign('running_mean', runningMean);
      if (runningVar) context.assign('running_var', runningVar);
      return y;
    },
  });
}

/**
 * Each sample (or position) by its mean and variance over the last axes, whose sizes are `normalizedShape` (a number: one
 * axis). Parameters `weight` and `bias` of that shape. Source: torch.nn.LayerNorm (`affine` is its elementwise_affine).
 */
export function layerNorm(
  normalizedShape: number | Shape,
  { name, eps = 1e-5, affine = true }: NormOptions = {},
): Layer {
  checkEps('layerNorm', eps);
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  if (shape.length === 0 || shape.some((size) => !Number.isInteger(size) || size < 1))
    throw new ArgumentError(
      `layerNorm: the normalized shape is [${shape.join(',')}]. Pass the sizes of the last axes, whole numbers from 1.`,
    );
  return defineLayer({
    type: 'layerNorm',
    stem: 'ln',
    config: jsonConfig({ normalizedShape, eps, affine, name }),
    apply: (x, context) => ops.layerNorm(x, shape, { ...affineOf(context, shape, affine), eps }),
  });
}

/**
 * Each of `groups` groups of channels of each sample by its mean and variance; [n, c, ...]. Parameters `weight` [c], `bias`
 * [c]. Source: torch.nn.GroupNorm.
 */
export function groupNorm(groups: number, { name, eps = 1e-5, affine = true }: NormOptions = {}): Layer {
  checkEps('groupNorm', eps);
  if (!Number.isInteger(groups) || groups < 1)
    throw new ArgumentError(`groupNorm: the number of groups is ${groups}. Pass a whole number from 1.`);
  return defineLayer({
    type: 'groupNorm',
    stem: 'gn',
    config: jsonConfig({ groups, eps, affine, name }),
    apply: (x, context) => ops.groupNorm(x, groups, { ...affineOf(context, channelsOf(x), affine), eps }),
  });
}

/** Each plane by its mean and variance; [n, c, h, w]. With affine: parameters `weight` [c], `bias` [c]. Source: torch.nn.InstanceNorm2d. */
export function instanceNorm2d({ name, eps = 1e-5, affine = false }: NormOptions = {}): Layer {
  checkEps('instanceNorm2d', eps);
  return defineLayer({
    type: 'instanceNorm2d',
    stem: 'in',
    config: jsonConfig({ eps, affine, name }),
    apply: (x, context) => ops.instanceNorm2d(x, { ...affineOf(context, channelsOf(x), affine), eps }),
  });
}

export interface LocalResponseNormLayerOptions {
  readonly name?: string;
  /** Default 1e-4; divided by the size. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

/** x / (k + alpha / size * (sum of squares over `size` channels around))^beta; [n, c, h, w]. Source: torch.nn.LocalResponseNorm. */
export function localResponseNorm(size: number, options: LocalResponseNormLayerOptions = {}): Layer {
  const { name, alpha = 1e-4, beta = 0.75, k = 1 } = options;
  if (!Number.isInteger(size) || size < 1)
    throw new ArgumentError(`localResponseNorm: the window has ${size} channels. Pass a whole number from 1.`);
  return defineLayer({
    type: 'localResponseNorm',
    stem: 'lrn',
    config: jsonConfig({ size, alpha, beta, k, name }),
    apply: (x) => ops.localResponseNorm(x, size, { alpha, beta, k }),
  });
}

/** How a saved model's layers are made again. */
export const normMakers: { readonly [type: string]: (config: Attrs) => Layer } = {
  batchNorm2d: (config) => batchNorm2d(config as BatchNorm2dLayerOptions),
  layerNorm: ({ normalizedShape, ...rest }) => layerNorm(normalizedShape as number | Shape, rest as NormOptions),
  groupNorm: ({ groups, ...rest }) => groupNorm(Number(groups), rest as NormOptions),
  instanceNorm2d: (config) => instanceNorm2d(config as NormOptions),
  localResponseNorm: ({ size, ...rest }) => localResponseNorm(Number(size), rest as LocalResponseNormLayerOptions),
};
