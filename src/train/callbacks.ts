/** What a training loop tells while it runs; names are Keras's. Imports nothing below but types. */
import type { CompileProgress } from '../gpu/compile-helpers.ts';
import type { Position } from './checkpoint.ts';
import type { Trainer } from './trainer.ts';

export interface BatchLogs extends Position {
  /** Batches of the epoch. */
  readonly batches: number;
  /** Epochs of this call of fit. */
  readonly epochs: number;
  /** Of the batch itself; accuracies are null where the loss does not classify. */
  readonly loss: number;
  readonly accuracy: number | null;
  /** Running means of the epoch so far. */
  readonly meanLoss: number;
  readonly meanAccuracy: number | null;
  readonly learningRate: number;
  /** Norm of all gradients before clipping; null where they are not clipped by norm, or wait for more batches. */
  readonly gradientNorm: number | null;
  /** Samples per second over this call of fit, evaluation left out. */
  readonly samplesPerSecond: number;
}

export interface EpochLogs {
  /** From 1. */
  readonly epoch: number;
  readonly step: number;
  /** Means over the epoch, of the model as it changed; accuracies are null where the loss does not classify. */
  readonly loss: number;
  readonly accuracy: number | null;
  /** On the validation data, with the model as it is after the epoch; null without such data. */
  readonly valLoss: number | null;
  readonly valAccuracy: number | null;
  /** Of training and of evaluation. */
  readonly seconds: number;
  readonly valSeconds: number;
}

/** The call of `fit` that a callback takes part in. */
export interface Run {
  readonly trainer: Trainer;
  /** Whether it validates after each epoch. */
  readonly validates: boolean;
  /** Epoch that it ends with, those before this call included. */
  readonly epochs: number;
  /** Ends it: after the epoch where called at the end of one, else after the step that is being made. */
  stop(): void;
}

/** How a call of `fit` has ended. */
export interface RunEnd {
  /** By its signal. */
  readonly aborted: boolean;
  /** By a callback. */
  readonly stopped: boolean;
}

/** All parts are optional. A promise is waited for; onBatchEnd comes some steps late, when the GPU's numbers arrive, but for every step. */
export interface Callback {
  onTrainBegin?(trainer: Trainer, run: Run): void | Promise<void>;
  /** After each kernel of a training step that was compiled before the first epoch: seconds where the driver has no cache of it. */
  onCompile?(progress: CompileProgress): void | Promise<void>;
  onEpochBegin?(epoch: number): void | Promise<void>;
  onBatchEnd?(logs: BatchLogs): void | Promise<void>;
  onEpochEnd?(logs: EpochLogs): void | Promise<void>;
  onTrainEnd?(end: RunEnd): void | Promise<void>;
}
