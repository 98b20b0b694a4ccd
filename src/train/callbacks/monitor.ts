/** What callbacks that follow a metric have in common: which metric, which way is better. Imports callbacks, util. */
import { ArgumentError } from '../../util/errors.ts';
import type { EpochLogs, Run } from '../callbacks.ts';

const METRICS = ['loss', 'accuracy', 'valLoss', 'valAccuracy'] as const;

/** A number of EpochLogs. */
export type MonitoredMetric = (typeof METRICS)[number];

export interface MonitorOptions {
  readonly monitor?: MonitoredMetric;
  /** Which way is better; default 'auto': 'max' for accuracies, else 'min'. */
  readonly mode?: 'auto' | 'min' | 'max';
  /** Smaller improvements do not count; default 0. */
  readonly minDelta?: number;
}

/** Throws ArgumentError unless it is a number from `least`; `at` is the callback. */
export function checkNumber(at: string, name: string, { value, least, whole = false }: NumberRange): void {
  if (!(value >= least) || (whole && !Number.isSafeInteger(value)))
    throw new ArgumentError(`${at}: ${name} is ${value}. Pass a ${whole ? 'whole ' : ''}number from ${least}.`);
}

interface NumberRange {
  readonly value: number;
  readonly least: number;
  readonly whole?: boolean;
}

/** Follows one metric and knows its best value. */
export class Follower {
  readonly monitor: MonitoredMetric;
  readonly #at: string;
  readonly #sign: 1 | -1;
  readonly #minDelta: number;
  best: number | null = null;

  constructor(at: string, { monitor = 'valLoss', mode = 'auto', minDelta = 0 }: MonitorOptions) {
    if (!METRICS.includes(monitor))
      throw new ArgumentError(`${at}: monitor is "${monitor}". Use ${METRICS.join(', ')}.`);
    if (!['auto', 'min', 'max'].includes(mode))
      throw new ArgumentError(`${at}: mode is "${mode}". Use auto, min or max.`);
    checkNumber(at, 'minDelta', { value: minDelta, least: 0 });
    this.monitor = monitor;
    this.#at = at;
    this.#minDelta = minDelta;
    this.#sign = mode === 'max' || (mode === 'auto' && /accuracy/i.test(monitor)) ? 1 : -1;
  }

  /** Throws ArgumentError where the run has no such metric. */
  check({ validates }: Run): void {
    if (this.monitor.startsWith('val') && !validates)
      throw new ArgumentError(
        `${this.#at}: it follows ${this.monitor}, but there is no validation. Pass validation data to fit, or monitor "loss".`,
      );
  }

  /** Whether a value is better than a reference, by more than minDelta. NaN never is; any other number is better than null. */
  isBetter(value: number, than: number | null): boolean {
    if (than === null) return !Number.isNaN(value);
    return this.#sign * value - this.#minDelta > this.#sign * than;
  }

  /** Takes the value of an epoch and says whether it is the best so far. Throws ArgumentError where the loss has no accuracy. */
  next(logs: EpochLogs): { readonly value: number; readonly improved: boolean } {
    const value = logs[this.monitor];
    if (value === null)
      throw new ArgumentError(
        `${this.#at}: it follows ${this.monitor}, which this loss does not have. Monitor a loss instead.`,
      );
    const improved = this.isBetter(value, this.best);
    if (improved) this.best = value;
    return { value, improved };
  }
}
