/** Losses: what a trainer minimises, what targets it takes, what `predict` gives. Names are PyTorch's. Imports graph, ops, util. */
import type { Attrs, Value, ValueSpec } from '../graph/types.ts';
import * as ops from '../ops/index.ts';
import { ShapeError } from '../util/errors.ts';
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

const sameAsOutput = (output: Shape): ValueSpec => ({ shape: output, dtype: 'f32' });

export interface CrossEntropyOptions {
  /** Share of the target spread over all classes; default 0. */
  readonly labelSmoothing?: number;
  /** Targets of this value do not count; default -100. */
  readonly ignoreIndex?: number;
}

/**
 * Softmax and cross-entropy of logits [n, classes] and integer labels [n], mean over the batch. `predict` gives
 * probabilities. Source: torch.nn.CrossEntropyLoss.
 */
export function crossEntropy({ labelSmoothing = 0, ignoreIndex = -100 }: CrossEntropyOptions = {}): Loss {
  return {
    name: 'crossEntropy',
    config: { labelSmoothing, ignoreIndex },
    targets: 'labels',
    target(output) {
      if (output.length < 2)
        throw new ShapeError(
          `crossEntropy: the model's output is ${show(output)}. It must be [n, classes]: add flatten() and linear(classes).`,
        );
      return { shape: [output[0]!, ...output.slice(2)], dtype: 'i32' };
    },
    apply: (output, target) => ops.crossEntropy(output, target, { labelSmoothing, ignoreIndex }),
    applyProbs: (output, probabilities) => ops.crossEntropyProbs(output, probabilities, { labelSmoothing }),
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

/** Mean squared error over all elements. Source: torch.nn.MSELoss. */
export const mse = (): Loss => ({
  name: 'mse',
  config: {},
  targets: 'values',
  target: sameAsOutput,
  apply: (output, target) => ({ loss: ops.mseLoss(output, target) }),
  predict: (output) => output,
});
