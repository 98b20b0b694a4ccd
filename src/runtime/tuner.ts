/**
 * The tuner: chooses the variant of each node by trial on the device, and remembers what it found. It learns which nodes
 * there are by being the chooser of a plan that is described for it. Imports compile types, gpu types, runtime.
 */
import type { Chooser, Offer } from '../compile/select.ts';
import type { Device } from '../gpu/device.ts';
import { Session } from './session.ts';
import {
  adapterKey,
  classOf,
  entryKey,
  nearClassOf,
  parseTable,
  type TuneEntry,
  type TuneStore,
  tableText,
} from './tuner-cache.ts';
import type { TrialOptions } from './tuner-trial.ts';

/**
 * `off`: the static best guess; where an adapter computes by itself, kernels are checked once (kernel-check.ts), else no work at
 * all. `fast`: nodes with a share of the FLOPs are timed, with few candidates;
 * of other ops every variant is checked once. `full`: all nodes, all candidates.
 */
export type TuneMode = 'off' | 'fast' | 'full';

/** What the tuner tells. `dropped`: a variant that computes wrong values; `chosen`: another than the static guess; `skipped`: no trial was possible. */
export interface TuneEvent {
  readonly kind: 'dropped' | 'chosen' | 'skipped';
  readonly text: string;
}

export interface TunerOptions {
  readonly mode: Exclude<TuneMode, 'off'>;
  readonly store: TuneStore;
  readonly onEvent: (event: TuneEvent) => void;
}

/** Chooses variants, and finds out before a plan is made what it needs to know. */
export interface PlanTuner {
  readonly choose: Chooser;
  /** Tries what the nodes that `describe` offers to `choose` may get. Later plans take what was found. */
  tune(describe: () => unknown): Promise<void>;
}

/** That a variant is not used, and why. */
export const dropped = (
  op: string,
  id: string,
  { why, adapter }: { readonly why: string; readonly adapter: string },
): TuneEvent => ({ kind: 'dropped', text: `${op}: variant "${id}" ${why} on ${adapter}; it is not used.` });

/** `fast` times nodes with this share of a plan's FLOPs, and so many candidates of them. */
const SHARE = 0.02;
const MOST_CANDIDATES = 3;

const EMPTY = { entries: [], shards: [] };

interface Job extends TrialOptions {
  readonly offer: Offer;
  readonly key: string;
}

const idsOf = ({ variants }: Offer): string[] => variants.map(({ id }) => id);

const layerOf = ({ op, scope }: Offer): string => (scope === '' ? op : `${scope}.${op}`);

export class Tuner implements PlanTuner {
  #device: Device;
  #options: TunerOptions;
  #entries: { [key: string]: TuneEntry } | null = null;
  #choices = new Map<string, string>();
  #near = new Map<string, string>();
  #dropped = new Set<string>();
  #recorded: Offer[] | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(device: Device, options: TunerOptions) {
    this.#device = device;
    this.#options = options;
  }

  /** Takes what trials have found; of nodes that had none, what was found for a larger batch, else the static guess. */
  readonly choose: Chooser = (offer, ids) => {
    this.#recorded?.push(offer);
    const good = ids.filter((id) => !this.#dropped.has(`${offer.op} ${id}`));
    const found = this.#choices.get(classOf(offer)) ?? this.#near.get(nearClassOf(offer));
    return (found !== undefined && good.includes(found) ? found : good[0]) ?? ids.at(-1)!;
  };

  /** Tries the candidates of all nodes that `describe` offers to `choose`. Later plans take what was found. */
  tune(describe: () => unknown): Promise<void> {
    const turn = this.#queue.then(() => this.#tune(describe));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  #record(describe: () => unknown): Offer[] {
    this.#recorded = [];
    try {
      describe();
      return this.#recorded;
    } finally {
      this.#recorded = null;
    }
  }

  /** What is to be tried: each class once, and only what is not known yet. */
  #jobs(offers: readonly Offer[]): Job[] {
    const { caps } = this.#device;
    const total = offers.reduce((sum, { flops }) => sum + flops, 0);
    const several = offers.filter(({ variants }) => variants.length > 1);
    const classes = new Map(several.map((offer) => [classOf(offer), offer]));
    const full = this.#options.mode === 'full';
    const isTimed = ({ flops }: Offer): boolean => full || flops >= SHARE * total;
    const timed = [...classes.values()].filter(isTimed);
    const ops = new Set(timed.map(({ op }) => op));
    // Of ops that are not worth timing, the smallest node stands for all.
    const rest = [...classes.values()].filter((offer) => !isTimed(offer)).sort((a, b) => a.flops - b.flops);
    const checked = rest.filter(({ op }) => !ops.has(op) && ops.add(op));
    return [...timed, ...checked]
      .filter((offer) => !this.#choices.has(classOf(offer)))
      .map((offer) => {
        const wanted = isTimed(offer);
        const ids = wanted && !full ? idsOf(offer).slice(0, MOST_CANDIDATES) : idsOf(offer);
        return { offer, ids, timed: wanted, key: entryKey(offer, { ids, timed: wanted, caps }) };
      });
  }

  /** Remembers an entry; the last argument says why its wrong candidates are wrong. */
  #adopt({ offer, timed }: Job, entry: TuneEntry, reasons: { readonly [id: string]: string } = {}): void {
    this.#choices.set(classOf(offer), entry.choice);
    if (timed) this.#near.set(nearClassOf(offer), entry.choice);
    const { onEvent } = this.#options;
    for (const id of entry.wrong) {
      if (this.#dropped.has(`${offer.op} ${id}`)) continue;
      this.#dropped.add(`${offer.op} ${id}`);
      const why = reasons[id] ?? 'was wrong when it was tried';
      onEvent(dropped(offer.op, id, { why, adapter: this.#device.adapter.name }));
    }
    const guess = idsOf(offer)[0]!;
    const [was, is] = [entry.times[guess], entry.times[entry.choice]];
    if (entry.choice !== guess && was !== undefined && is !== undefined)
      onEvent({
        kind: 'chosen',
        text: `${layerOf(offer)}: "${entry.choice}", ${is.toFixed(1)} us, in place of "${guess}", ${was.toFixed(1)} us`,
      });
  }

  async #tune(describe: () => unknown): Promise<void> {
    const jobs = this.#jobs(this.#record(describe));
    if (jobs.length === 0) return;
    const { store, onEvent } = this.#options;
    const adapter = adapterKey(this.#device);
    this.#entries ??= parseTable(await store.read())[adapter] ?? {};
    const entries = this.#entries;
    const fresh: { [key: string]: TuneEntry } = {};
    let session: Session | null = null;
    try {
      for (const job of jobs) {
        const { offer, key } = job;
        const known = entries[key];
        if (known && idsOf(offer).includes(known.choice)) {
          this.#adopt(job, known);
          continue;
        }
        session ??= new Session(this.#device, { parameters: EMPTY, state: EMPTY });
        // Loaded when it is needed: a page that does not tune is spared it.
        const { runTrial } = await import('./tuner-trial.ts');
        const found = await runTrial(session, offer, job);
        if (!found) {
          this.#choices.set(classOf(offer), idsOf(offer)[0]!);
          onEvent({
            kind: 'skipped',
            text: `${layerOf(offer)}: no trial, it needs too much memory or its last variant fails`,
          });
          continue;
        }
        const { reasons, ...entry } = found;
        this.#adopt(job, entry, reasons);
        fresh[key] = entry;
      }
    } finally {
      session?.dispose();
    }
    if (Object.keys(fresh).length === 0) return;
    Object.assign(entries, fresh);
    // Read again: another process may have written meanwhile.
    const table = parseTable(await store.read());
    await store.write(tableText({ ...table, [adapter]: { ...table[adapter], ...fresh } }));
  }
}
