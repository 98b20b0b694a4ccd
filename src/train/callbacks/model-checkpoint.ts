/** Saves the training after each epoch. Imports monitor, callbacks, io; Node's modules are loaded when called. */
import type { Json } from '../../graph/types.ts';
import { saveFile } from '../../io/files.ts';
import { ArgumentError } from '../../util/errors.ts';
import type { Callback, EpochLogs, Run } from '../callbacks.ts';
import { checkNumber, Follower, type MonitorOptions } from './monitor.ts';

/** A checkpoint that is about to be kept. */
export interface SavedCheckpoint {
  /** The file name, or `epoch-N` where there are no files. */
  readonly name: string;
  readonly logs: EpochLogs;
  /** Whether the metric is the best so far. */
  readonly best: boolean;
}

export interface ModelCheckpointOptions extends MonitorOptions {
  /** Node: a file, replaced in one step. `{epoch}`, `{step}`, `{loss}`, `{valLoss}`, ... are filled in; `{epoch:02}` and `{valLoss:.3}` with so many digits. */
  readonly filepath?: string;
  /** Elsewhere: takes the bytes. */
  readonly save?: (bytes: Uint8Array<ArrayBuffer>, checkpoint: SavedCheckpoint) => void | Promise<void>;
  /** With `save`: forgets a checkpoint that is no longer kept. */
  readonly remove?: (name: string) => void | Promise<void>;
  /** Save only where the metric improves; default false. */
  readonly saveBestOnly?: boolean;
  /** Remove all but so many of those that were saved last, and the best; default: all are kept. */
  readonly keepLast?: number;
  /** Save the averaged weights, for inference; default false. */
  readonly useEma?: boolean;
  /** Kept in the file. */
  readonly extra?: Json;
}

const FIELD = /\{(\w+)(?::(?:0(\d+)|\.(\d+)))?\}/g;
const NAMES = ['epoch', 'step', 'loss', 'accuracy', 'valLoss', 'valAccuracy'] as const;

const NOTHING: EpochLogs = {
  ...{ epoch: 0, step: 0, loss: 0, accuracy: null, valLoss: null, valAccuracy: null },
  ...{ seconds: 0, valSeconds: 0 },
};

/** The file name of an epoch. Throws ArgumentError for a field that there is not. */
function fill(template: string, logs: EpochLogs): string {
  return template.replace(FIELD, (_, field: string, width?: string, digits?: string) => {
    const name = NAMES.find((known) => known === field);
    if (!name) throw new ArgumentError(`modelCheckpoint: filepath has {${field}}. Use ${NAMES.join(', ')}.`);
    const value = logs[name] ?? Number.NaN;
    return (digits === undefined ? String(value) : value.toFixed(Number(digits))).padStart(Number(width ?? 0), '0');
  });
}

async function removeFile(path: string): Promise<void> {
  const { rm } = await import('node:fs/promises');
  await rm(path, { force: true });
}

interface Store {
  name(logs: EpochLogs): string;
  save(bytes: Uint8Array<ArrayBuffer>, checkpoint: SavedCheckpoint): void | Promise<void>;
  remove(name: string): void | Promise<void>;
}

function storeOf({ filepath, save, remove, keepLast }: ModelCheckpointOptions): Store {
  if ((filepath === undefined) === (save === undefined))
    throw new ArgumentError('modelCheckpoint: pass either filepath (a file in Node) or save (a function).');
  if (save) return { name: ({ epoch }) => `epoch-${epoch}`, save, remove: remove ?? (() => {}) };
  const path = filepath ?? '';
  fill(path, NOTHING); // throws for an unknown field before any work
  if (keepLast !== undefined && !/\{(epoch|step)\b/.test(path))
    throw new ArgumentError(
      `modelCheckpoint: keepLast is ${keepLast}, but filepath "${path}" is the same for all epochs. Put {epoch} into it.`,
    );
  return {
    name: (logs) => fill(path, logs),
    save: (bytes, { name }) => saveFile(name, bytes),
    remove: removeFile,
  };
}

/**
 * Saves the training after each epoch, so that it can be gone on with.
 * Source: keras.callbacks.ModelCheckpoint. Throws ArgumentError for a value out of range.
 */
export function modelCheckpoint(options: ModelCheckpointOptions): Callback {
  const { saveBestOnly = false, keepLast, useEma = false, extra = null } = options;
  const at = 'modelCheckpoint';
  if (keepLast !== undefined) checkNumber(at, 'keepLast', { value: keepLast, least: 1, whole: true });
  const store = storeOf(options);
  let follower = new Follower(at, options);
  let run: Run | null = null;
  let kept: string[] = [];
  let best: string | null = null;

  const tidy = async (): Promise<void> => {
    const last = new Set(kept.slice(-(keepLast ?? kept.length)));
    const gone = kept.filter((name) => !last.has(name) && name !== best);
    kept = kept.filter((name) => !gone.includes(name));
    for (const name of gone) await store.remove(name);
  };

  return {
    onTrainBegin(_trainer, begun) {
      const fallback = begun.validates ? 'valLoss' : 'loss';
      follower = new Follower(at, { ...options, monitor: options.monitor ?? fallback });
      follower.check(begun);
      run = begun;
      [kept, best] = [[], null];
    },
    async onEpochEnd(logs) {
      if (!run) return;
      const { improved } = follower.next(logs);
      if (saveBestOnly && !improved) return;
      const name = store.name(logs);
      await store.save(await run.trainer.save({ extra, useEma }), { name, logs, best: improved });
      kept = [...kept.filter((other) => other !== name), name];
      if (improved) best = name;
      await tidy();
    },
  };
}
