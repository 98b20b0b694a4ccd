/** How gradients change the weights: groups, schedule, clipping, accumulation, averaged weights, and the state of these. Imports engine, groups, options, update, runtime. */
import type { Plan } from '../compile/plan.ts';
import type { Attrs, Json } from '../graph/types.ts';
import { constantInit, initialValues } from '../nn/init.ts';
import type { MetricsRing } from '../runtime/ring.ts';
import type { Prepared } from '../runtime/session.ts';
import type { StepWords } from '../runtime/step.ts';
import { StateError } from '../util/errors.ts';
import type { Checkpoint, Position, UpdateRecord } from './checkpoint.ts';
import type { Engine, NamedTensor } from './engine.ts';
import { groupEnds, type ResolvedGroup } from './groups.ts';
import { type CheckedOptions, clipOf } from './options.ts';
import { accumulatePlan, type Clip, updatePlan } from './update.ts';
import { checkSlots } from './weights.ts';

interface Parts {
  readonly engine: Engine;
  readonly groups: readonly ResolvedGroup[];
  readonly options: CheckedOptions;
}

/** Names of the further arenas among the optimizer's slots, as checkpoints have them. */
const EMA = 'ema';
const SUMS = 'gradient_sum';

export class Updater {
  readonly clip: Clip | null;
  /** Arenas by name: the optimizer's slots, then `ema` and `gradient_sum` where they are kept. */
  readonly slots: readonly string[];
  #parts: Parts;
  #ends: readonly number[];
  #plans: { readonly update: Prepared; readonly accumulate: Prepared | null } | null = null;
  #passes = 0;
  #sum = { batches: 0, samples: 0 };
  #schedule: Json;

  /** Allocates gradients and slots. `prepare` must follow. */
  constructor(parts: Parts) {
    const { engine, options } = parts;
    const { optimizer, ema, accumulationSteps, schedule } = options;
    this.#parts = parts;
    this.#ends = groupEnds(engine.session.arenas.parameters, parts.groups);
    this.#schedule = schedule?.feedback?.initial ?? null;
    this.clip = clipOf(options);
    this.slots = [...optimizer.slots, ...(ema ? [EMA] : []), ...(accumulationSteps > 1 ? [SUMS] : [])];
    engine.session.allocateTraining(this.slots.length, { weights: this.#slotOf(EMA) });
  }

  /** The first values of parameters, states and slots. */
  #initialize(): void {
    const { engine, options } = this.#parts;
    engine.initialize(options.seed);
    for (const [slot, value] of (options.optimizer.initial ?? []).entries()) {
      if (value === 0) continue;
      const init = constantInit(value);
      for (const { name, shape } of engine.parameters)
        engine.writeSlot(slot, name, initialValues(init, shape, { seed: 0, name }));
    }
    this.resetEma();
  }

  /** Its plans as data, not yet on the device: of the update, and of the accumulation where there is one. */
  #planned(): readonly [update: Plan, ...accumulate: Plan[]] {
    const { engine, options } = this.#parts;
    const { optimizer, ema } = options;
    const end4 = this.#ends.at(-1) ?? 0;
    const sums = this.#slotOf(SUMS);
    const averaged = this.#slotOf(EMA);
    const update = updatePlan(engine, {
      ...{ optimizer, groups: this.#ends.length, end4, clip: this.clip, sums, ring: true },
      ema: ema && averaged !== null ? { slot: averaged, decay: ema.decay } : null,
    });
    return sums === null ? [update] : [update, accumulatePlan(engine, { sums, end4 })];
  }

  /** Compiles its plans, together with that of a training step, and draws the first values meanwhile. */
  async prepare({ buffer: ring }: MetricsRing): Promise<void> {
    const { engine, options } = this.#parts;
    const { session } = engine;
    const planned = this.#planned();
    // Pipelines do not depend on the batch size: with these ready, a step with any batch starts at once.
    const key = { mode: 'train', batch: options.batchSize } as const;
    await engine.compilePipelines(key, { others: planned, meanwhile: () => this.#initialize() });
    const [update, accumulate] = planned;
    this.#plans = {
      // Its slabs are its own: loss and hits, which lie in those of the pool, are read behind it.
      update: await session.prepare(update, { externals: { ring }, ownSlabs: true }),
      accumulate: accumulate ? await session.prepare(accumulate) : null,
    };
  }

  #slotOf(name: string): number | null {
    const slot = this.slots.indexOf(name);
    return slot < 0 ? null : slot;
  }

  /** The plans of an update and of the accumulation before it. */
  get plans(): { readonly update: Prepared; readonly accumulate: Prepared | null } {
    if (!this.#plans) throw new StateError('the trainer is not ready. Use createTrainer.');
    return this.#plans;
  }

  /** The slot of averaged weights. Throws StateError where there are none. */
  requireEma(): number {
    const slot = this.#slotOf(EMA);
    if (slot === null)
      throw new StateError('useEma: there are no averaged weights. Pass ema: { decay } to createTrainer.');
    return slot;
  }

  /** The average begins anew from the weights as they are. */
  resetEma(): void {
    const slot = this.#slotOf(EMA);
    if (slot !== null) this.#parts.engine.session.copyParameters(slot);
  }

  /** Whether steps tell the norm of their gradients. */
  get clipsNorm(): boolean {
    return this.clip?.kind === 'norm';
  }

  get accumulates(): boolean {
    return this.#parts.options.accumulationSteps > 1;
  }

  /** Batches whose gradients wait for an update. */
  get waiting(): number {
    return this.#sum.batches;
  }

  get isFull(): boolean {
    return !this.accumulates || this.#sum.batches >= this.#parts.options.accumulationSteps;
  }

  /** Batches done in all; each has random numbers and a slot of the ring of its own. */
  passes({ step }: Position): number {
    return this.accumulates ? this.#passes : step;
  }

  /** Drops gradients that wait. */
  discard(): void {
    this.#sum = { batches: 0, samples: 0 };
  }

  /** Counts a batch of so many samples; gives its part of the words. */
  begin(samples: number): StepWords {
    if (!this.accumulates) return {};
    const { batchSize } = this.#parts.options;
    const old = this.#sum.batches > 0 ? 1 : 0;
    this.#passes++;
    this.#sum = { batches: this.#sum.batches + 1, samples: this.#sum.samples + samples };
    return { sum: { old, new: samples / batchSize } };
  }

  #count({ step, epoch }: Position): number {
    return this.#parts.options.schedule?.per === 'step' ? step : epoch;
  }

  /** Learning rate of the next step, for the optimizer's or a group's own. */
  rateOf(lr: number, position: Position): number {
    const { schedule } = this.#parts.options;
    return schedule ? schedule.at(this.#count(position), lr, this.#schedule) : lr;
  }

  /** The words of the update after `position`. */
  words(position: Position): StepWords {
    const { optimizer, schedule, batchSize } = this.#parts.options;
    const index = position.step + 1;
    const momentum = schedule?.momentumAt?.(this.#count(position)) ?? optimizer.momentum ?? 0;
    const trained = this.#parts.groups.filter(({ frozen }) => !frozen);
    return {
      index,
      gradientScale: this.accumulates ? batchSize / Math.max(1, this.#sum.samples) : 1,
      scalars: optimizer.scalars?.(index, momentum),
      groups: trained.map(({ lr, weightDecay, l1 }, i) => ({
        ...{ end4: this.#ends[i]!, learningRate: this.rateOf(lr, position), weightDecay, l1 },
      })),
    };
  }

  /** Shows the schedule a metric. */
  observe(metric: number, position: Position): void {
    const feedback = this.#parts.options.schedule?.feedback;
    if (feedback) this.#schedule = feedback.next(this.#schedule, metric, this.#count(position));
  }

  /** Gradients as the next update takes them, before clipping. */
  async gradients(): Promise<Map<string, NamedTensor>> {
    const { engine, options } = this.#parts;
    const slot = this.#slotOf(SUMS);
    if (slot === null || this.waiting === 0) return engine.readTensors('gradients');
    const sums = await engine.readTensors({ slot });
    const scale = options.batchSize / this.#sum.samples;
    return new Map([...sums].map(([name, { shape, data }]) => [name, { shape, data: data.map((v) => v * scale) }]));
  }

  /** Everything in slots that a resumed run needs. */
  async saveSlots(): Promise<Map<string, Map<string, NamedTensor>>> {
    const saved = new Map<string, Map<string, NamedTensor>>();
    for (const [slot, name] of this.slots.entries())
      if (name !== SUMS || this.waiting > 0) saved.set(name, await this.#parts.engine.readTensors({ slot }));
    return saved;
  }

  /** The same as JSON: how it trains, and the numbers that change. */
  describe(position: Position): UpdateRecord {
    const { groups, options } = this.#parts;
    const { schedule, accumulationSteps, ema = null } = options;
    const { clip } = this;
    return {
      groups: groups.length > 1 ? groups.map((group) => ({ ...group })) : [],
      schedule: schedule ? { name: schedule.name, config: schedule.config, state: this.#schedule } : null,
      clip: clip && ({ ...clip, ...(clip.kind === 'norm' && { order: String(clip.order) }) } satisfies Attrs),
      accumulation: { steps: accumulationSteps, passes: this.passes(position), ...this.#sum },
      ema: ema && { decay: ema.decay },
    };
  }

  /** Throws StateError where a checkpoint cannot be gone on with. */
  check(checkpoint: Checkpoint): void {
    const { engine, options, groups } = this.#parts;
    if (checkpoint.training?.weights === 'ema')
      throw new StateError(
        'load: the file holds averaged weights, which cannot be gone on with. Load it with { weightsOnly: true }.',
      );
    const { name, slots } = options.optimizer;
    const further = this.slots.filter((slot) => !slots.includes(slot) && checkpoint.slots.has(slot));
    checkSlots(engine, checkpoint, { name, slots: [...slots, ...further] });
    this.#checkSettings(checkpoint);
    const saved = checkpoint.training?.update;
    if (!saved) return;
    const frozenOf = (all: UpdateRecord['groups']): string[] =>
      all.flatMap(({ frozen, parameters }) => (frozen ? parameters : [])).sort();
    const [before, now] = [frozenOf(saved.groups), frozenOf(groups)];
    if (before.join() !== now.join())
      throw new StateError(
        `load: the file was trained with ${before.join(', ') || 'nothing'} frozen, this trainer freezes ${now.join(', ') || 'nothing'}. Use the same parameterGroups, or load with { weightsOnly: true }.`,
      );
    const { schedule } = options;
    if (schedule && saved.schedule?.name === schedule.name) schedule.at(0, 1, saved.schedule.state); // throws where it is damaged
    if (saved.accumulation.batches > 0 && !this.accumulates)
      throw new StateError(
        `load: the file holds gradients of ${saved.accumulation.batches} batches that wait for a step, this trainer does not accumulate. Pass accumulationSteps, or load with { weightsOnly: true }.`,
      );
  }

  /** The order of samples, dropout and the place in an epoch follow from these: with others it would be another run. */
  #checkSettings({ training }: Checkpoint): void {
    const { options } = this.#parts;
    const differ = (['seed', 'batchSize'] as const).filter((name) => training && training[name] !== options[name]);
    if (!training || differ.length === 0) return;
    const list = (of: { readonly seed: number; readonly batchSize: number }): string =>
      differ.map((name) => `${name} ${of[name]}`).join(' and ');
    throw new StateError(
      `load: the file was trained with ${list(training)}, this trainer has ${list(options)}. Pass the same to createTrainer, or load with { weightsOnly: true }.`,
    );
  }

  /** Takes slots and numbers from a checked checkpoint, whose weights are loaded. */
  load({ slots, training }: Checkpoint): void {
    const { engine, options } = this.#parts;
    for (const [slot, name] of this.slots.entries())
      for (const [parameter, { data }] of slots.get(name) ?? []) engine.writeSlot(slot, parameter, data);
    const saved = training?.update;
    const { passes, batches, samples } = saved?.accumulation ?? { passes: 0, batches: 0, samples: 0 };
    this.#passes = Math.max(passes, training?.position.step ?? 0);
    this.#sum = slots.has(SUMS) ? { batches, samples } : { batches: 0, samples: 0 };
    const initial = options.schedule?.feedback?.initial ?? null;
    this.#schedule = saved?.schedule?.name === options.schedule?.name ? (saved?.schedule?.state ?? initial) : initial;
  }
}
