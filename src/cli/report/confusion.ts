/**
 * Evaluation of a classifier for the report: confusion matrix and most confident mistakes.
 * May import the error classes and the report's types.
 */

import { ArgumentError } from '../../util/errors.ts';
import type { ReportConfusion } from './types.ts';

/** A wrongly classified example, without its picture. */
export interface Mistake {
  /** Index of the example. */
  readonly index: number;
  /** True class. */
  readonly label: number;
  /** Predicted class: the one with the greatest probability, the first of equals. */
  readonly predicted: number;
  /** Probability of the predicted class. */
  readonly probability: number;
  /** Probability of every class. */
  readonly probabilities: Float32Array;
}

/** A pair of classes and how often the first was taken for the second. */
export interface ConfusedPair {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
}

/** Counts, for every true class (row), how often each class (column) was predicted. */
export function confusionMatrix(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: readonly string[],
): ReportConfusion {
  if (labels.length !== predictions.length) {
    const lengths = `${labels.length} labels, ${predictions.length} predictions`;
    throw new ArgumentError(`confusionMatrix: one prediction per label is needed (${lengths}).`);
  }
  const counts = classes.map(() => new Array<number>(classes.length).fill(0));
  for (let i = 0; i < labels.length; i++) {
    const row = counts[labels[i] ?? -1];
    const column = predictions[i] ?? -1;
    if (row?.[column] === undefined) {
      const pair = `label ${labels[i]}, prediction ${predictions[i]}`;
      throw new ArgumentError(`confusionMatrix: example ${i} is outside the ${classes.length} classes (${pair}).`);
    }
    row[column] = row[column] + 1;
  }
  return { classes, counts };
}

/**
 * The `count` mistakes with the greatest probability of the predicted class, greatest first, then by index.
 * `probabilities` holds `labels.length` rows, one number per class; a row without any number (all NaN) is left out.
 */
export function worstMistakes(probabilities: ArrayLike<number>, labels: ArrayLike<number>, count: number): Mistake[] {
  if (labels.length === 0) return [];
  const classes = probabilities.length / labels.length;
  if (!Number.isInteger(classes) || classes === 0) {
    const lengths = `${probabilities.length} probabilities, ${labels.length} labels`;
    throw new ArgumentError(`worstMistakes: every label needs a row of probabilities, all of one length (${lengths}).`);
  }
  const mistakes: Omit<Mistake, 'probabilities'>[] = [];
  for (let index = 0; index < labels.length; index++) {
    const predicted = greatest(probabilities, index * classes, classes);
    const label = labels[index] ?? -1;
    if (predicted < 0 || predicted === label) continue;
    mistakes.push({ index, label, predicted, probability: probabilities[index * classes + predicted] ?? 0 });
  }
  mistakes.sort((a, b) => b.probability - a.probability || a.index - b.index);
  return mistakes.slice(0, Math.max(0, count)).map((mistake) => ({
    ...mistake,
    probabilities: Float32Array.from({ length: classes }, (_, c) => probabilities[mistake.index * classes + c] ?? 0),
  }));
}

/** The pairs off the diagonal that occur most, most frequent first. */
export function confusedPairs(confusion: ReportConfusion, count: number): ConfusedPair[] {
  const pairs = confusion.counts.flatMap((row, label) => row.map((n, predicted) => ({ label, predicted, count: n })));
  const wrong = pairs.filter((pair) => pair.label !== pair.predicted && pair.count > 0);
  return wrong.sort((a, b) => b.count - a.count).slice(0, count);
}

/** Offset of the greatest number in `values[start, start + length)`, -1 if all are NaN. */
function greatest(values: ArrayLike<number>, start: number, length: number): number {
  let best = -1;
  let bestValue = Number.NEGATIVE_INFINITY;
  for (let i = 0; i < length; i++) {
    const value = values[start + i] ?? Number.NaN;
    if (value > bestValue) {
      best = i;
      bestValue = value;
    }
  }
  return best;
}
