/** Learning rates that change with time, as closed forms of the step, so that a resumed run needs no state. Imports optimizer, util. */
import type { Attrs } from '../graph/types.ts';
import { checkRanges } from './optimizer.ts';

export interface Schedule {
  readonly name: string;
  /** Whether `at` counts epochs (PyTorch's habit) or steps. */
  readonly per: 'epoch' | 'step';
  /** Learning rate after `count` epochs or steps (from 0), for the optimizer's `lr`. */
  at(count: number, lr: number): number;
  readonly config: Attrs;
}

interface Per {
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
  const at = (count: number, lr: number): number =>
    etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * count) / tMax))) / 2;
  return { name: 'cosineAnnealingLR', per, at, config: { tMax, etaMin, per } };
}

/** Any function of the count. It is not saved in checkpoints: give it again when a run is resumed. */
export const lambdaLR = (at: (count: number, lr: number) => number, { per = 'epoch' }: Per = {}): Schedule => ({
  name: 'lambdaLR',
  per,
  at,
  config: { per },
});
