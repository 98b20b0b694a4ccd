/** Ends the training when a metric has stopped to improve. Imports monitor, trainer types. */
import type { Callback, Run } from '../callbacks.ts';
import type { NamedTensor } from '../engine.ts';
import type { Trainer } from '../trainer.ts';
import { checkNumber, Follower, type MonitorOptions } from './monitor.ts';

export interface EarlyStoppingOptions extends MonitorOptions {
  /** Epochs in a row without improvement that end the training; default 0, which is the same as 1. */
  readonly patience?: number;
  /** The metric has to be better than this as well; default: none. */
  readonly baseline?: number | null;
  /** Give the model the weights of its best epoch when the training ends, unless it was aborted; default false. */
  readonly restoreBestWeights?: boolean;
  /** Epochs of this run that do not count at its beginning; default 0. */
  readonly startFromEpoch?: number;
}

/** Weights and running statistics, and their moving average where there is one. */
interface Snapshot {
  readonly values: ReadonlyMap<string, NamedTensor>;
  readonly average: ReadonlyMap<string, NamedTensor> | null;
}

async function take(trainer: Trainer): Promise<Snapshot> {
  const average = trainer.options.ema ? await trainer.parameters({ useEma: true }) : null;
  return { values: await trainer.parameters(), average };
}

function putBack({ engine, updater }: Trainer, { values, average }: Snapshot): void {
  for (const [name, { data }] of values) engine.writeTensor(name, data);
  if (!average) return;
  const slot = updater.requireEma();
  for (const { name } of engine.parameters) engine.writeSlot(slot, name, average.get(name)!.data);
}

/** An early-stopping callback, and what it has seen. */
export interface EarlyStopping extends Callback {
  /** Epoch with the best value so far, and the value; null before. */
  readonly bestEpoch: number | null;
  readonly best: number | null;
  /** Epoch after which it ended the training; null where it did not. */
  readonly stoppedEpoch: number | null;
}

/**
 * Ends the training after `patience` epochs without improvement. What it has seen belongs to one call of `fit`: it begins
 * anew with the next, and with a resumed one.
 * Source: keras.callbacks.EarlyStopping. Throws ArgumentError for a value out of range.
 */
export function earlyStopping(options: EarlyStoppingOptions = {}): EarlyStopping {
  const { patience = 0, baseline = null, restoreBestWeights = false, startFromEpoch = 0 } = options;
  const at = 'earlyStopping';
  checkNumber(at, 'patience', { value: patience, least: 0, whole: true });
  checkNumber(at, 'startFromEpoch', { value: startFromEpoch, least: 0, whole: true });
  let follower = new Follower(at, options);
  let run: Run | null = null;
  let snapshot: Snapshot | null = null;
  let [wait, seen] = [0, 0];
  let [bestEpoch, stoppedEpoch]: (number | null)[] = [null, null];
  return {
    get bestEpoch() {
      return bestEpoch ?? null;
    },
    get best() {
      return follower.best;
    },
    get stoppedEpoch() {
      return stoppedEpoch ?? null;
    },
    onTrainBegin(_trainer, begun) {
      follower = new Follower(at, options);
      follower.check(begun);
      run = begun;
      snapshot = null;
      [wait, seen] = [0, 0];
      [bestEpoch, stoppedEpoch] = [null, null];
    },
    async onEpochEnd(logs) {
      if (!run || ++seen <= startFromEpoch) return;
      const { value, improved } = follower.next(logs);
      if (improved) bestEpoch = logs.epoch;
      if (restoreBestWeights && (improved || !snapshot)) snapshot = await take(run.trainer);
      wait = improved && (baseline === null || follower.isBetter(value, baseline)) ? 0 : wait + 1;
      if (wait < Math.max(1, patience)) return;
      stoppedEpoch = logs.epoch;
      run.stop();
    },
    onTrainEnd({ aborted }) {
      if (run && snapshot && !aborted) putBack(run.trainer, snapshot);
      snapshot = null;
      run = null;
    },
  };
}
