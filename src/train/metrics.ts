/** Metrics of `evaluate` besides loss and accuracy: what is counted on the GPU, and what follows from the counts. Imports util and shader text. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import confusionText from '../../shaders/metrics/confusion.wgsl?raw';
import topKText from '../../shaders/metrics/top-k.wgsl?raw';
import type { ShaderSource } from '../graph/types.ts';
import { ArgumentError } from '../util/errors.ts';

const includes = { 'lib/linear-id.wgsl': linearIdText };
const topKShader: ShaderSource = { file: 'metrics/top-k.wgsl', text: topKText, includes };
const confusionShader: ShaderSource = { file: 'metrics/confusion.wgsl', text: confusionText, includes };

/** Samples by class, row-major: a row for each true class, a column for each predicted one (as in scikit-learn). */
export interface ConfusionMatrix {
  readonly classes: number;
  readonly counts: Uint32Array<ArrayBuffer>;
}

/** What metrics give; each is there where it was asked for. */
export interface MetricResults {
  /** By k: share of the samples whose class is among the k largest outputs. */
  readonly topK?: { readonly [k: number]: number };
  readonly confusionMatrix?: ConfusionMatrix;
}

/** Something that is counted over the samples of a data set with labels; made by `topK` and `confusionMatrix`. */
export interface Metric {
  /** Unique among metrics. */
  readonly id: string;
  readonly shader: ShaderSource;
  /** Of the shader, besides samples, classes and base. */
  readonly params: { readonly [name: string]: number };
  /** How many numbers it counts. Throws ArgumentError where that makes no sense. */
  size(classes: number): number;
  /** Adds what follows from the counts. */
  finish(results: MetricResults, counts: Uint32Array<ArrayBuffer>, classes: number): MetricResults;
}

/**
 * Share of the samples whose class is among the k largest outputs; of equal ones the first is the larger. In the result:
 * `topK[k]`. (keras.metrics.SparseTopKCategoricalAccuracy, sklearn.metrics.top_k_accuracy_score)
 */
export function topK(k: number): Metric {
  if (!Number.isSafeInteger(k) || k < 1) throw new ArgumentError(`topK: k is ${k}. Pass a whole number from 1.`);
  return {
    id: `topK ${k}`,
    shader: topKShader,
    params: { k },
    size(classes) {
      if (k > classes)
        throw new ArgumentError(`topK: k is ${k}, the model has ${classes} outputs. Use ${classes} at most.`);
      return 2;
    },
    finish: (results, [hits = 0, samples = 0]) => ({
      ...results,
      topK: { ...results.topK, [k]: samples === 0 ? 0 : hits / samples },
    }),
  };
}

/** How often each class was taken for which. In the result: `confusionMatrix`. (sklearn.metrics.confusion_matrix) */
export const confusionMatrix = (): Metric => ({
  id: 'confusionMatrix',
  shader: confusionShader,
  params: {},
  size: (classes) => classes * classes,
  finish: (results, counts, classes) => ({ ...results, confusionMatrix: { classes, counts } }),
});

export interface ClassScores {
  /** Share of those predicted as the class that are of it; 0 where there are none. */
  readonly precision: number;
  /** Share of those of the class that were predicted as it; 0 where there are none. */
  readonly recall: number;
  /** Harmonic mean of both; 0 where both are. */
  readonly f1Score: number;
  /** Samples of the class; of an average: of all classes. */
  readonly support: number;
}

export interface ClassificationReport {
  readonly accuracy: number;
  readonly classes: readonly ClassScores[];
  /** Means over the classes, each counted once or by its samples. */
  readonly macroAvg: ClassScores;
  readonly weightedAvg: ClassScores;
}

const ratio = (a: number, b: number): number => (b === 0 ? 0 : a / b);

function average(scores: readonly ClassScores[], weightOf: (score: ClassScores) => number): ClassScores {
  const total = scores.reduce((sum, score) => sum + weightOf(score), 0);
  const mean = (of: (score: ClassScores) => number): number =>
    ratio(
      scores.reduce((sum, score) => sum + weightOf(score) * of(score), 0),
      total,
    );
  return {
    precision: mean(({ precision }) => precision),
    recall: mean(({ recall }) => recall),
    f1Score: mean(({ f1Score }) => f1Score),
    support: scores.reduce((sum, { support }) => sum + support, 0),
  };
}

/** Precision, recall and F1 of each class. (sklearn.metrics.classification_report) */
export function classificationReport({ classes, counts }: ConfusionMatrix): ClassificationReport {
  const indices = Array.from({ length: classes }, (_, i) => i);
  const sum = (at: (i: number) => number): number => indices.reduce((total, i) => total + counts[at(i)]!, 0);
  const hits = (c: number): number => counts[c * classes + c]!;
  const scores = indices.map((c): ClassScores => {
    const support = sum((i) => c * classes + i);
    const predicted = sum((i) => i * classes + c);
    return {
      precision: ratio(hits(c), predicted),
      recall: ratio(hits(c), support),
      f1Score: ratio(2 * hits(c), support + predicted),
      support,
    };
  });
  const macroAvg = average(scores, () => 1);
  return {
    accuracy: ratio(
      indices.reduce((total, c) => total + hits(c), 0),
      macroAvg.support,
    ),
    classes: scores,
    macroAvg,
    weightedAvg: average(scores, ({ support }) => support),
  };
}
