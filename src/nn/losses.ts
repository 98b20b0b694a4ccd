/** Losses: what a trainer minimises, what targets it takes, what `predict` gives. Names are PyTorch's. Imports graph, ops, util. */
import { constant } from '../graph/define-op.ts';
import type { Attrs, Value, ValueSpec } from '../graph/types.ts';
import * as ops from '../ops/index.ts';
import { ArgumentError, ShapeError } from '../util/errors.ts';
import { type Shape, show } from '../util/shape.ts';

export interface LossValues {
  /** Scalar: the mean over the batch. */
  readonly loss: Value;
  /** Number of samples that are classified correctly; absent where that means nothing. */
  readonly correct?: Value;
}

export interface Loss {
  readonly name: string;
  readonly config: Attrs;
  /** `labels`: one integer below the number of classes for each sample; `values`: numbers of the output's shape. */
  readonly targets: 'labels' | 'values';
  /** Shape and dtype of the targets of a batch. Throws ShapeError where the output cannot be used. */
  target(output: Shape): ValueSpec;
  apply(output: Value, target: Value): LossValues;
  /** The same for a probability of each class in place of the labels; absent where that cannot be. */
  applyProbs?(output: Value, probabilities: Value): LossValues;
  /** What `predict` gives: probabilities where the model gives logits. */
  predict(output: Value): Value;
}

/** The weights of the classes as a constant of the graph. Throws ArgumentError unless there is one for each class. */
function classWeights(at: string, weight: readonly number[] | undefined, output: Value): Value | null {
  if (!weight) return null;
  const classes = output.shape[1] ?? 0;
  if (weight.length !== classes || weight.some((w) => !(w >= 0 && Number.isFinite(w))))
    throw new ArgumentError(
      `${at}: ${weight.length} class weights for ${classes} classes (output ${show(output.shape)}). Pass a number of at least 0 for each.`,
    );
  return constant(weight, [classes]);
}

const sameAsOutput = (output: Shape): ValueSpec => ({ shape: output, dtype: 'f32' });

export interface CrossEntropyOptions {
  /** Weight of each class; the mean is then over the weights. Default: all 1. */
  readonly weight?: readonly number[];
  /** Share of the target spread over all classes; default 0. */
  readonly labelSmoothing?: number;
  /** Targets of this value do not count; default -100. */
  readonly ignoreIndex?: number;
}

/**
 * Softmax and cross-entropy of logits [n, classes] and integer labels [n], mean over the batch. `predict` gives
 * probabilities. Source: torch.nn.CrossEntropyLoss.
 */
export function crossEntropy({ weight, labelSmoothing = 0, ignoreIndex = -100 }: CrossEntropyOptions = {}): Loss {
  const weights = (output: Value): Value | null => classWeights('crossEntropy', weight, output);
  return {
    name: 'crossEntropy',
    config: { labelSmoothing, ignoreIndex, ...(weight && { weight }) },
    targets: 'labels',
    target(output) {
      if (output.length < 2)
        throw new ShapeError(
          `crossEntropy: the model's output is ${show(output)}. It must be [n, classes]: add flatten() and linear(classes).`,
        );
      return { shape: [output[0]!, ...output.slice(2)], dtype: 'i32' };
    },
    apply: (output, target) =>
      ops.crossEntropy(output, target, { weight: weights(output), labelSmoothing, ignoreIndex }),
    applyProbs: (output, probabilities) =>
      ops.crossEntropyProbs(output, probabilities, { weight: weights(output), labelSmoothing }),
    predict: (output) => ops.softmax(output, { axis: 1 }),
  };
}

/** Cross-entropy of logits [n, classes] against probabilities of the same shape, mean over the batch. Source: torch.nn.CrossEntropyLoss with class probabilities. */
export const crossEntropyProbs = ({ labelSmoothing = 0 }: { readonly labelSmoothing?: number } = {}): Loss => ({
  name: 'crossEntropyProbs',
  config: { labelSmoothing },
  targets: 'values',
  target: sameAsOutput,
  apply: (output, target) => ops.crossEntropyProbs(output, target, { labelSmoothing }),
  predict: (output) => ops.softmax(output, { axis: 1 }),
});

/** Binary cross-entropy of logits: independent labels, each 0..1; mean over all elements. `predict` gives probabilities. Source: torch.nn.BCEWithLogitsLoss. */
export const bceWithLogits = (): Loss => ({
  name: 'bceWithLogits',
  config: {},
  targets: 'values',
  target: sameAsOutput,
  apply: (output, target) => ({ loss: ops.bceWithLogitsLoss(output, target) }),
  predict: (output) => ops.sigmoid(output),
});

/** Binary cross-entropy of probabilities (put sigmoid() last); prefer bceWithLogits, which does not saturate. Source: torch.nn.BCELoss. */
export const bce = (): Loss => ({
  name: 'bce',
  config: {},
  targets: 'values',
  target: sameAsOutput,
  apply: (output, target) => ({ loss: ops.bceLoss(output, target) }),
  predict: (output) => output,
});

/** A loss of elements against values of the output's shape. */
const elementLoss = (name: string, config: Attrs, apply: (output: Value, target: Value) => Value): Loss => ({
  name,
  config,
  targets: 'values',
  target: sameAsOutput,
  apply: (output, target) => ({ loss: apply(output, target) }),
  predict: (output) => output,
});

/** Mean squared error over all elements. Source: torch.nn.MSELoss. */
export const mse = (): Loss => elementLoss('mse', {}, (output, target) => ops.mseLoss(output, target));

/** Mean absolute error over all elements. Source: torch.nn.L1Loss. */
export const l1 = (): Loss => elementLoss('l1', {}, (output, target) => ops.l1Loss(output, target));

/** Quadratic below beta (default 1), linear above; mean over all elements. Source: torch.nn.SmoothL1Loss. */
export const smoothL1 = ({ beta = 1 } = {}): Loss =>
  elementLoss('smoothL1', { beta }, (output, target) => ops.smoothL1Loss(output, target, { beta }));

/** Quadratic up to delta (default 1), linear above; mean over all elements. Source: torch.nn.HuberLoss. */
export const huber = ({ delta = 1 } = {}): Loss =>
  elementLoss('huber', { delta }, (output, target) => ops.huberLoss(output, target, { delta }));

/** Kullback-Leibler divergence of log-probabilities (put logSoftmax() last) from target probabilities, over the batch. Source: torch.nn.KLDivLoss with batchmean. */
export const klDiv = ({ logTarget = false } = {}): Loss =>
  elementLoss('klDiv', { logTarget }, (output, target) =>
    ops.klDivLoss(output, target, { logTarget, reduction: 'batchmean' }),
  );

/** Focal loss of logits for independent, unbalanced labels (Lin et al. 2017); `predict` gives probabilities. Source: torchvision.ops.sigmoid_focal_loss. */
export const sigmoidFocal = ({ alpha = 0.25, gamma = 2 } = {}): Loss => ({
  ...elementLoss('sigmoidFocal', { alpha, gamma }, (output, target) =>
    ops.sigmoidFocalLoss(output, target, { alpha, gamma }),
  ),
  predict: (output) => ops.sigmoid(output),
});

/** Negative log-likelihood of log-probabilities [n, classes] (put logSoftmax() last) and labels [n]. Source: torch.nn.NLLLoss. */
export const nll = ({
  weight,
  ignoreIndex = -100,
}: Pick<CrossEntropyOptions, 'weight' | 'ignoreIndex'> = {}): Loss => ({
  ...crossEntropy({ ignoreIndex }),
  name: 'nll',
  config: { ignoreIndex, ...(weight && { weight }) },
  apply: (output, target) => ({
    loss: ops.nllLoss(output, target, { weight: classWeights('nll', weight, output), ignoreIndex }),
  }),
  applyProbs: undefined,
  predict: (output) => ops.exp(output),
});
