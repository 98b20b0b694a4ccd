/** A model on a device: its parameters, its plans for every batch size and mode, its replay. The trainer and inference sessions stand on it. Imports all below. */

import { type ArenaEntry, type Place, planArena } from '../compile/place.ts';
import { compilePlan, type Plan, type PlanRequest } from '../compile/plan.ts';
import type { Chooser } from '../compile/select.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { nextTurn, waitFor } from '../gpu/wait.ts';
import { fromMemory, toMemory } from '../graph/layout.ts';
import { initialValues } from '../nn/init.ts';
import type { Loss } from '../nn/losses.ts';
import type { Model } from '../nn/model.ts';
import { relayout } from '../ops/index.ts';
import type { PlanTuner } from '../runtime/plan-tuner.ts';
import { type Prepared, Session } from '../runtime/session.ts';
import type { TuneMode } from '../runtime/tuner.ts';
import { StateError } from '../util/errors.ts';
import { type Shape, show, sizeOf } from '../util/shape.ts';
import { addParts } from './add-parts.ts';
import type { Augmentation } from './augment.ts';
import type { Counting } from './counting.ts';
import { type GraphOutput, graphOf, type StepWatcher, type Watch, withWeights } from './describe.ts';
import { planThatFits } from './fits.ts';
import type { Mix } from './mix.ts';
import { type ResidentData, uploadDataset } from './resident.ts';
import { type TuneOptions, tunerOf } from './tune-options.ts';

/** What a plan is for. */
export interface PlanKey {
  /** `train`: loss and gradients; `eval`: loss alone; `predict`: the output. */
  readonly mode: 'train' | 'eval' | 'predict';
  readonly batch: number;
  /** Where samples come from: a data set on the GPU, or inputs `x` and `y`. */
  readonly data?: ResidentData;
  readonly shuffle?: boolean;
  /** What is done to images of a data set on the GPU. Only for training, as is `mix`. */
  readonly augment?: Augmentation;
  /** How samples are mixed with each other. */
  readonly mix?: Mix['kind'];
  /** Counted over many batches, besides the loss. Only for `eval`. */
  readonly counting?: Counting;
  /** Slot whose tensors stand in for the parameters: averaged weights. Not for training. */
  readonly weights?: number;
}

/** Milliseconds between looks at pipelines that are compiled: the cores have better to do. */
const COMPILE_NAP = 4;

const keyText = ({ mode, batch, data, shuffle = false, weights, augment, mix, counting }: PlanKey): string =>
  `${mode} ${batch} ${data?.id ?? 'input'} ${shuffle} ${weights ?? 'own'} ${mix ?? ''} ${augment ? JSON.stringify(augment) : ''} ${counting?.id ?? ''}`;

export interface NamedTensor {
  readonly shape: Shape;
  /** Row-major. */
  readonly data: Float32Array<ArrayBuffer>;
}

/** Parameters and running statistics, gradients, or a slot of the optimizer. */
export type TensorSet = 'values' | 'gradients' | { readonly slot: number };

/** A tensor of the arenas and where it lies. */
export interface TensorPlace {
  readonly entry: ArenaEntry;
  readonly place: Place;
}

export interface EngineOptions {
  readonly loss?: Loss;
  readonly choose?: Chooser;
  /** Chooses kernels by trial, unless `choose` does; default 'off'. */
  readonly tune?: TuneMode | TuneOptions;
  /** Names of parameters in the order that the arena has; default: the model's. */
  readonly order?: readonly string[];
  /** Parameters without gradients. */
  readonly frozen?: ReadonlySet<string>;
  /** Of most batches; default: of each. Smaller ones share their kernels. */
  readonly batchSize?: number;
}

export class Engine {
  readonly device: Device;
  readonly model: Model;
  readonly session: Session;
  /** In the model's order. */
  readonly parameters: readonly ArenaEntry[];
  readonly states: readonly ArenaEntry[];
  #options: EngineOptions;
  #tuner: PlanTuner | null;
  /** Largest batch that was tuned for, by mode: smaller ones, as the last of an epoch, take its choices. */
  #tuned = new Map<PlanKey['mode'], number>();
  /** How the bytes of training data were normalised. */
  normalization: { readonly mean: readonly number[]; readonly std: readonly number[] } | null = null;
  /** Looks at the batches of `fit` and `step`. */
  watcher: StepWatcher | null = null;
  /** Disposed of together with the engine. */
  readonly companions = new Set<{ dispose(): void }>();
  #plans = new Map<string, Prepared>();
  #last: { readonly text: string; readonly plan: Plan } | null = null;
  #keys = new Map<Prepared, PlanKey>();
  #resident = new Map<Dataset, ResidentData>();

  constructor(device: Device, model: Model, options: EngineOptions) {
    const of = (kind: string) => model.parameters.filter((spec) => spec.kind === kind);
    const limit = device.caps.maxBindingBytes;
    const rank = new Map(options.order?.map((name, i) => [name, i]));
    const ordered = of('parameter').sort((a, b) => (rank.get(a.name) ?? 0) - (rank.get(b.name) ?? 0));
    const arenas = { parameters: planArena(ordered, limit), state: planArena(of('state'), limit) };
    this.device = device;
    this.model = model;
    this.#options = options;
    this.#tuner = options.choose ? null : tunerOf(device, options.tune);
    this.session = new Session(device, arenas);
    const entryOf = new Map(arenas.parameters.entries.map((entry) => [entry.name, entry]));
    this.parameters = of('parameter').map(({ name }) => entryOf.get(name)!);
    this.states = arenas.state.entries;
  }

  /** Draws the first values of the parameters and states. Before that they are zero. */
  initialize(seed: number): void {
    for (const { name, shape, init } of this.model.parameters)
      this.writeTensor(name, initialValues(init, shape, { seed, name }));
  }

  /** Plans are compiled at their first use and kept. Rejects with DeviceError where one does not fit into memory. */
  async plan(key: PlanKey): Promise<Prepared> {
    const known = this.#plans.get(keyText(key));
    if (known) return known;
    await this.compilePipelines(key);
    return this.planNow(key);
  }

  /** The same without waiting: pipelines that are not ready are compiled on the spot. */
  planNow(key: PlanKey): Prepared {
    const text = keyText(key);
    const known = this.#plans.get(text);
    if (known) return known;
    const made = this.session.prepareNow(this.#fitting(key), { externals: this.externals(key) });
    this.#last = null;
    this.#plans.set(text, made);
    this.#keys.set(made, key);
    return made;
  }

  /** What a plan of this engine was made for. */
  keyOf(prepared: Prepared): PlanKey | undefined {
    return this.#keys.get(prepared);
  }

  /** The buffers that plans of a key bind besides the session's own. */
  externals({ data, counting }: PlanKey): { readonly [name: string]: GPUBuffer } {
    return { ...(data && { samples: data.samples, targets: data.targets }), ...counting?.externals };
  }

  async #tune(key: PlanKey): Promise<void> {
    if (!this.#tuner || key.batch < (this.#tuned.get(key.mode) ?? 0)) return;
    this.#tuned.set(key.mode, key.batch);
    await this.#tuner.tune(() => this.describePlan(key));
  }

  /**
   * Compiles a plan's pipelines and those of others, in parallel, and nothing else but trials of kernels where they are to be
   * tuned. `meanwhile` is called while they are compiled.
   */
  async compilePipelines(
    key: PlanKey,
    { others = [], meanwhile }: { readonly others?: readonly Plan[]; readonly meanwhile?: () => void } = {},
  ): Promise<void> {
    await this.#tune(key);
    const dispatches = [this.#fitting(key), ...others].flatMap((plan) => plan.dispatches);
    const pipelines = Promise.all(dispatches.map((d) => this.device.pipelines.get(d)));
    // In the next turn those who compile have what they need.
    await Promise.all([waitFor(pipelines, COMPILE_NAP), nextTurn().then(meanwhile)]);
  }

  /** The plan of a key, which fits: the last one is kept, because its pipelines are compiled before it goes to the device. */
  #fitting(key: PlanKey): Plan {
    const text = keyText(key);
    const known = this.#last?.text === text ? this.#last.plan : undefined;
    const describe = (other: PlanKey): Plan => (other.batch === key.batch && known) || this.describePlan(other);
    const plan = planThatFits(key, { session: this.session, describe });
    this.#last = { text, plan };
    return plan;
  }

  /** The plan as data, not yet on the device. What a watch adds comes behind all that the plan does without it. */
  describePlan(key: PlanKey, watch?: Watch): Plan {
    const { loss, frozen, batchSize = key.batch } = this.#options;
    const outputs = graphOf(key, { model: this.model, loss, frozen, watch });
    return this.compileGraph(outputs, {
      weights: key.weights,
      growth: Math.max(1, batchSize / key.batch),
      tail: (read, tables) => [...(key.counting?.tail(read) ?? []), ...(watch?.tail(read, tables) ?? [])],
    });
  }

  /** The plan of any graph of the model's parameters; with `weights` they are read from that slot. */
  compileGraph(
    outputs: readonly GraphOutput[],
    { weights, ...rest }: Pick<PlanRequest, 'tail' | 'growth'> & { readonly weights?: number } = {},
  ): Plan {
    const choose = this.#options.choose ?? this.#tuner?.choose;
    const { arenas } = this.session;
    const { caps } = this.device;
    const plan = compilePlan({ outputs, arenas, caps, relayout, choose, addParts, join: true, ...rest });
    return weights === undefined ? plan : withWeights(plan, weights);
  }

  /** The data set on the GPU, uploaded at its first use; null where it is too large to be bound. */
  resident(dataset: Dataset): ResidentData | null {
    this.session.check();
    const known = this.#resident.get(dataset);
    if (known) return known;
    const made = uploadDataset(this.device, dataset, this.#resident.size);
    if (made) this.#resident.set(dataset, made);
    return made;
  }

  #entry(name: string): { entry: ArenaEntry; place: (kind: 'parameters' | 'gradients') => Place } {
    const parameter = this.parameters.find((e) => e.name === name);
    const entry = parameter ?? this.states.find((e) => e.name === name);
    if (!entry)
      throw new StateError(
        `parameter "${name}": the model has ${[...this.parameters, ...this.states].map((e) => e.name).join(', ') || 'none'}.`,
      );
    const { offset, bytes, shard } = entry;
    return { entry, place: (kind) => ({ buffer: parameter ? { kind, shard } : { kind: 'state' }, offset, bytes }) };
  }

  /** Sets a parameter or running statistic, row-major. */
  writeTensor(name: string, data: Float32Array<ArrayBuffer>): void {
    const { entry, place } = this.#entry(name);
    if (data.length !== sizeOf(entry.shape)) {
      throw new StateError(
        `parameter "${name}": ${data.length} values given, ${show(entry.shape)} takes ${sizeOf(entry.shape)}. Use weights of the same model.`,
      );
    }
    this.session.writePlace(place('parameters'), toMemory(data, entry.stored, entry.layout));
  }

  /** Sets one slot of the optimizer for one parameter, row-major. */
  writeSlot(slot: number, name: string, data: Float32Array<ArrayBuffer>): void {
    const { entry } = this.#entry(name);
    const { offset, bytes, shard, stored, layout } = entry;
    this.session.writePlace({ buffer: { kind: 'slot', slot, shard }, offset, bytes }, toMemory(data, stored, layout));
  }

  /** Where all parameters and running statistics lie, their gradients, or an optimizer's slot, by name. */
  tensorPlaces(what: TensorSet): Map<string, TensorPlace> {
    const entries = what === 'values' ? [...this.parameters, ...this.states] : this.parameters;
    return new Map(
      entries.map((entry) => {
        const { name, offset, bytes, shard } = entry;
        if (typeof what === 'object')
          return [name, { entry, place: { buffer: { kind: 'slot', slot: what.slot, shard }, offset, bytes } }];
        return [name, { entry, place: this.#entry(name).place(what === 'values' ? 'parameters' : 'gradients') }];
      }),
    );
  }

  /** The same, read back. */
  readTensors(what: TensorSet): Promise<Map<string, NamedTensor>> {
    return this.readPlaces(this.tensorPlaces(what));
  }

  /** Some of them, read back at once, row-major. */
  async readPlaces(tensors: ReadonlyMap<string, TensorPlace>): Promise<Map<string, NamedTensor>> {
    const places = [...tensors];
    const buffers = await this.session.readPlaces(places.map(([, { place }]) => place));
    return new Map(
      places.map(([name, { entry }], i) => {
        const { shape, stored, layout } = entry;
        const data = fromMemory(new Float32Array(buffers[i]!), stored, layout);
        // A place ends with a whole vec4.
        return [name, { shape, data: data.length > sizeOf(shape) ? data.slice(0, sizeOf(shape)) : data }];
      }),
    );
  }

  dispose(): void {
    for (const companion of this.companions) companion.dispose();
    this.session.dispose();
    for (const { samples, targets } of this.#resident.values()) {
      this.device.ledger.destroy(samples);
      this.device.ledger.destroy(targets);
    }
    this.#resident.clear();
  }
}
