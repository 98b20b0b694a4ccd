/**
 * What the tuner and the self-test of kernels have in common: they learn which nodes there are by being the chooser of a plan
 * that is described for them, one plan at a time, and drop variants. Imports compile types, gpu types, tuner-cache.
 */
import type { Chooser, Offer } from '../compile/select.ts';
import type { Device } from '../gpu/device.ts';
import type { TuneStore } from './tuner-cache.ts';

/** What is told. `dropped`: a variant that computes wrong values; `chosen`: another than the static guess; `skipped`: no trial was possible. */
export interface TuneEvent {
  readonly kind: 'dropped' | 'chosen' | 'skipped';
  readonly text: string;
}

export interface PlanTunerOptions {
  readonly store: TuneStore;
  readonly onEvent: (event: TuneEvent) => void;
}

export const EMPTY = { entries: [], shards: [] };

/** Why a variant is dropped that an earlier process tried. */
export const WAS_WRONG = 'was wrong when it was tried';

const nameOf = (op: string, id: string): string => `${op} ${id}`;

export abstract class PlanTuner {
  protected readonly device: Device;
  #options: PlanTunerOptions;
  #dropped = new Set<string>();
  #recorded: Offer[] | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(device: Device, options: PlanTunerOptions) {
    this.device = device;
    this.#options = options;
  }

  /** The variant of a node; never one that was dropped, unless all are. */
  readonly choose: Chooser = (offer, ids) => {
    this.#recorded?.push(offer);
    const good = ids.filter((id) => !this.isDropped(offer.op, id));
    return this.pick(offer, good) ?? good[0] ?? ids.at(-1)!;
  };

  /** Tries what the nodes that `describe` offers to `choose` may get. Later plans take what was found. */
  tune(describe: () => unknown): Promise<void> {
    const turn = this.#queue.then(() => this.attempt(this.#record(describe)));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  /** One of the variants that are good, or undefined for the first. */
  protected abstract pick(offer: Offer, good: readonly string[]): string | undefined;

  /** Tries what is not known yet of these nodes. */
  protected abstract attempt(offers: readonly Offer[]): Promise<void>;

  protected get store(): TuneStore {
    return this.#options.store;
  }

  protected tell(event: TuneEvent): void {
    this.#options.onEvent(event);
  }

  protected isDropped(op: string, id: string): boolean {
    return this.#dropped.has(nameOf(op, id));
  }

  /** Leaves a variant out from now on, and says why, once. */
  protected drop(op: string, id: string, why: string): void {
    if (this.isDropped(op, id)) return;
    this.#dropped.add(nameOf(op, id));
    const text = `${op}: variant "${id}" ${why} on ${this.device.adapter.name}; it is not used.`;
    this.tell({ kind: 'dropped', text });
  }

  #record(describe: () => unknown): readonly Offer[] {
    const offers: Offer[] = [];
    this.#recorded = offers;
    try {
      describe();
      return offers;
    } finally {
      this.#recorded = null;
    }
  }
}
