/** The options of a trainer, and the checks of those that concern numbers alone. Imports groups, update, compile, nn, optim, util. */
import type { Chooser } from '../compile/select.ts';
import type { Batch } from '../data/dataset.ts';
import type { Json } from '../graph/types.ts';
import type { Loss } from '../nn/losses.ts';
import type { Optimizer } from '../optim/optimizer.ts';
import { checkRanges } from '../optim/optimizer.ts';
import type { Schedule } from '../optim/schedules.ts';
import type { TuneMode } from '../runtime/tuner.ts';
import { ArgumentError } from '../util/errors.ts';
import type { ParameterGroup } from './groups.ts';
import type { TuneOptions } from './tune-options.ts';
import type { Clip } from './update.ts';

export interface TrainerOptions {
  readonly loss: Loss;
  readonly optimizer: Optimizer;
  /** Samples in a batch; default 64. */
  readonly batchSize?: number;
  /** First weights, order of samples and dropout follow from it: a whole number below 2^32; default 0. */
  readonly seed?: number;
  /** Learning rate over time; default: constant. */
  readonly schedule?: Schedule;
  /** Parameters that are trained in another way, or not at all. */
  readonly parameterGroups?: readonly ParameterGroup[];
  /**
   * Scales the gradients down where the norm of all of them together is larger (torch.nn.utils.clip_grad_norm_; 2-norm by
   * default). The norm before is among the metrics. Penalties and weight decay come after it.
   */
  readonly clipGradNorm?: number | { readonly maxNorm: number; readonly normType?: 1 | 2 | typeof Infinity };
  /** Cuts every element of the gradients to this size (torch.nn.utils.clip_grad_value_). */
  readonly clipGradValue?: number;
  /** Batches that make one step: gradients are averaged as those of one larger batch. Default 1. */
  readonly accumulationSteps?: number;
  /** Keep a moving average of the weights: average = decay * average + (1 - decay) * weights, after each step. */
  readonly ema?: { readonly decay: number };
  /** L1 penalty: l1 * sign(w) is added to the gradients. Not part of the loss that is told. Default 0. */
  readonly l1?: number;
  /** Picks kernels; default: the best for the device. */
  readonly choose?: Chooser;
  /**
   * Picks kernels by trial instead: candidates are checked, timed, and the choice kept for the next process. 'fast': where
   * most of the work is; 'full': everywhere. Default 'off': the best guess, the same on every run. Another choice of kernels
   * sums in another order, so bits repeat as long as the kept choices do.
   */
  readonly tune?: TuneMode | TuneOptions;
}

/** How gradients are clipped; null where they are not. */
export function clipOf({ clipGradNorm, clipGradValue }: TrainerOptions): Clip | null {
  if (clipGradNorm !== undefined && clipGradValue !== undefined)
    throw new ArgumentError('createTrainer: clipGradNorm and clipGradValue are both given. Use one of them.');
  if (clipGradValue !== undefined) {
    checkRanges('createTrainer', { clipGradValue: [clipGradValue, 0, Infinity] });
    return { kind: 'value', limit: clipGradValue };
  }
  if (clipGradNorm === undefined) return null;
  const { maxNorm, normType: order = 2 } = typeof clipGradNorm === 'number' ? { maxNorm: clipGradNorm } : clipGradNorm;
  checkRanges('createTrainer', { 'clipGradNorm.maxNorm': [maxNorm, 0, Infinity] });
  if (![1, 2, Infinity].includes(order))
    throw new ArgumentError(`createTrainer: clipGradNorm.normType is ${order}. Use 1, 2 or Infinity.`);
  return { kind: 'norm', limit: maxNorm, order };
}

function checkWhole(name: string, value: number, from: number): void {
  if (!Number.isSafeInteger(value) || value < from)
    throw new ArgumentError(`createTrainer: ${name} is ${value}. Pass a whole number from ${from}.`);
}

/** Seeds have 32 bits: larger ones would shuffle as smaller ones do. */
export const MOST_SEED = 2 ** 32 - 1;

/** Options with their defaults. Throws ArgumentError for numbers out of range and for what does not go together. */
export function checkOptions(options: TrainerOptions) {
  const { batchSize = 64, seed = 0, accumulationSteps = 1, l1 = 0, ema, optimizer, schedule } = options;
  checkWhole('batchSize', batchSize, 1);
  if (!Number.isInteger(seed) || seed < 0 || seed > MOST_SEED)
    throw new ArgumentError(`createTrainer: seed is ${seed}. Pass a whole number from 0 to ${MOST_SEED}.`);
  checkWhole('accumulationSteps', accumulationSteps, 1);
  if (ema) checkRanges('createTrainer', { 'ema.decay': [ema.decay, 0, 1] });
  if (schedule?.momentumAt?.(0) !== undefined && optimizer.momentum === undefined)
    throw new ArgumentError(
      `createTrainer: ${schedule.name} cycles the momentum, but ${optimizer.name} has none. Give it momentum, or pass cycleMomentum: false.`,
    );
  return { ...options, batchSize, seed, accumulationSteps, l1 };
}

export type CheckedOptions = ReturnType<typeof checkOptions>;

/** A batch of host data for `step`: samples as the model takes them (normalised), targets as the loss takes them. */
export type StepBatch = Pick<Batch, 'x' | 'y'>;

export interface LoadOptions {
  /** Take weights and running statistics, not the optimizer's state and the position; default false. */
  readonly weightsOnly?: boolean;
}

export interface SaveOptions {
  /** Kept with it: names of classes, the command line, ... */
  readonly extra?: Json;
  /** Save the averaged weights in place of the weights, for inference: such a file cannot be gone on with. Default false. */
  readonly useEma?: boolean;
}

/** Which weights are used: with `useEma` their moving average. */
export interface WeightsOptions {
  readonly useEma?: boolean;
}

export interface Metrics {
  readonly loss: number;
  readonly accuracy: number;
  /** Norm of all gradients before clipping; null where they were not clipped by norm, or did not change the weights yet. */
  readonly gradientNorm: number | null;
}

/** A batch of the loop of `fit`. */
export interface ReplayOptions {
  readonly samples: number;
  /** Position of its first sample in the epoch; default 0. */
  readonly first?: number;
  /** Change the weights although fewer batches than usual have been accumulated; default false. */
  readonly last?: boolean;
  /** Words of `mixWords`, where the plan mixes samples. */
  readonly mix?: readonly [number, number];
}
