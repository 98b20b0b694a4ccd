/**
 * Losses that compare elements: a row each. Loss and gradient come from the same kernel. Names, defaults and conventions at
 * the kinks are PyTorch's. Imports graph, util, the kernels and other ops.
 */
import { constant, defineOp, isOne, type Op } from '../graph/define-op.ts';
import type { Value } from '../graph/types.ts';
import { ArgumentError, ShapeError } from '../util/errors.ts';
import { broadcastShapes, sameShape, show, sizeOf } from '../util/shape.ts';
import { mul } from './binary.ts';
import { neg } from './pointwise.ts';
import {
  type ElementReduction,
  elementLossLayout,
  elementLossVariants,
  type LossAttrs,
  type Row,
} from './pointwise-loss-kernels.ts';

function defineLoss(name: string, row: Row): Op<LossAttrs> {
  return defineOp<LossAttrs>({
    name,
    infer([x, wanted, ...weights], { reduction }, at) {
      const { shape } = x!;
      if (x!.dtype !== 'f32' || wanted!.dtype !== 'f32' || !sameShape(shape, wanted!.shape) || sizeOf(shape) === 0) {
        throw new ShapeError(
          `${at}: input ${x!.dtype} ${show(shape)}, target ${wanted!.dtype} ${show(wanted!.shape)}. Pass two f32 tensors of the same shape.`,
        );
      }
      for (const weight of weights) {
        if (!sameShape(broadcastShapes(weight.shape, shape, at), shape)) {
          throw new ShapeError(
            `${at}: a weight of shape ${show(weight.shape)} does not broadcast to the input ${show(shape)}. Pass sizes of 1 or the input's.`,
          );
        }
      }
      return [
        { shape: reduction === 'none' ? shape : [], dtype: 'f32' },
        { shape, dtype: 'f32' },
      ];
    },
    layout: elementLossLayout,
    grad({ outputs: [, slope], dOutputs: [dLoss], needs }) {
      if (!dLoss) return [];
      if ((needs[1] && !row.distance) || needs.slice(2).includes(true)) {
        throw new ShapeError(
          `${name}: only the input has a gradient, but ${needs[1] ? 'the target' : 'a weight'} needs one (${show(slope!.shape)}). Make it from values that are not trained.`,
        );
      }
      const dx = isOne(dLoss) ? slope! : mul(slope!, dLoss);
      return [needs[0] ? dx : null, needs[1] ? neg(dx) : null];
    },
    variants: (context, caps) => elementLossVariants(row, context, caps),
    flops: ([x]) => 4 * sizeOf(x!.shape),
  });
}

const wrong = '(t * sigmoid(-x) + (1.0 - t) * sigmoid(x))';
const crossEntropy = '((1.0 - t) * x + softplus(-x))';

/** Keyed by the name in messages. */
const rows = {
  mseLoss: defineLoss('mseLoss', { loss: () => '(x - t) * (x - t)', slope: () => '2.0 * (x - t)', distance: true }),
  l1Loss: defineLoss('l1Loss', { loss: () => 'abs(x - t)', slope: () => 'sign(x - t)', distance: true }),
  smoothL1Loss: defineLoss('smoothL1Loss', {
    loss: (k) => `select(abs(x - t) - 0.5 * ${k}, 0.5 * (x - t) * (x - t) / ${k}, abs(x - t) < ${k})`,
    slope: (k) => `select(sign(x - t), (x - t) / ${k}, abs(x - t) < ${k})`,
    distance: true,
  }),
  huberLoss: defineLoss('huberLoss', {
    loss: (k) => `select(${k} * (abs(x - t) - 0.5 * ${k}), 0.5 * (x - t) * (x - t), abs(x - t) <= ${k})`,
    slope: (k) => `clamp(x - t, -${k}, ${k})`,
    distance: true,
  }),
  bceLoss: defineLoss('bceLoss', {
    loss: () => '-(t * clamped_log(x) + (1.0 - t) * clamped_log(1.0 - x))',
    slope: () => '(x - t) / max((1.0 - x) * x, 1e-12)',
    distance: false,
  }),
  bceWithLogitsLoss: defineLoss('bceWithLogitsLoss', {
    loss: () => '(1.0 - t) * x + (1.0 + (p - 1.0) * t) * softplus(-x)',
    slope: () => '1.0 - t - (1.0 + (p - 1.0) * t) * sigmoid(-x)',
    distance: false,
  }),
  // q is the probability that the model gives to the wrong side; p weighs the positive side (alpha / (1 - alpha)).
  sigmoidFocalLoss: defineLoss('sigmoidFocalLoss', {
    loss: (k) => `(1.0 + (p - 1.0) * t) * power(${wrong}, ${k}) * ${crossEntropy}`,
    slope: (k) =>
      `(1.0 + (p - 1.0) * t) * (power(${wrong}, ${k}) * (sigmoid(x) - t) + ` +
      `${k} * power(max(${wrong}, 1e-30), ${k} - 1.0) * (1.0 - 2.0 * t) * sigmoid(x) * sigmoid(-x) * ${crossEntropy})`,
    distance: false,
  }),
  klDivLoss: defineLoss('klDivLoss', {
    loss: () => 'select(0.0, t * (log(max(t, 1.2e-38)) - x), t > 0.0)',
    slope: () => '-t',
    distance: false,
  }),
  klDivLossLogTarget: defineLoss('klDivLoss', {
    loss: () => 'exp(t) * (t - x)',
    slope: () => '-exp(t)',
    distance: false,
  }),
};

interface Extra {
  readonly reduction: LossAttrs['reduction'];
  readonly weight?: Value | null;
  readonly posWeight?: Value | null;
  readonly constant?: number;
}

function apply(name: keyof typeof rows, [x, wanted]: readonly [Value, Value], extra: Extra): Value {
  const { reduction, weight, posWeight, constant = 0 } = extra;
  const inputs = [x, wanted, ...(weight ? [weight] : []), ...(posWeight ? [posWeight] : [])];
  return rows[name](inputs, { reduction, weighted: Boolean(weight), positive: Boolean(posWeight), constant })[0];
}

export interface ElementLossOptions {
  /** 'mean' (default) over all elements, 'sum', or 'none' for a loss each. */
  readonly reduction?: ElementReduction;
}

/** (x - target)^2. (torch.nn.functional.mse_loss) */
export const mseLoss = (x: Value, target: Value, { reduction = 'mean' }: ElementLossOptions = {}): Value =>
  apply('mseLoss', [x, target], { reduction });

/** |x - target|; the gradient is 0 where they are equal. (torch.nn.functional.l1_loss) */
export const l1Loss = (x: Value, target: Value, { reduction = 'mean' }: ElementLossOptions = {}): Value =>
  apply('l1Loss', [x, target], { reduction });

export interface SmoothL1Options extends ElementLossOptions {
  /** Below it the loss is quadratic; default 1, 0 makes it l1Loss. */
  readonly beta?: number;
}

/** d^2 / (2 beta) where d = |x - target| < beta, else d - beta / 2. (torch.nn.functional.smooth_l1_loss) */
export function smoothL1Loss(x: Value, target: Value, { beta = 1, reduction = 'mean' }: SmoothL1Options = {}): Value {
  if (!(beta >= 0)) throw new ArgumentError(`smoothL1Loss: beta is ${beta}. Pass a number of at least 0.`);
  return beta === 0
    ? l1Loss(x, target, { reduction })
    : apply('smoothL1Loss', [x, target], { reduction, constant: beta });
}

export interface HuberOptions extends ElementLossOptions {
  /** Up to it the loss is quadratic; default 1. */
  readonly delta?: number;
}

/** d^2 / 2 where d = |x - target| <= delta, else delta (d - delta / 2). (torch.nn.functional.huber_loss) */
export function huberLoss(x: Value, target: Value, { delta = 1, reduction = 'mean' }: HuberOptions = {}): Value {
  if (!(delta > 0)) throw new ArgumentError(`huberLoss: delta is ${delta}. Pass a number above 0.`);
  return apply('huberLoss', [x, target], { reduction, constant: delta });
}

export interface BceOptions extends ElementLossOptions {
  /** Multiplies each loss; broadcasts to the input. Default: none. */
  readonly weight?: Value | null;
}

/**
 * Binary cross-entropy of probabilities 0..1. Logarithms are held at -100 or above.
 * No gradient for the target. (torch.nn.functional.binary_cross_entropy)
 */
export const bceLoss = (x: Value, target: Value, { weight = null, reduction = 'mean' }: BceOptions = {}): Value =>
  apply('bceLoss', [x, target], { reduction, weight });

export interface BceWithLogitsOptions extends BceOptions {
  /** Weight of the positive targets, usually one a class; broadcasts to the input. Default: none. */
  readonly posWeight?: Value | null;
}

/**
 * Sigmoid and binary cross-entropy in one, safe for large logits. No gradient for the target.
 * (torch.nn.functional.binary_cross_entropy_with_logits)
 */
export const bceWithLogitsLoss = (
  x: Value,
  target: Value,
  { weight = null, posWeight = null, reduction = 'mean' }: BceWithLogitsOptions = {},
): Value => apply('bceWithLogitsLoss', [x, target], { reduction, weight, posWeight });

export interface FocalOptions extends ElementLossOptions {
  /** Share of the positive targets, above 0 and below 1; default 0.25. */
  readonly alpha?: number;
  /** How much well classified elements count less; default 2. */
  readonly gamma?: number;
}

/**
 * Focal loss of logits: alpha_t (1 - p_t)^gamma times the binary cross-entropy (Lin et al. 2017). No gradient for the target.
 * (torchvision.ops.sigmoid_focal_loss)
 */
export function sigmoidFocalLoss(
  x: Value,
  target: Value,
  { alpha = 0.25, gamma = 2, reduction = 'mean' }: FocalOptions = {},
): Value {
  if (!(alpha > 0 && alpha < 1) || !(gamma >= 0))
    throw new ArgumentError(
      `sigmoidFocalLoss: alpha is ${alpha}, gamma ${gamma}. Pass 0 < alpha < 1 and gamma of at least 0.`,
    );
  const [weight, posWeight] = [constant(1 - alpha, [1]), constant(alpha / (1 - alpha), [1])];
  return apply('sigmoidFocalLoss', [x, target], { reduction, weight, posWeight, constant: gamma });
}

export interface KlDivOptions {
  /** The target holds log-probabilities too; default false. */
  readonly logTarget?: boolean;
  /** 'batchmean' divides the sum by the size of the first axis, as the definition of the divergence does. Default 'mean'. */
  readonly reduction?: ElementReduction | 'batchmean';
}

/**
 * Kullback-Leibler divergence, target (log target - x), of log-probabilities x. No gradient for the target.
 * (torch.nn.functional.kl_div)
 */
export const klDivLoss = (
  x: Value,
  target: Value,
  { logTarget = false, reduction = 'mean' }: KlDivOptions = {},
): Value => apply(logTarget ? 'klDivLossLogTarget' : 'klDivLoss', [x, target], { reduction });
