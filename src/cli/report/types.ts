/**
 * The data of a training report: plain values, no engine types. Imports nothing.
 *
 * Numbers may be NaN or infinite (a diverged run is worth a report too); they are shown as such.
 */

/** One training step. */
export interface ReportStep {
  /** Number of the step, counted through all epochs. */
  readonly step: number;
  /** Mean loss of the batch, before the update. */
  readonly loss: number;
  /** Share of the batch classified correctly, 0..1. */
  readonly accuracy: number;
}

/** One finished epoch. */
export interface ReportEpoch {
  /** Number of the epoch, from 1. */
  readonly epoch: number;
  /** Last step of the epoch: where its points are drawn. */
  readonly step: number;
  /** Mean training loss over the epoch. */
  readonly loss: number;
  /** Mean training accuracy over the epoch, 0..1. */
  readonly accuracy: number;
  /** Loss on the held-out set after the epoch. */
  readonly valLoss: number;
  /** Accuracy on the held-out set after the epoch, 0..1. */
  readonly valAccuracy: number;
}

/** The device that computed. */
export interface ReportAdapter {
  readonly name: string;
  /** True for a renderer on the CPU (lavapipe, SwiftShader): shown as a clear badge beside the times. */
  readonly software: boolean;
  /** Driver name and version; may be empty. */
  readonly driver: string;
}

/** The figures at the top; null (not measured) is left out. */
export interface ReportHeadline {
  /** Accuracy on the held-out set at the end, 0..1. */
  readonly accuracy: number | null;
  /** Loss on the held-out set at the end. */
  readonly loss: number | null;
  /** Time of the training phase, in seconds. */
  readonly trainingSeconds: number | null;
  /** Training images per second. */
  readonly imagesPerSecond: number | null;
  /** Trained numbers in the model. */
  readonly parameters: number | null;
}

/** A confusion matrix, as `confusionMatrix` makes it. */
export interface ReportConfusion {
  readonly classes: readonly string[];
  /** `counts[label][predicted]`: images of class `label` that were classified as `predicted`. */
  readonly counts: readonly (readonly number[])[];
}

/** The kernels of one convolution. */
export interface ReportFilters {
  /** Output channels, input channels, kernel height, kernel width. */
  readonly shape: readonly [out: number, input: number, kh: number, kw: number];
  /** Weights in the order of `shape`, last index fastest. */
  readonly data: Float32Array;
  /** Name of the layer. */
  readonly layer: string;
}

/** One wrongly classified image: what `worstMistakes` gives, and its pixels. */
export interface ReportMistake {
  /** Index in the held-out set. */
  readonly index: number;
  /** True class. */
  readonly label: number;
  /** Predicted class. */
  readonly predicted: number;
  /** Probability of every class, 0..1. */
  readonly probabilities: ArrayLike<number>;
  /** Pixels 0..255, row by row, the channels of a pixel side by side. */
  readonly image: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** 1 (grey), 3 (RGB) or 4 (RGBA). */
  readonly channels: number;
}

/** One part of the run. */
export interface ReportPhase {
  /** For example setup, compile, train, evaluate, save. */
  readonly name: string;
  readonly seconds: number;
}

/** One layer of the model, in order. */
export interface ReportLayer {
  readonly name: string;
  /** Kind of layer, for example conv2d. */
  readonly type: string;
  readonly outputShape: readonly number[];
  readonly parameters: number;
  /** Floating-point operations, counted per `layersPer`. */
  readonly flops: number;
  /** Bytes, counted per `layersPer`. */
  readonly bytes: number;
}

/** A name and the text shown for it. */
export type ReportPair = readonly [name: string, value: string];

/** Everything that a report shows. */
export interface ReportData {
  /** What was trained, for example "LeNet on MNIST". */
  readonly title: string;
  /** Command line that repeats the run. */
  readonly command: string;
  /** Start of the run, ISO 8601; shown in UTC. */
  readonly date: string;
  readonly adapter: ReportAdapter;
  readonly headline: ReportHeadline;
  /** Seed, optimizer, learning rate, batch size, epochs and whatever else repeats the run, in the order to show. */
  readonly settings: readonly ReportPair[];
  /** Name of the held-out set in the texts; "test" if left out. */
  readonly heldOut?: string;
  /** Loss and its unit, for the axis; "cross-entropy, nats" if left out. */
  readonly lossName?: string;
  readonly steps: readonly ReportStep[];
  readonly epochs: readonly ReportEpoch[];
  /** Null where nothing was evaluated. */
  readonly confusion: ReportConfusion | null;
  /** Null for a model without a convolution. */
  readonly filters: ReportFilters | null;
  /** The most confident mistakes, worst first; class names come from `confusion`, else the number is shown. */
  readonly mistakes: readonly ReportMistake[];
  readonly phases: readonly ReportPhase[];
  readonly layers: readonly ReportLayer[];
  /** What FLOPs and bytes of a layer count, for example "forward pass, one image". */
  readonly layersPer: string;
  /** GPU dispatches of one training step. */
  readonly dispatchesPerStep: number;
  /** More lines for the plan summary: pipelines, arena size, fused operations. */
  readonly plan?: readonly ReportPair[];
}
