/** `inspect`: what a model computes on the way to its output, and which parts of an image an output depends on. Imports train and all below. */
import type { Place } from '../compile/place.ts';
import type { Plan } from '../compile/plan.ts';
import { type Layout, stridesOf } from '../graph/layout.ts';
import type { Value } from '../graph/types.ts';
import type { Prepared, TensorData } from '../runtime/session.ts';
import { type GraphOutput, layerCalls } from '../train/describe.ts';
import type { Engine, NamedTensor, TensorPlace } from '../train/engine.ts';
import { type PredictInput, planBatch, samplesOf } from '../train/predict.ts';
import { ArgumentError, StateError } from '../util/errors.ts';
import { type Shape, sizeOf } from '../util/shape.ts';
import { camGraph, largestOverChannels, lastConvolution, normalizeMaps, oneHot, saliencyGraph } from './explain.ts';
import type {
  ClassOptions,
  GpuTensor,
  GradCam,
  GradCamOptions,
  InspectOptions,
  InspectTarget,
  Saliency,
} from './inspector-types.ts';

/** How results of one run are made: a graph for a batch, and what it takes besides the images. */
interface Task {
  readonly key: string;
  graph(batch: number): GraphOutput[];
  inputs?(first: number, batch: number): { readonly [name: string]: TensorData };
}

const gpuTensor = (
  buffer: GpuTensor['buffer'],
  { layout, shape, place }: { readonly layout: Layout; readonly shape: Shape; readonly place: Place },
): GpuTensor => {
  const { offset, bytes } = place;
  return { buffer, offset, bytes, layout, shape, strides: stridesOf(shape, layout) };
};

/** Those tensors whose full name or layer is asked for; all by default. */
function named<T>(all: ReadonlyMap<string, T>, names: readonly string[] | undefined, at: string): Map<string, T> {
  const matches = (name: string, wanted: string): boolean => name === wanted || name.startsWith(`${wanted}.`);
  const unknown = names?.find((wanted) => ![...all.keys()].some((name) => matches(name, wanted)));
  if (unknown !== undefined)
    throw new ArgumentError(
      `${at}: there is no parameter or layer "${unknown}". The model has ${[...all.keys()].join(', ') || 'none'}.`,
    );
  return new Map([...all].filter(([name]) => !names || names.some((wanted) => matches(name, wanted))));
}

/** Looks into a model in eval mode. Nothing of the trainer or session changes; steps are as fast as before. Made by `inspect`. */
export class Inspector {
  readonly engine: Engine;
  #batchSize: number;
  #weights: number | undefined;
  #plans = new Map<string, Promise<Prepared>>();
  #disposed = false;

  /** Use `inspect`. */
  constructor(engine: Engine, { batchSize, weights }: { readonly batchSize: number; readonly weights?: number }) {
    this.engine = engine;
    this.#batchSize = batchSize;
    this.#weights = weights;
  }

  /** Layers by name, with the shape of one sample of their output. A layer applied twice is there as `NAME` and `NAME@2`. */
  get layers(): ReadonlyMap<string, { readonly type: string; readonly shape: Shape }> {
    const calls = layerCalls(this.engine.model.calls);
    return new Map(
      [...calls].map(([name, { layer, output }]) => [name, { type: layer.type, shape: output.shape.slice(1) }]),
    );
  }

  #check(names: readonly string[], at: string): void {
    const { layers } = this;
    const unknown = names.find((name) => !layers.has(name));
    if (unknown !== undefined)
      throw new ArgumentError(`${at}: there is no layer "${unknown}". The model has ${[...layers.keys()].join(', ')}.`);
  }

  /** Plans are compiled at their first use and kept. */
  #prepare(key: string, graph: () => GraphOutput[], { ownSlabs = false } = {}): Promise<Prepared> {
    const { engine } = this;
    engine.session.check();
    if (this.#disposed) throw new StateError('this inspector was disposed. Make a new one.');
    const known = this.#plans.get(key);
    if (known) return known;
    const plan = (): Plan => engine.compileGraph(graph(), { weights: this.#weights });
    const made = (async () => engine.session.prepare(plan(), { ownSlabs }))();
    made.catch(() => this.#plans.delete(key));
    this.#plans.set(key, made);
    return made;
  }

  /** Runs a task on all samples, a batch at a time, and joins the results along the first axis. */
  async #run(task: Task, images: PredictInput, at: string): Promise<Map<string, NamedTensor>> {
    const { session, model } = this.engine;
    const { count, take } = samplesOf(this.engine, { data: images, at });
    const joined = new Map<string, { shape: Shape; data: Float32Array<ArrayBuffer> }>();
    for (let first = 0; first < count; ) {
      const size = Math.min(this.#batchSize, count - first);
      const batch = planBatch(size, this.#batchSize);
      const prepared = await this.#prepare(`${task.key} ${batch}`, () => task.graph(batch));
      const x = new Float32Array(batch * sizeOf(model.inputShape));
      x.set(take(first, size));
      session.write(prepared, 'x', x);
      for (const [name, data] of Object.entries(task.inputs?.(first, batch) ?? {})) session.write(prepared, name, data);
      session.run([prepared]);
      const { outputs } = prepared.plan;
      const results = await session.read(
        prepared,
        outputs.map(({ name }) => name),
      );
      for (const [i, { name, shape }] of outputs.entries()) {
        const each = sizeOf(shape.slice(1));
        const whole = [count, ...shape.slice(1)];
        const to = joined.get(name) ?? { shape: whole, data: new Float32Array(count * each) };
        to.data.set(results[i]!.subarray(0, size * each), first * each);
        joined.set(name, to);
      }
      first += size;
    }
    return joined;
  }

  #outputsOf(names: readonly string[], batch: number): GraphOutput[] {
    const calls = layerCalls(this.engine.model.trace({ batch, mode: 'eval' }).tracing.calls);
    return names.map((name) => ({ value: calls.get(name)!.output, sink: { kind: 'read', name } }));
  }

  /**
   * Outputs of layers for images, row-major [n, c, h, w] or [n, features]; default: of all layers. A convolution's is its
   * output before the activation that follows, although plans for speed never store that.
   *
   * @throws ArgumentError for a layer that the model does not have, or images that do not fit.
   */
  async activations(
    images: PredictInput,
    names: readonly string[] = [...this.layers.keys()],
  ): Promise<Map<string, NamedTensor>> {
    this.#check(names, 'activations');
    const task: Task = { key: `outputs ${names.join()}`, graph: (batch) => this.#outputsOf(names, batch) };
    return this.#run(task, images, 'activations');
  }

  /**
   * The same, left on the GPU. The buffers keep these values until the next call for as many images and the same names, or
   * `dispose`; training goes on beside it.
   */
  async onGpu(images: PredictInput, names: readonly string[]): Promise<Map<string, GpuTensor>> {
    this.#check(names, 'onGpu');
    const { session } = this.engine;
    const { count, take } = samplesOf(this.engine, { data: images, at: 'onGpu' });
    const key = `gpu ${names.join()} ${count}`;
    const prepared = await this.#prepare(key, () => this.#outputsOf(names, count), { ownSlabs: true });
    session.write(prepared, 'x', take(0, count));
    session.run([prepared]);
    const { outputs } = prepared.plan;
    return new Map(outputs.map((output) => [output.name, gpuTensor(prepared.bufferOf(output.place.buffer), output)]));
  }

  /** Filters and other parameters and running statistics: by full name (`conv1.weight`) or all of a layer (`conv1`); default: all. */
  async weights(names?: readonly string[]): Promise<Map<string, NamedTensor>> {
    return this.engine.readPlaces(named(this.#places(), names, 'weights'));
  }

  /** The same where they lie on the GPU: training changes them in place, so they are always the newest. */
  weightsOnGpu(names?: readonly string[]): Map<string, GpuTensor> {
    const { session } = this.engine;
    const places = named(this.#places(), names, 'weightsOnGpu');
    return new Map(
      [...places].map(([name, { entry, place }]): [string, GpuTensor] => [
        name,
        gpuTensor(session.arenaBuffer(place.buffer), { ...entry, shape: entry.stored, place }),
      ]),
    );
  }

  /** Where weights and running statistics lie; averaged weights in place of the others where they are inspected. */
  #places(): Map<string, TensorPlace> {
    const slot = this.#weights;
    const values = this.engine.tensorPlaces('values');
    return slot === undefined ? values : new Map([...values, ...this.engine.tensorPlaces({ slot })]);
  }

  /** The classes asked for, one for each image; those that the model gives where none are. */
  async #classes(images: PredictInput, { classes }: ClassOptions, at: string): Promise<number[]> {
    const { model } = this.engine;
    const { count } = samplesOf(this.engine, { data: images, at });
    const [width = 1] = model.outputShape;
    if (model.outputShape.length !== 1)
      throw new ArgumentError(
        `${at}: the model gives [${model.outputShape.join(',')}] for each image. It must give one score for each class.`,
      );
    if (classes === undefined) {
      const graph = (batch: number): GraphOutput[] => [
        { value: model.trace({ batch, mode: 'eval' }).output, sink: { kind: 'read', name: 'output' } },
      ];
      const { data } = (await this.#run({ key: 'scores', graph }, images, at)).get('output')!;
      return Array.from({ length: count }, (_, i) => {
        const row = data.subarray(i * width, (i + 1) * width);
        return row.reduce((best, score, k) => (score > row[best]! ? k : best), 0);
      });
    }
    const all = typeof classes === 'number' ? new Array<number>(count).fill(classes) : [...classes];
    if (all.length !== count)
      throw new ArgumentError(
        `${at}: ${all.length} classes for ${count} images. Pass one for each, or a single number.`,
      );
    const wrong = all.find((k) => !Number.isInteger(k) || k < 0 || k >= width);
    if (wrong !== undefined) throw new ArgumentError(`${at}: class ${wrong} is not one of 0..${width - 1}.`);
    return all;
  }

  /** Runs a graph made from the model's scores and a seed that picks a class for each image. */
  async #explain(
    images: PredictInput,
    {
      key,
      classes,
      build,
      at,
    }: { key: string; classes: readonly number[]; build: (batch: number) => { [name: string]: Value }; at: string },
  ): Promise<{ results: Map<string, NamedTensor>; scores: number[] }> {
    const [width = 1] = this.engine.model.outputShape;
    const task: Task = {
      key,
      graph: (batch) => Object.entries(build(batch)).map(([name, value]) => ({ value, sink: { kind: 'read', name } })),
      inputs: (first, batch) => ({ seed: oneHot(classes.slice(first, first + batch), batch, width) }),
    };
    const results = await this.#run(task, images, at);
    const { data } = results.get('scores')!;
    return { results, scores: classes.map((k, i) => data[i * width + k]!) };
  }

  /** Gradient of the score of a class with respect to the images: which pixels the score depends on. */
  async saliency(images: PredictInput, options: ClassOptions = {}): Promise<Saliency> {
    const classes = await this.#classes(images, options, 'saliency');
    const build = (batch: number) => saliencyGraph(this.engine.model, batch);
    const { results, scores } = await this.#explain(images, { key: 'saliency', classes, build, at: 'saliency' });
    const gradient = results.get('gradient')!;
    return { classes, scores, gradient, map: largestOverChannels(gradient) };
  }

  /** Grad-CAM (Selvaraju et al. 2017): where in the image a layer saw what speaks for a class. */
  async gradCam(images: PredictInput, options: GradCamOptions = {}): Promise<GradCam> {
    const { layer = lastConvolution(this.engine.model), size = 'input', normalize = false } = options;
    this.#check([layer], 'gradCam');
    const classes = await this.#classes(images, options, 'gradCam');
    const build = (batch: number) => camGraph(this.engine.model, { batch, layer, size });
    const key = `cam ${layer} ${size}`;
    const { results, scores } = await this.#explain(images, { key, classes, build, at: 'gradCam' });
    const map = results.get('map')!;
    return { classes, scores, layer, map: normalize ? normalizeMaps(map) : map };
  }

  /** Frees its plans. The trainer or session stays. */
  dispose(): void {
    this.#disposed = true;
    for (const made of this.#plans.values())
      made.then((prepared) => this.engine.session.release(prepared)).catch(() => {});
    this.#plans.clear();
  }
}

/**
 * Looks into the model of a trainer or a session.
 *
 *     const inspector = inspect(trainer);
 *     const maps = await inspector.activations(images, ['conv1', 'relu1']);
 *
 * @throws StateError where `useEma` is set and the trainer keeps no averaged weights.
 */
export function inspect(target: InspectTarget, { useEma = false }: InspectOptions = {}): Inspector {
  const { engine } = target;
  if (!('updater' in target)) {
    if (useEma) throw new StateError('inspect: useEma is for trainers. Pass it to createSession.');
    return new Inspector(engine, { batchSize: target.batchSize });
  }
  const weights = useEma ? target.updater.requireEma() : undefined;
  return new Inspector(engine, { batchSize: target.options.batchSize, weights });
}
