/** A learning rate that falls where a metric no longer improves. Imports schedules, optimizer, util. */
import type { Json } from '../graph/types.ts';
import { ArgumentError, FormatError } from '../util/errors.ts';
import { checkRanges } from './optimizer.ts';
import type { Monitor, Schedule } from './schedules.ts';

export interface PlateauOptions {
  /** What `fit` shows it after every epoch; default 'valLoss'. An own loop calls `trainer.observe`. */
  readonly monitor?: Monitor;
  /** Which way is better; default 'min', 'max' for accuracies. */
  readonly mode?: 'min' | 'max';
  /** Default 0.1. */
  readonly factor?: number;
  /** Metrics without improvement that are put up with; default 10. */
  readonly patience?: number;
  /** Least improvement; default 1e-4. */
  readonly threshold?: number;
  /** Of the best metric, or as it is; default 'rel'. */
  readonly thresholdMode?: 'rel' | 'abs';
  /** Metrics after a cut that do not count; default 0. */
  readonly cooldown?: number;
  /** Default 0. */
  readonly minLr?: number;
  /** Smaller cuts are not made; default 1e-8. */
  readonly eps?: number;
}

/** Small enough for a checkpoint. The rate follows from the number of cuts. */
type State = {
  readonly best: number | null;
  readonly bad: number;
  readonly cooldown: number;
  readonly cuts: number;
};

const INITIAL: State = { best: null, bad: 0, cooldown: 0, cuts: 0 };

function stateOf(json: Json): State {
  const state = json as Partial<State> | null;
  const counts = [state?.bad, state?.cooldown, state?.cuts];
  if (!counts.every(Number.isSafeInteger) || !(state?.best === null || Number.isFinite(state?.best)))
    throw new FormatError('reduceLROnPlateau: its state in the checkpoint is damaged. Use another file.');
  return state as State;
}

/**
 * lr times `factor` whenever more than `patience` metrics in a row brought no improvement.
 * Source: torch.optim.lr_scheduler.ReduceLROnPlateau. Throws ArgumentError for a value out of range.
 */
export function reduceLROnPlateau(options: PlateauOptions = {}): Schedule {
  const { monitor = 'valLoss', factor = 0.1, patience = 10, threshold = 1e-4, thresholdMode = 'rel' } = options;
  const { mode = /accuracy/i.test(monitor) ? 'max' : 'min', cooldown = 0, minLr = 0, eps = 1e-8 } = options;
  checkRanges('reduceLROnPlateau', {
    factor: [factor, 0, 1 - Number.EPSILON],
    patience: [patience, 0, Infinity],
    threshold: [threshold, 0, Infinity],
    cooldown: [cooldown, 0, Infinity],
    minLr: [minLr, 0, Infinity],
    eps: [eps, 0, Infinity],
  });
  for (const [name, value, words] of [
    ['monitor', monitor, ['loss', 'accuracy', 'valLoss', 'valAccuracy']],
    ['mode', mode, ['min', 'max']],
    ['thresholdMode', thresholdMode, ['rel', 'abs']],
  ] as const)
    if (!words.some((word) => word === value))
      throw new ArgumentError(`reduceLROnPlateau: ${name} is "${value}". Use ${words.join(', ')}.`);
  const sign = mode === 'min' ? -1 : 1;
  const improves = (metric: number, best: number): boolean =>
    sign * metric > sign * (thresholdMode === 'rel' ? best * (1 + sign * threshold) : best + sign * threshold);
  const next = (state: State, metric: number): State => {
    const better = state.best === null ? Number.isFinite(metric) : improves(metric, state.best);
    const best = better ? metric : state.best;
    const resting = state.cooldown > 0;
    const bad = better || resting ? 0 : state.bad + 1;
    if (bad > patience) return { best, bad: 0, cooldown, cuts: state.cuts + 1 };
    return { best, bad, cooldown: resting ? state.cooldown - 1 : 0, cuts: state.cuts };
  };
  return {
    name: 'reduceLROnPlateau',
    per: 'epoch',
    at(_count, lr, state = INITIAL) {
      let rate = lr;
      for (let i = 0; i < stateOf(state).cuts; i++) {
        const cut = Math.max(rate * factor, minLr);
        if (rate - cut > eps) rate = cut;
        else break;
      }
      return rate;
    },
    feedback: { monitor, initial: INITIAL, next: (state, metric) => next(stateOf(state), metric) },
    config: { monitor, mode, factor, patience, threshold, thresholdMode, cooldown, minLr, eps },
  };
}
