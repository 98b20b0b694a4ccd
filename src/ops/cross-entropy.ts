/**
 * Cross-entropy and negative log-likelihood with labels as targets. Loss, gradient and number of correct rows come from the
 * same kernel. Imports graph, util, class-loss and other ops.
 */
import { defineOp } from '../graph/define-op.ts';
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { sameShape, show, sizeOf } from '../util/shape.ts';
import {
  type ClassLossAttrs,
  checkLogits,
  checkSmoothing,
  classLossLayout,
  classLossVariants,
  type Reduction,
  refuseWeightGradient,
  rowShape,
  scaleByLoss,
} from './class-loss.ts';

function defineLabelLoss(name: string) {
  return defineOp<ClassLossAttrs>({
    name,
    infer([logits, labels, weight], attrs, at) {
      checkLogits(logits!, weight, at);
      checkSmoothing(attrs, at);
      const rows = rowShape(logits!.shape);
      if (labels!.dtype !== 'i32' || !sameShape(labels!.shape, rows)) {
        throw new ShapeError(
          `${at}: target is ${labels!.dtype} ${show(labels!.shape)} for logits ${show(logits!.shape)}. Pass i32 labels of shape ${show(rows)}.`,
        );
      }
      return [
        { shape: attrs.reduction === 'none' ? rows : [], dtype: 'f32' },
        { shape: logits!.shape, dtype: 'f32' },
        { shape: [], dtype: 'f32' },
      ];
    },
    layout: classLossLayout,
    grad({ inputs: [logits], outputs: [, dLogits], dOutputs: [dLoss], needs }) {
      refuseWeightGradient(name, needs, logits!.shape);
      return dLoss ? [scaleByLoss(dLogits!, dLoss)] : [];
    },
    variants: classLossVariants,
    flops: ([logits]) => 8 * sizeOf(logits!.shape),
  });
}

const crossEntropyOp = defineLabelLoss('crossEntropy');
const nllLossOp = defineLabelLoss('nllLoss');

export interface NllLossOptions {
  /** [c]: the loss of a row is multiplied by the weight of its label. Default: none. */
  readonly weight?: Value | null;
  /** Rows with this label count for nothing; default -100. */
  readonly ignoreIndex?: number;
  /** 'mean' (default) divides by the sum of the weights of the labels that count; 'none' gives one loss a row. */
  readonly reduction?: Reduction;
}

export interface CrossEntropyOptions extends NllLossOptions {
  /** Share of the target spread evenly over all classes, 0..1; default 0. */
  readonly labelSmoothing?: number;
}

/** A loss over classes, and how many rows it finds right. */
export interface ClassLossResult {
  /** [] for 'mean' and 'sum', one a row for 'none'. */
  readonly loss: Value;
  /** []: rows whose largest logit (the first of equal ones) is that of the target; ignored rows do not count. */
  readonly correct: Value;
}

/**
 * Softmax and cross-entropy of logits [n, c] with labels [n] (i32), or [n, c, d1, ...] with [n, d1, ...].
 * The mean over no rows at all is 0. Labels outside 0..c-1 other than `ignoreIndex` are an error of the caller; they read
 * the nearest class. (torch.nn.functional.cross_entropy)
 */
export function crossEntropy(
  logits: Value,
  labels: Value,
  { weight = null, ignoreIndex = -100, labelSmoothing = 0, reduction = 'mean' }: CrossEntropyOptions = {},
): ClassLossResult {
  const attrs = { reduction, ignoreIndex, labelSmoothing, normalized: false };
  const [loss, , correct] = crossEntropyOp(weight ? [logits, labels, weight] : [logits, labels], attrs);
  return { loss, correct: correct! };
}

/** Negative log-likelihood of log-probabilities [n, c, ...] with labels [n, ...] (i32). (torch.nn.functional.nll_loss) */
export function nllLoss(
  logProbabilities: Value,
  labels: Value,
  { weight = null, ignoreIndex = -100, reduction = 'mean' }: NllLossOptions = {},
): Value {
  const attrs = { reduction, ignoreIndex, labelSmoothing: 0, normalized: true };
  return nllLossOp(weight ? [logProbabilities, labels, weight] : [logProbabilities, labels], attrs)[0];
}
