/** Looks at steps of the training under way, while somebody wants to see them. Imports gabor, look, stages, twins. */
import * as gabor from '../../../../src/index.ts';
import type { Experiment } from '../../engine/lab.ts';
import { BINS, everyFor, lookOf } from './look.ts';
import type { Look, Stage } from './protocol.ts';
import { stagesOf } from './stages.ts';
import { distinctUnits } from './twins.ts';

/** Weights are read back for counting twins this often, ms, and only where there are no more of them in a layer. */
const TWINS_EVERY = 2000;
const MOST_WEIGHTS = 250_000;
/** Steps that are all looked at: much happens there. */
const FIRST_STEPS = 5;
/** How much the newest batch counts in the mean time of a step. */
const NEWEST = 0.2;

export class Watch {
  #onLook: (look: Look) => void;
  #experiment: Experiment | null = null;
  #stages: readonly Stage[] = [];
  #trainer: gabor.Trainer | null = null;
  #monitor: gabor.Monitor | null = null;
  #inspector: gabor.Inspector | null = null;
  #lastTwins = 0;
  #lastBatch = 0;
  #msPerStep = 0;
  /** Whether anybody looks. */
  wanted = false;

  constructor(onLook: (look: Look) => void) {
    this.#onLook = onLook;
  }

  attach(experiment: Experiment | null): void {
    this.#leave();
    this.#experiment = experiment;
    // The one before was disposed of with its network.
    this.#inspector = null;
    this.#stages = experiment ? stagesOf(experiment.info.layers) : [];
    this.#lastTwins = -Infinity;
    this.#msPerStep = 0;
  }

  async begin(trainer: gabor.Trainer): Promise<void> {
    this.#trainer = trainer;
    this.#lastBatch = 0;
    if (this.wanted) await this.#join();
  }

  /** After a step: comes and goes as it is wanted, and looks as often as the speed of training suits. */
  async batch(step: number): Promise<void> {
    if (!this.wanted) return this.#leave();
    if (!this.#monitor) await this.#join();
    const now = performance.now();
    if (this.#lastBatch > 0) {
      const took = now - this.#lastBatch;
      this.#msPerStep = this.#msPerStep === 0 ? took : this.#msPerStep + NEWEST * (took - this.#msPerStep);
    }
    this.#lastBatch = now;
    const every = step <= FIRST_STEPS ? 1 : everyFor(1000 / Math.max(this.#msPerStep, 0.1));
    if (this.#monitor && this.#monitor.every !== every) this.#monitor.every = every;
  }

  async end(): Promise<void> {
    try {
      await this.#monitor?.flush();
    } finally {
      this.#trainer = null;
      this.#leave();
    }
  }

  #leave(): void {
    this.#monitor?.dispose();
    this.#monitor = null;
  }

  async #join(): Promise<void> {
    const trainer = this.#trainer;
    if (!trainer || this.#experiment?.trainer !== trainer || this.#stages.length === 0) return;
    const monitor = gabor.monitor({
      every: 1,
      layers: this.#stages.map(({ watched }) => watched),
      activations: BINS,
      onStats: (stats) => this.#tell(stats),
    });
    this.#monitor = monitor;
    await monitor.attach(trainer);
  }

  async #tell(stats: gabor.StepStats): Promise<void> {
    if (!this.#experiment) return;
    const { info } = this.#experiment;
    const look = lookOf(stats, { stages: this.#stages, generation: info.generation });
    if (look) this.#onLook(await this.#withTwins(look));
  }

  /** Hidden layers only: those of the last one differ by their labels. */
  async #withTwins(look: Look): Promise<Look> {
    const now = performance.now();
    if (!this.#experiment || now - this.#lastTwins < TWINS_EVERY || this.#stages.length < 2) return look;
    this.#lastTwins = now;
    this.#inspector ??= gabor.inspect(this.#experiment.trainer);
    const hidden = this.#stages.slice(0, -1).map(({ weight }) => weight);
    const small = [...this.#inspector.weightsOnGpu(hidden)].filter(
      ([, { shape }]) => shape.reduce((product, n) => product * n, 1) <= MOST_WEIGHTS,
    );
    if (small.length === 0) return look;
    const weights = await this.#inspector.weights(small.map(([name]) => name));
    const stages = look.stages.map((stage, i) => {
      const tensor = weights.get(this.#stages[i]!.weight);
      if (!tensor) return stage;
      const units = tensor.shape[0]!;
      return { ...stage, distinct: { count: distinctUnits(tensor.data, units), units } };
    });
    return { ...look, stages };
  }
}
