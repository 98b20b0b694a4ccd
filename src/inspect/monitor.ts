/** `monitor`: statistics of layers and parameters, gathered on the GPU every few steps of training. Imports train and all below. */
import { waitFor } from '../gpu/wait.ts';
import type { Prepared } from '../runtime/session.ts';
import type { Callback } from '../train/callbacks.ts';
import { layerCalls, type StepWatcher } from '../train/describe.ts';
import type { Trainer } from '../train/trainer.ts';
import { ArgumentError, StateError } from '../util/errors.ts';
import { binsOf } from './histogram.ts';
import { type MonitorPlan, type MonitorPlanOptions, monitorPlan, normsPlan } from './monitor-plan.ts';
import { Readings } from './monitor-results.ts';
import type { MonitorOptions } from './monitor-types.ts';

/** A plan that is looked at, ready to run. */
interface Watched {
  readonly monitored: MonitorPlan;
  readonly prepared: Prepared;
  readonly norms: Prepared;
  readonly results: GPUBuffer;
  /** Staging buffers: all, and those that are not on their way. */
  readonly staging: GPUBuffer[];
  readonly free: GPUBuffer[];
}

function checkCount(name: string, value: number): void {
  if (!Number.isSafeInteger(value) || value < 1)
    throw new ArgumentError(`monitor: ${name} is ${value}. Pass a whole number from 1.`);
}

/**
 * Looks at every few steps of a trainer. The steps that it looks at do the same and more; the others are as they are without
 * it. A callback for `fit`, which attaches it and gives its memory back at the end; with an own loop call `attach`, `flush`
 * and `dispose`. Looks at steps of `fit` and `trainer.step`, not of forwardBackward.
 */
export class Monitor implements Callback, StepWatcher {
  #every = 20;
  #options: MonitorOptions;
  #bins: MonitorPlanOptions['bins'];
  #trainer: Trainer | null = null;
  #layers: readonly string[] = [];
  #plans = new Map<Prepared, Watched>();
  #readings: Readings;
  #delivery: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | null = null;

  /** Use `monitor`. */
  constructor(options: MonitorOptions) {
    const { every = 20, window = 10, saturation = 0.97 } = options;
    checkCount('window', window);
    if (!(saturation > 0 && saturation < 1))
      throw new ArgumentError(`monitor: saturation is ${saturation}. Pass a number between 0 and 1.`);
    this.every = every;
    this.#options = options;
    this.#bins = {
      output: binsOf({ range: 100, scale: 'symlog', threshold: 0.01, ...options.activations }, 'monitor, activations'),
      gradient: binsOf({ range: 10, scale: 'symlog', threshold: 1e-6, ...options.gradients }, 'monitor, gradients'),
    };
    this.#readings = new Readings(this.#bins, window);
  }

  /** It looks at steps whose number is a multiple of this; may be changed at any time, for example as steps become faster. */
  get every(): number {
    return this.#every;
  }

  set every(steps: number) {
    checkCount('every', steps);
    this.#every = steps;
  }

  /** From now on it looks at the trainer's steps. Waits for the pipelines, so that no step has to. */
  async attach(trainer: Trainer): Promise<void> {
    const { engine, options } = trainer;
    if (this.#trainer === trainer) return;
    if (this.#trainer || engine.watcher)
      throw new StateError(
        'monitor: the trainer is looked at already, or this monitor looks at another. Dispose of it first.',
      );
    const calls = layerCalls(engine.model.calls);
    const unknown = this.#options.layers?.find((name) => !calls.has(name));
    if (unknown !== undefined)
      throw new ArgumentError(
        `monitor: there is no layer "${unknown}". The model has ${[...calls.keys()].join(', ')}.`,
      );
    const seen = new Set<number>();
    const own = [...calls].filter(
      ([
        ,
        {
          output: { id, source },
        },
      ]) => {
        const isNew = !seen.has(id) && source.kind === 'node' && !source.node.impl.view;
        seen.add(id);
        return isNew;
      },
    );
    this.#layers = this.#options.layers ?? own.map(([name]) => name);
    this.#readings = new Readings(this.#bins, this.#options.window ?? 10);
    this.#failure = null;
    this.#trainer = trainer;
    engine.watcher = this;
    engine.companions.add(this);
    const monitored = this.#describe(trainer, { mode: 'train', batch: options.batchSize });
    const { dispatches } = monitored.plan;
    const all = [...dispatches, ...this.#describeNorms(trainer, monitored).dispatches];
    await Promise.all(all.map((d) => engine.device.pipelines.get(d)));
  }

  #describe({ engine }: Trainer, key: NonNullable<ReturnType<Trainer['engine']['keyOf']>>): MonitorPlan {
    const { saturation = 0.97 } = this.#options;
    return monitorPlan(engine, key, { layers: this.#layers, bins: this.#bins, saturation });
  }

  #describeNorms({ engine, updater }: Trainer, monitored: MonitorPlan) {
    return normsPlan(engine, monitored, updater.accumulates ? updater.slots.indexOf('gradient_sum') : null);
  }

  #watch(trainer: Trainer, plan: Prepared): Watched | null {
    const known = this.#plans.get(plan);
    if (known) return known;
    const { engine } = trainer;
    const { session } = engine;
    const key = engine.keyOf(plan);
    if (!key) return null;
    const monitored = this.#describe(trainer, key);
    const prepared = session.prepareNow(monitored.plan, { externals: engine.externals(key), inputsOf: plan });
    const results = prepared.bufferOf(monitored.results);
    const before = monitored.before.map((ref, shard) => [`before${shard}`, prepared.bufferOf(ref)] as const);
    const norms = session.prepareNow(this.#describeNorms(trainer, monitored), {
      externals: { results, ...Object.fromEntries(before) },
    });
    const made: Watched = { monitored, prepared, norms, results, staging: [], free: [] };
    this.#plans.set(plan, made);
    return made;
  }

  /** Called by the trainer. */
  begin(plan: Prepared, { step, applies }: Parameters<StepWatcher['begin']>[1]): ReturnType<StepWatcher['begin']> {
    const trainer = this.#trainer;
    if (!trainer || !applies || step % this.every !== 0) return null;
    const watched = this.#watch(trainer, plan);
    return watched && { plan: watched.prepared, after: () => this.#after(trainer, watched, step) };
  }

  /** The norms, then a copy of all results, which arrives by itself. */
  #after({ engine }: Trainer, { norms, results, staging, free, monitored }: Watched, step: number): void {
    const target =
      free.pop() ??
      engine.device.ledger.create('monitor staging', results.size, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
    if (!staging.includes(target)) staging.push(target);
    engine.session.run([norms, { source: results, target }]);
    const mapped = target.mapAsync(GPUMapMode.READ);
    mapped.catch(() => {});
    const deliver = async (): Promise<void> => {
      await mapped;
      const bytes = target.getMappedRange().slice(0);
      target.unmap();
      free.push(target);
      const stats = this.#readings.decode(bytes, { monitored, step, types: layerCalls(engine.model.calls) });
      await this.#options.onStats?.(stats);
    };
    const trainer = this.#trainer;
    this.#delivery = this.#delivery.then(deliver).catch((error: unknown) => {
      // After dispose nobody waits any more: the buffer is gone.
      if (this.#trainer === trainer) this.#failure ??= { error };
    });
  }

  /** Waits until all steps so far have been told; throws what `onStats` threw. */
  async flush(): Promise<void> {
    await waitFor(this.#delivery);
    const failure = this.#failure;
    this.#failure = null;
    if (failure) throw failure.error;
  }

  async onTrainBegin(trainer: Trainer): Promise<void> {
    await this.attach(trainer);
  }

  async onEpochEnd(): Promise<void> {
    await this.flush();
  }

  async onTrainEnd(): Promise<void> {
    try {
      await this.flush();
    } finally {
      this.dispose();
    }
  }

  /** Leaves the trainer and gives its memory back. Steps that were not told yet are not told. */
  dispose(): void {
    const trainer = this.#trainer;
    if (!trainer) return;
    const { engine } = trainer;
    this.#trainer = null;
    engine.watcher = null;
    engine.companions.delete(this);
    for (const { prepared, norms, staging } of this.#plans.values()) {
      engine.session.release(prepared);
      engine.session.release(norms);
      for (const buffer of staging) engine.device.ledger.destroy(buffer);
    }
    this.#plans.clear();
  }
}

/**
 * Statistics of training every few steps: how activations and gradients are spread, dead and saturated units, norms of
 * gradients and updates.
 *
 *     await trainer.fit(data, { callbacks: [monitor({ every: 20, onStats: ({ step, layers }) => draw(step, layers) })] });
 *
 * @throws ArgumentError for a number out of range.
 */
export const monitor = (options: MonitorOptions = {}): Monitor => new Monitor(options);
