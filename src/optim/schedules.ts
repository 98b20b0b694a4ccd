/** Learning rates that change with time, as closed forms of the step, so that a resumed run needs no state. Imports optimizer, util. */
import type { Attrs, Json } from '../graph/types.ts';
import { ArgumentError } from '../util/errors.ts';
import { checkRanges } from './optimizer.ts';

export interface Schedule {
  readonly name: string;
  /** Whether `at` counts epochs (PyTorch's habit) or steps. */
  readonly per: 'epoch' | 'step';
  /** Learning rate after `count` epochs or steps (from 0), for the optimizer's (or a group's) `lr`. */
  at(count: number, lr: number, state?: Json): number;
  /** The same for the optimizer's momentum (or beta1); undefined where that stays as it is. */
  momentumAt?(count: number): number | undefined;
  /** How a metric changes the rate; absent where the rate depends on time alone. */
  readonly feedback?: Feedback;
  readonly config: Attrs;
}

/** What a metric does: a small state, kept by the trainer and saved in checkpoints, that `at` is given. */
export interface Feedback {
  /** What `fit` shows it after every epoch. */
  readonly monitor: Monitor;
  readonly initial: Json;
  /** The state after a metric that belongs to `count` epochs or steps. */
  next(state: Json, metric: number, count: number): Json;
}

export type Monitor = 'loss' | 'accuracy' | 'valLoss' | 'valAccuracy';

export interface Per {
  /** What is counted; default 'epoch'. */
  readonly per?: 'epoch' | 'step';
}

/** lr * gamma^floor(count / stepSize); gamma 0.1 by default. Source: torch.optim.lr_scheduler.StepLR. */
export function stepLR({
  stepSize,
  gamma = 0.1,
  per = 'epoch',
}: Per & { readonly stepSize: number; readonly gamma?: number }): Schedule {
  checkRanges('stepLR', { stepSize: [stepSize, 1, Infinity], gamma: [gamma, 0, Infinity] });
  return {
    name: 'stepLR',
    per,
    at: (count, lr) => lr * gamma ** Math.floor(count / stepSize),
    config: { stepSize, gamma, per },
  };
}

/** Throws ArgumentError unless the counts rise from 0 or above. */
export function checkRising(at: string, counts: readonly number[]): void {
  const wrong = counts.findIndex((count, i) => !Number.isFinite(count) || count < 0 || count <= (counts[i - 1] ?? -1));
  if (wrong >= 0)
    throw new ArgumentError(`${at}: milestones are [${counts.join(', ')}]. Pass numbers from 0 that rise.`);
}

/** lr times gamma (0.1 by default) at each milestone. Source: torch.optim.lr_scheduler.MultiStepLR. */
export function multiStepLR({
  milestones,
  gamma = 0.1,
  per = 'epoch',
}: Per & { readonly milestones: readonly number[]; readonly gamma?: number }): Schedule {
  checkRising('multiStepLR', milestones);
  checkRanges('multiStepLR', { gamma: [gamma, 0, Infinity] });
  return {
    name: 'multiStepLR',
    per,
    at: (count, lr) => lr * gamma ** milestones.filter((milestone) => milestone <= count).length,
    config: { milestones, gamma, per },
  };
}

/** lr * gamma^count. Source: torch.optim.lr_scheduler.ExponentialLR. */
export function exponentialLR({ gamma, per = 'epoch' }: Per & { readonly gamma: number }): Schedule {
  checkRanges('exponentialLR', { gamma: [gamma, 0, Infinity] });
  return { name: 'exponentialLR', per, at: (count, lr) => lr * gamma ** count, config: { gamma, per } };
}

/** From `from` to `to` along half a wave; `share` is how much of it is done. */
export const cosineBetween = (from: number, to: number, share: number): number =>
  to + ((from - to) * (1 + Math.cos(Math.PI * share))) / 2;

/**
 * etaMin + (lr - etaMin) * (1 + cos(pi * count / tMax)) / 2 (Loshchilov and Hutter 2017, without restarts): a full wave
 * takes 2 tMax. etaMin is 0 by default. Source: torch.optim.lr_scheduler.CosineAnnealingLR.
 */
export function cosineAnnealingLR({
  tMax,
  etaMin = 0,
  per = 'epoch',
}: Per & { readonly tMax: number; readonly etaMin?: number }): Schedule {
  checkRanges('cosineAnnealingLR', { tMax: [tMax, 1, Infinity], etaMin: [etaMin, 0, Infinity] });
  const at = (count: number, lr: number): number => cosineBetween(lr, etaMin, count / tMax);
  return { name: 'cosineAnnealingLR', per, at, config: { tMax, etaMin, per } };
}

/**
 * Half a wave from lr down to etaMin (0 by default) in t0, then anew, each time tMult (1 by default) times as long
 * (Loshchilov and Hutter 2017). Source: torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.
 */
export function cosineAnnealingWarmRestarts({
  t0,
  tMult = 1,
  etaMin = 0,
  per = 'epoch',
}: Per & { readonly t0: number; readonly tMult?: number; readonly etaMin?: number }): Schedule {
  checkRanges('cosineAnnealingWarmRestarts', {
    t0: [t0, 1, Infinity],
    tMult: [tMult, 1, Infinity],
    etaMin: [etaMin, 0, Infinity],
  });
  const at = (count: number, lr: number): number => {
    let [since, length] = tMult === 1 ? [count % t0, t0] : [count, t0];
    while (since >= length) {
      since -= length;
      length *= tMult;
    }
    return cosineBetween(lr, etaMin, since / length);
  };
  return { name: 'cosineAnnealingWarmRestarts', per, at, config: { t0, tMult, etaMin, per } };
}

/** lr times a factor that goes straight from startFactor (1/3) to endFactor (1) in totalIters (5). Source: torch.optim.lr_scheduler.LinearLR. */
export function linearLR({
  startFactor = 1 / 3,
  endFactor = 1,
  totalIters = 5,
  per = 'epoch',
}: Per & { readonly startFactor?: number; readonly endFactor?: number; readonly totalIters?: number } = {}): Schedule {
  checkRanges('linearLR', {
    startFactor: [startFactor, 0, 1],
    endFactor: [endFactor, 0, 1],
    totalIters: [totalIters, 1, Infinity],
  });
  const at = (count: number, lr: number): number =>
    lr * (startFactor + ((endFactor - startFactor) * Math.min(count, totalIters)) / totalIters);
  return { name: 'linearLR', per, at, config: { startFactor, endFactor, totalIters, per } };
}

/** lr * (1 - count / totalIters)^power, 0 from totalIters (5) on; power is 1 by default. Source: torch.optim.lr_scheduler.PolynomialLR. */
export function polynomialLR({
  totalIters = 5,
  power = 1,
  per = 'epoch',
}: Per & { readonly totalIters?: number; readonly power?: number } = {}): Schedule {
  checkRanges('polynomialLR', { totalIters: [totalIters, 1, Infinity], power: [power, 0, Infinity] });
  return {
    name: 'polynomialLR',
    per,
    at: (count, lr) => lr * (1 - Math.min(count, totalIters) / totalIters) ** power,
    config: { totalIters, power, per },
  };
}

/** Any function of the count. It is not saved in checkpoints: give it again when a run is resumed. */
export const lambdaLR = (at: (count: number, lr: number) => number, { per = 'epoch' }: Per = {}): Schedule => ({
  name: 'lambdaLR',
  per,
  at: (count, lr) => at(count, lr),
  config: { per },
});
