/** Reads the words that a monitored step leaves on the GPU. Imports inspect, nn types. */
import type { LayerCall } from '../nn/layer.ts';
import { FURTHER, HEADER, KINDS, type MonitorPlan, type MonitorPlanOptions, type Section } from './monitor-plan.ts';
import type { DeadUnits, LayerStats, ParameterStats, StepStats, TensorStats } from './monitor-types.ts';

interface Step {
  readonly monitored: MonitorPlan;
  readonly step: number;
  readonly types: ReadonlyMap<string, LayerCall>;
}

interface Words {
  readonly floats: Float32Array<ArrayBuffer>;
  readonly counts: Uint32Array<ArrayBuffer>;
}

/** Decodes results, and remembers which units were alive in the last looks. */
export class Readings {
  #bins: MonitorPlanOptions['bins'];
  #window: number;
  #alive = new Map<string, Uint8Array[]>();

  constructor(binning: MonitorPlanOptions['bins'], window: number) {
    this.#bins = binning;
    this.#window = window;
  }

  #tensor({ floats, counts }: Words, { base, bins, what }: Section): TensorStats & { readonly saturated: number } {
    const [count = 0, mean = 0, std = 0, min = 0, max = 0] = floats.subarray(base, base + 5);
    const from = base + HEADER;
    const [below = 0, above = 0, nonFinite = 0, saturated = 0] = counts.subarray(from + bins, from + bins + FURTHER);
    const histogram = { edges: this.#bins[what].edges, counts: counts.slice(from, from + bins), below, above };
    const ends = count > 0 ? { min, max } : { min: Number.NaN, max: Number.NaN };
    return { count, nonFinite, mean, std, ...ends, histogram, saturated };
  }

  #dead({ counts }: Words, { layer, base, bins, units }: Section): DeadUnits {
    const from = base + HEADER + bins + FURTHER;
    const alive = Uint8Array.from(counts.subarray(from, from + units), (count) => (count > 0 ? 1 : 0));
    const looks = [...(this.#alive.get(layer) ?? []), alive].slice(-this.#window);
    this.#alive.set(layer, looks);
    const share = (among: readonly Uint8Array[]): number =>
      alive.reduce((dead, _, unit) => dead + (among.some((look) => look[unit] === 1) ? 0 : 1), 0) / units;
    return { units, share: share([alive]), windowShare: share(looks) };
  }

  decode(bytes: ArrayBuffer, { monitored, step, types }: Step): StepStats {
    const words = { floats: new Float32Array(bytes), counts: new Uint32Array(bytes) };
    const { sections, normsBase, names } = monitored;
    const layers = new Map<string, LayerStats>();
    for (const section of sections) {
      const { saturated, ...stats } = this.#tensor(words, section);
      const { layer, shape, what } = section;
      const before = layers.get(layer);
      if (what === 'gradient' && before) layers.set(layer, { ...before, gradient: stats });
      if (what !== 'output') continue;
      const { type } = types.get(layer)!.layer;
      const kind = KINDS[type];
      layers.set(layer, {
        ...{ type, shape, activation: stats, gradient: null },
        dead: kind === 'rectifier' ? this.#dead(words, section) : null,
        saturated: kind === 'sigmoid' || kind === 'tanh' ? saturated / Math.max(1, stats.count) : null,
      });
    }
    const parameters = names.map((name, i): [string, ParameterStats] => {
      const at = normsBase + 4 * i;
      const [gradientNorm = 0, weightNorm = 0, updateNorm = 0] = words.floats.subarray(at, at + 3);
      const updateRatio = updateNorm === 0 ? 0 : updateNorm / weightNorm;
      return [name, { gradientNorm, weightNorm, updateNorm, updateRatio }];
    });
    return { step, layers, parameters: new Map(parameters) };
  }
}
