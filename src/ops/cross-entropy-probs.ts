/**
 * Cross-entropy with probabilities as targets (soft labels, mixed samples). Imports graph, util, class-loss and other ops.
 */
import { defineOp } from '../graph/define-op.ts';
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { sameShape, show, sizeOf } from '../util/shape.ts';
import { mul } from './binary.ts';
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
import type { ClassLossResult } from './cross-entropy.ts';
import { mulScalar } from './pointwise.ts';
import { reshape } from './reshape.ts';
import { logSoftmax } from './softmax.ts';

/** Gradient of the probabilities: the loss is linear in them, with slope -log softmax. */
function byProbs(
  logits: Value,
  weight: Value | undefined,
  { dLoss, attrs }: { readonly dLoss: Value; readonly attrs: ClassLossAttrs },
): Value {
  const rows = attrs.reduction === 'mean' ? sizeOf(rowShape(logits.shape)) : 1;
  const slope = mulScalar(logSoftmax(logits, { axis: 1 }), -(1 - attrs.labelSmoothing) / rows);
  const classes = [1, logits.shape[1]!, ...logits.shape.slice(2).map(() => 1)];
  return scaleByLoss(weight ? mul(slope, reshape(weight, classes)) : slope, dLoss);
}

const crossEntropyProbsOp = defineOp<ClassLossAttrs>({
  name: 'crossEntropyProbs',
  infer([logits, probs, weight], attrs, at) {
    checkLogits(logits!, weight, at);
    checkSmoothing(attrs, at);
    if (probs!.dtype !== 'f32' || !sameShape(probs!.shape, logits!.shape)) {
      throw new ShapeError(
        `${at}: target is ${probs!.dtype} ${show(probs!.shape)} for logits ${show(logits!.shape)}. Pass f32 probabilities of the shape of the logits.`,
      );
    }
    return [
      { shape: attrs.reduction === 'none' ? rowShape(logits!.shape) : [], dtype: 'f32' },
      { shape: logits!.shape, dtype: 'f32' },
      { shape: [], dtype: 'f32' },
    ];
  },
  layout: classLossLayout,
  grad({ inputs: [logits, , weight], outputs: [, dLogits], dOutputs: [dLoss], needs, attrs }) {
    refuseWeightGradient('crossEntropyProbs', needs, logits!.shape);
    if (!dLoss) return [];
    return [
      needs[0] ? scaleByLoss(dLogits!, dLoss) : null,
      needs[1] ? byProbs(logits!, weight, { dLoss, attrs }) : null,
    ];
  },
  variants: classLossVariants,
  flops: ([logits]) => 10 * sizeOf(logits!.shape),
});

export interface CrossEntropyProbsOptions {
  /** [c]: the share of each class is multiplied by it. Default: none. */
  readonly weight?: Value | null;
  /** Share of the target replaced by an even distribution, 0..1; default 0. */
  readonly labelSmoothing?: number;
  /** 'mean' (default) divides by the number of rows, whatever the weights; 'none' gives one loss a row. */
  readonly reduction?: Reduction;
}

/**
 * Softmax and cross-entropy of logits [n, c, ...] with probabilities of the same shape. A row is correct where the largest
 * logit and the largest probability (the first of equal ones) are of one class.
 * (torch.nn.functional.cross_entropy with class probabilities)
 */
export function crossEntropyProbs(
  logits: Value,
  probabilities: Value,
  { weight = null, labelSmoothing = 0, reduction = 'mean' }: CrossEntropyProbsOptions = {},
): ClassLossResult {
  const attrs = { reduction, ignoreIndex: -100, labelSmoothing, normalized: false };
  const inputs = weight ? [logits, probabilities, weight] : [logits, probabilities];
  const [loss, , correct] = crossEntropyProbsOp(inputs, attrs);
  return { loss, correct: correct! };
}
