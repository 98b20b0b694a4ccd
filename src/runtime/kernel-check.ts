/**
 * The self-test of kernels where nobody tunes: on an adapter that computes by itself, the first choice of each op is compared
 * with the op's last variant once, when a plan first needs it. What was found is kept where the tuner keeps its choices. Imports
 * compile types, runtime.
 */
import type { Offer } from '../compile/select.ts';
import type { Variant } from '../graph/types.ts';
import { EMPTY, PlanTuner, WAS_WRONG } from './plan-tuner.ts';
import { Session } from './session.ts';
import { adapterKey, addEntries, readEntries, sourceKey, type TuneEntry } from './tuner-cache.ts';

/** Of larger nodes nothing is compared: the last variant is the slowest kernel there is. */
const MOST_FLOPS = 4e9;

interface Job {
  readonly offer: Offer;
  readonly variant: Variant;
}

export class KernelCheck extends PlanTuner {
  #seen = new Set<string>();

  protected override pick(): undefined {}

  /** First choices that were not looked at, each on the smallest node that takes it. */
  #jobs(offers: readonly Offer[]): Job[] {
    const jobs = new Map<string, Job>();
    for (const offer of [...offers].sort((a, b) => a.flops - b.flops)) {
      const { op, variants, flops } = offer;
      const variant = variants.find(({ id }) => !this.isDropped(op, id));
      if (!variant || variant === variants.at(-1) || flops > MOST_FLOPS) continue;
      const name = `${op} ${variant.id}`;
      if (!this.#seen.has(name) && !jobs.has(name)) jobs.set(name, { offer, variant });
    }
    return [...jobs.values()];
  }

  protected override async attempt(offers: readonly Offer[]): Promise<void> {
    let jobs = this.#jobs(offers);
    if (jobs.length === 0) return;
    const adapter = adapterKey(this.device);
    const known = await readEntries(this.store, adapter);
    const fresh: { [key: string]: TuneEntry } = {};
    let session: Session | null = null;
    try {
      // What takes the place of a wrong one is looked at in the next round.
      for (; jobs.length > 0; jobs = this.#jobs(offers))
        for (const job of jobs) {
          const { op } = job.offer;
          const { id } = job.variant;
          const key = sourceKey(op, job.variant);
          this.#seen.add(`${op} ${id}`);
          if (known[key]?.wrong.includes(id)) this.drop(op, id, WAS_WRONG);
          if (known[key]) continue;
          session ??= new Session(this.device, { parameters: EMPTY, state: EMPTY });
          const entry = await this.#try(session, job);
          if (entry) fresh[key] = entry;
        }
    } finally {
      session?.dispose();
    }
    await addEntries(this.store, adapter, fresh);
  }

  /** Null where no trial is possible, or it fails: what works without it shall go on. */
  async #try(session: Session, { offer, variant }: Job): Promise<TuneEntry | null> {
    try {
      const { runTrial } = await import('./tuner-trial.ts');
      const found = await runTrial(session, offer, { ids: [variant.id], timed: false });
      if (!found) return null;
      const { reasons, ...entry } = found;
      const why = reasons[variant.id];
      if (why) this.drop(offer.op, variant.id, why);
      return entry;
    } catch (error) {
      if (this.device.failure) throw error;
      this.tell({ kind: 'skipped', text: `${offer.op}: "${variant.id}" was not tried, ${String(error)}` });
      return null;
    }
  }
}
