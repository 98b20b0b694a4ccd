/** The option `tune` of trainers, sessions and programs, and where choices are kept: a file, or IndexedDB. Imports gpu types, io, runtime, util. */
import { gaborCache } from '../gpu/cache-folder.ts';
import type { Device } from '../gpu/device.ts';
import { writeFileAtomic } from '../io/atomic-file.ts';
import { KernelCheck } from '../runtime/kernel-check.ts';
import type { PlanTuner, TuneEvent } from '../runtime/plan-tuner.ts';
import { type TuneMode, Tuner } from '../runtime/tuner.ts';
import type { TuneStore } from '../runtime/tuner-cache.ts';
import { ArgumentError } from '../util/errors.ts';

export interface TuneOptions {
  readonly mode: TuneMode;
  /** Where choices are kept. Default: `tune.json` in $GABOR_CACHE, else in `gabor` of $XDG_CACHE_HOME or ~/.cache; IndexedDB in a browser. */
  readonly store?: TuneStore;
  /** Hears of what is dropped, chosen and skipped. Default: dropped variants are said with console.warn. */
  readonly onEvent?: (event: TuneEvent) => void;
}

const MODES: readonly TuneMode[] = ['off', 'fast', 'full'];

/** A store that ends with the process, beginning with a text that another store has read. */
export function memoryStore(text: string | null = null): TuneStore {
  let kept = text;
  return {
    read: async () => kept,
    write: async (next) => {
      kept = next;
    },
  };
}

/** A file in Node, with its folder made when it is written. */
export function fileStore(file: string): TuneStore {
  return {
    async read() {
      const { readFile } = await import('node:fs/promises');
      return readFile(file, 'utf8').catch(() => null);
    },
    async write(text) {
      const { mkdir } = await import('node:fs/promises');
      const { dirname } = await import('node:path');
      try {
        await mkdir(dirname(file), { recursive: true });
        await writeFileAtomic(file, text);
      } catch {
        // A folder that cannot be written: the next process tunes again.
      }
    },
  };
}

/** The result of a request of IndexedDB. */
const settled = <T>(request: IDBRequest<T>): Promise<T> =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** One record of a database in a browser. */
export function indexedDbStore(factory: IDBFactory): TuneStore {
  const table = 'tune';
  const open = (): Promise<IDBDatabase> => {
    const request = factory.open('gabor', 1);
    request.onupgradeneeded = () => request.result.createObjectStore(table);
    return settled(request);
  };
  const use = async <T>(mode: IDBTransactionMode, act: (store: IDBObjectStore) => IDBRequest<T>): Promise<T | null> => {
    try {
      const database = await open();
      try {
        return await settled(act(database.transaction(table, mode).objectStore(table)));
      } finally {
        database.close();
      }
    } catch {
      return null; // private windows, no room left: the next page tunes again
    }
  };
  return {
    async read() {
      const text: unknown = await use('readonly', (store) => store.get('choices'));
      return typeof text === 'string' ? text : null;
    },
    async write(text) {
      await use('readwrite', (store) => store.put(text, 'choices'));
    },
  };
}

/** The store of this machine or browser. */
async function defaultStore(): Promise<TuneStore> {
  if (typeof process === 'undefined' || typeof process.versions?.node !== 'string')
    return typeof indexedDB === 'undefined' ? memoryStore() : indexedDbStore(indexedDB);
  const { join } = await import('node:path');
  return fileStore(join(gaborCache(), 'tune.json'));
}

/** Looks for the place at its first use. */
function lazyStore(): TuneStore {
  let made: Promise<TuneStore> | null = null;
  const store = (): Promise<TuneStore> => (made ??= defaultStore());
  return { read: async () => (await store()).read(), write: async (text) => (await store()).write(text) };
}

const warnOfDropped = ({ kind, text }: TuneEvent): void => {
  if (kind === 'dropped') console.warn(`gabor: ${text}`);
};

/**
 * The tuner that the option asks for. For 'off': the self-test of kernels; null on software adapters, where it would take the
 * compiler seconds (gpu/self-test.ts is theirs). Throws ArgumentError for another mode.
 */
export function tunerOf(device: Device, tune: TuneMode | TuneOptions = 'off'): PlanTuner | null {
  const {
    mode,
    store = lazyStore(),
    onEvent = warnOfDropped,
  }: TuneOptions = typeof tune === 'string' ? { mode: tune } : tune;
  if (!MODES.includes(mode)) throw new ArgumentError(`tune: "${mode}" is no mode. Use ${MODES.join(', ')}.`);
  if (mode !== 'off') return new Tuner(device, { mode, store, onEvent });
  return device.caps.software ? null : new KernelCheck(device, { store, onEvent });
}
