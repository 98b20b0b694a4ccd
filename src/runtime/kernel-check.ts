/**
 * The self-test of kernels where nobody tunes: on an adapter that computes by itself, the first choice of each op is compared
 * with the op's last variant once, when a plan first needs it. What was found is kept where the tuner keeps its choices. Imports
 * compile types, gpu types, runtime.
 */
import type { Chooser, Offer } from '../compile/select.ts';
import type { Device } from '../gpu/device.ts';
import type { Variant } from '../graph/types.ts';
import { Session } from './session.ts';
import { dropped, type PlanTuner, type TunerOptions } from './tuner.ts';
import { adapterKey, parseTable, sourceKey, type TuneEntry, tableText } from './tuner-cache.ts';

/** Of larger nodes nothing is compared: the last variant is the slowest kernel there is. */
const MOST_FLOPS = 4e9;

const EMPTY = { entries: [], shards: [] };

interface Job {
  readonly offer: Offer;
  readonly variant: Variant;
}

const nameOf = (op: string, id: string): string => `${op} ${id}`;

export class KernelCheck implements PlanTuner {
  #device: Device;
  #options: Omit<TunerOptions, 'mode'>;
  #seen = new Set<string>();
  #wrong = new Set<string>();
  #recorded: Offer[] | null = null;
  #queue: Promise<void> = Promise.resolve();

  constructor(device: Device, options: Omit<TunerOptions, 'mode'>) {
    this.#device = device;
    this.#options = options;
  }

  /** The first variant that is not known to be wrong. */
  readonly choose: Chooser = (offer, ids) => {
    this.#recorded?.push(offer);
    return ids.find((id) => !this.#wrong.has(nameOf(offer.op, id))) ?? ids.at(-1)!;
  };

  /** Checks what the nodes that `describe` offers to `choose` would get. */
  tune(describe: () => unknown): Promise<void> {
    const turn = this.#queue.then(() => this.#check(describe));
    this.#queue = turn.catch(() => {});
    return turn;
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

  /** First choices that were not looked at, each on the smallest node that takes it. */
  #jobs(offers: readonly Offer[]): Job[] {
    const jobs = new Map<string, Job>();
    for (const offer of [...offers].sort((a, b) => a.flops - b.flops)) {
      const { op, variants, flops } = offer;
      const variant = variants.find(({ id }) => !this.#wrong.has(nameOf(op, id)));
      if (!variant || variant === variants.at(-1) || flops > MOST_FLOPS) continue;
      const name = nameOf(op, variant.id);
      if (!this.#seen.has(name) && !jobs.has(name)) jobs.set(name, { offer, variant });
    }
    return [...jobs.values()];
  }

  async #check(describe: () => unknown): Promise<void> {
    const offers = this.#record(describe);
    let jobs = this.#jobs(offers);
    if (jobs.length === 0) return;
    const { store } = this.#options;
    const adapter = adapterKey(this.#device);
    const known = parseTable(await store.read())[adapter] ?? {};
    const fresh: { [key: string]: TuneEntry } = {};
    const session = new Session(this.#device, { parameters: EMPTY, state: EMPTY });
    try {
      // What takes the place of a wrong one is looked at in the next round.
      for (; jobs.length > 0; jobs = this.#jobs(offers))
        for (const job of jobs) {
          const key = sourceKey(job.offer.op, job.variant);
          const entry = known[key] ?? (await this.#try(session, job));
          this.#seen.add(nameOf(job.offer.op, job.variant.id));
          if (!entry) continue;
          if (!known[key]) fresh[key] = entry;
          else if (entry.wrong.length > 0) this.#drop(job, 'was wrong when it was tried');
        }
    } finally {
      session.dispose();
    }
    if (Object.keys(fresh).length === 0) return;
    // Read again: another process may have written meanwhile.
    const table = parseTable(await store.read());
    await store.write(tableText({ ...table, [adapter]: { ...table[adapter], ...fresh } }));
  }

  #drop({ offer: { op }, variant: { id } }: Job, why: string): void {
    this.#wrong.add(nameOf(op, id));
    this.#options.onEvent(dropped(op, id, { why, adapter: this.#device.adapter.name }));
  }

  /** Null where no trial is possible, or it fails: what works without it shall go on. */
  async #try(session: Session, job: Job): Promise<TuneEntry | null> {
    const { offer, variant } = job;
    try {
      const { runTrial } = await import('./tuner-trial.ts');
      const found = await runTrial(session, offer, { ids: [variant.id], timed: false });
      if (!found) return null;
      const { reasons, ...entry } = found;
      const why = reasons[variant.id];
      if (why) this.#drop(job, why);
      return entry;
    } catch (error) {
      if (this.#device.failure) throw error;
      this.#options.onEvent({ kind: 'skipped', text: `${offer.op}: "${variant.id}" was not tried, ${String(error)}` });
      return null;
    }
  }
}
