/**
 * The tuner: chooses the variant of each node by trial on the device, and remembers what it found. It learns which nodes
 * there are by being the chooser of a plan that is described for it. Imports compile types, gpu types, runtime.
 */
import type { Offer } from '../compile/select.ts';
import type { Device } from '../gpu/device.ts';
import { EMPTY, PlanTuner, type PlanTunerOptions, WAS_WRONG } from './plan-tuner.ts';
import { Session } from './session.ts';
import { adapterKey, addEntries, classOf, entryKey, nearClassOf, readEntries, type TuneEntry } from './tuner-cache.ts';
import type { TrialOptions } from './tuner-trial.ts';

/**
 * `off`: the static best guess; where an adapter computes by itself, kernels are checked once (kernel-check.ts), else no work at
 * all. `fast`: nodes with a share of the FLOPs are timed, with few candidates;
 * of other ops every variant is checked once. `full`: all nodes, all candidates.
 */
export type TuneMode = 'off' | 'fast' | 'full';

export interface TunerOptions extends PlanTunerOptions {
  readonly mode: Exclude<TuneMode, 'off'>;
}

/** `fast` times nodes with this share of a plan's FLOPs, and so many candidates of them. */
const SHARE = 0.02;
const MOST_CANDIDATES = 3;

interface Job extends TrialOptions {
  readonly offer: Offer;
  readonly key: string;
}

const idsOf = ({ variants }: Offer): string[] => variants.map(({ id }) => id);

const layerOf = ({ op, scope }: Offer): string => (scope === '' ? op : `${scope}.${op}`);

export class Tuner extends PlanTuner {
  #mode: TunerOptions['mode'];
  #entries: { [key: string]: TuneEntry } | null = null;
  #choices = new Map<string, string>();
  #near = new Map<string, string>();

  constructor(device: Device, { mode, ...options }: TunerOptions) {
    super(device, options);
    this.#mode = mode;
  }

  /** What trials have found; of nodes that had none, what was found for a larger batch, else the static guess. */
  protected override pick(offer: Offer, good: readonly string[]): string | undefined {
    const found = this.#choices.get(classOf(offer)) ?? this.#near.get(nearClassOf(offer));
    return found !== undefined && good.includes(found) ? found : undefined;
  }

  /** What is to be tried: each class once, and only what is not known yet. */
  #jobs(offers: readonly Offer[]): Job[] {
    const { caps } = this.device;
    const total = offers.reduce((sum, { flops }) => sum + flops, 0);
    const several = offers.filter(({ variants }) => variants.length > 1);
    const classes = new Map(several.map((offer) => [classOf(offer), offer]));
    const full = this.#mode === 'full';
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
    for (const id of entry.wrong) this.drop(offer.op, id, reasons[id] ?? WAS_WRONG);
    const guess = idsOf(offer)[0]!;
    const [was, is] = [entry.times[guess], entry.times[entry.choice]];
    if (entry.choice !== guess && was !== undefined && is !== undefined)
      this.tell({
        kind: 'chosen',
        text: `${layerOf(offer)}: "${entry.choice}", ${is.toFixed(1)} us, in place of "${guess}", ${was.toFixed(1)} us`,
      });
  }

  protected override async attempt(offers: readonly Offer[]): Promise<void> {
    const jobs = this.#jobs(offers);
    if (jobs.length === 0) return;
    const adapter = adapterKey(this.device);
    this.#entries ??= await readEntries(this.store, adapter);
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
        session ??= new Session(this.device, { parameters: EMPTY, state: EMPTY });
        // Loaded when it is needed: a page that does not tune is spared it.
        const { runTrial } = await import('./tuner-trial.ts');
        const found = await runTrial(session, offer, job);
        if (!found) {
          this.#choices.set(classOf(offer), idsOf(offer)[0]!);
          this.tell({
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
    Object.assign(entries, fresh);
    await addEntries(this.store, adapter, fresh);
  }
}
