/** What a monitor takes and tells. Imports types of inspect and util. */
import type { Shape } from '../util/shape.ts';
import type { Histogram, HistogramOptions } from './histogram.ts';

export interface MonitorOptions {
  /** Look at every so many steps: those whose number is a multiple of it. Default 20. */
  readonly every?: number;
  /** Names of layers; default: all whose output is a tensor of its own. */
  readonly layers?: readonly string[];
  /** Is told of every step that was looked at, in order, some steps late. A promise is waited for before the next one is told. */
  readonly onStats?: (stats: StepStats) => void | Promise<void>;
  /** Default: 64 bins, symlog from -100 to 100 with threshold 0.01. */
  readonly activations?: HistogramOptions;
  /** Default: 64 bins, symlog from -10 to 10 with threshold 1e-6. */
  readonly gradients?: HistogramOptions;
  /** How many looks back a unit must have been without a positive output to count in `dead.windowShare`; default 10. */
  readonly window?: number;
  /** From where on an output is saturated: |y| of tanh, |2 y - 1| of sigmoid (the same as tanh of x / 2). Default 0.97. */
  readonly saturation?: number;
}

export interface TensorStats {
  /** Finite elements; what follows is about them. */
  readonly count: number;
  /** Elements that are infinite or no number. */
  readonly nonFinite: number;
  readonly mean: number;
  /** Standard deviation of the population: squares over the count. */
  readonly std: number;
  /** NaN where there are no finite elements. */
  readonly min: number;
  readonly max: number;
  readonly histogram: Histogram;
}

export interface DeadUnits {
  /** Channels of an image, features otherwise. */
  readonly units: number;
  /** Share of units that were positive nowhere in this batch. */
  readonly share: number;
  /** Share of units that were positive nowhere in the last `window` looks. */
  readonly windowShare: number;
}

export interface LayerStats {
  readonly type: string;
  /** Of the output, with the batch. */
  readonly shape: Shape;
  readonly activation: TensorStats;
  /** Of the loss (the mean over the batch) with respect to the output; null where it does not depend on it. */
  readonly gradient: TensorStats | null;
  /** Of relu and relu6; else null. */
  readonly dead: DeadUnits | null;
  /** Share of outputs of sigmoid and tanh that are saturated; else null. */
  readonly saturated: number | null;
}

export interface ParameterStats {
  /** 2-norm of the gradient that the update took, before clipping. */
  readonly gradientNorm: number;
  /** Before the update. */
  readonly weightNorm: number;
  /** Of the weight's change. */
  readonly updateNorm: number;
  /** updateNorm / weightNorm; 0 where nothing changed. About 1e-3 is usual. */
  readonly updateRatio: number;
}

/** A step as the monitor saw it. */
export interface StepStats {
  /** Number of the step, from 1. */
  readonly step: number;
  readonly layers: ReadonlyMap<string, LayerStats>;
  readonly parameters: ReadonlyMap<string, ParameterStats>;
}
