/** Panel "Convolution" in the worker: runs one window operation on one image, and reads the network's first filters. Imports gabor, lab, config. */
import * as gabor from '../../../../src/index.ts';
import { layersOf } from '../../engine/config.ts';
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import type { Activation, Operation, Sides } from './settings.ts';

/** What a compiled program depends on. */
export interface Shapes {
  readonly operation: Operation;
  /** Rows and columns of the image. */
  readonly size: readonly [number, number];
  readonly kernel: number;
  readonly stride: number;
  readonly padding: Sides;
  readonly roundUp: boolean;
  readonly countPadding: boolean;
  readonly activation: Activation;
}

export interface Numbers {
  readonly image: Float32Array<ArrayBuffer>;
  readonly kernel: Float32Array<ArrayBuffer>;
  readonly bias: number;
}

/** The network's first convolution, as it is now. */
export interface NetworkFilters {
  /** Of the network: grows with every new one. */
  readonly generation: number;
  readonly layer: string;
  readonly count: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: number;
  /** As the configuration calls it; null where the convolution is not followed by one. */
  readonly activation: string | null;
  /** One filter after another. */
  readonly weights: Float32Array<ArrayBuffer>;
  readonly biases: Float32Array<ArrayBuffer>;
  /** Of the images that it takes. */
  readonly mean: number;
  readonly std: number;
}

/** Programs that are kept for going back to them. */
const MOST_PROGRAMS = 6;

interface Bench {
  readonly experiment: Experiment;
  readonly inspector: gabor.Inspector;
  /** By their shapes, the last used at the end. */
  readonly programs: Map<string, gabor.Program>;
}

/** A network to come: what is asked for before it is there waits for it. */
function awaited(): { readonly bench: Promise<Bench>; readonly come: (bench: Bench) => void } {
  let come: (bench: Bench) => void = () => {};
  const bench = new Promise<Bench>((resolve) => {
    come = resolve;
  });
  return { bench, come };
}

export class ConvolutionService implements Service {
  #lab: Pick<Lab, 'mnist'>;
  #bench: Bench | null = null;
  #next = awaited();
  /** One run after another: none may throw away what another one uses. */
  #queue: Promise<unknown> = Promise.resolve();

  constructor(lab: Pick<Lab, 'mnist'>) {
    this.#lab = lab;
  }

  attach(experiment: Experiment | null): void {
    this.#leave();
    if (!experiment) return;
    this.#bench = { experiment, inspector: gabor.inspect(experiment.trainer), programs: new Map() };
    this.#next.come(this.#bench);
  }

  #leave(): void {
    const old = this.#bench;
    if (!old) return;
    this.#bench = null;
    this.#next = awaited();
    old.inspector.dispose();
    for (const program of old.programs.values()) program.dispose();
    old.programs.clear();
  }

  /** The output, row by row. */
  run(shapes: Shapes, numbers: Numbers): Promise<Float32Array<ArrayBuffer>> {
    const turn = this.#queue.then(() => this.#run(shapes, numbers));
    this.#queue = turn.catch(() => {});
    return turn;
  }

  async #run(shapes: Shapes, { image, kernel, bias }: Numbers): Promise<Float32Array<ArrayBuffer>> {
    const bench = await this.#next.bench;
    const filter = { weight: kernel, bias: Float32Array.of(bias) };
    try {
      const program = await this.#programOf(bench, shapes);
      const { y } = await program.run({ x: image, ...(shapes.operation === 'conv' && filter) });
      return y as Float32Array<ArrayBuffer>;
    } catch (error) {
      if (this.#bench === bench && !bench.experiment.device.failure) throw error;
      // The device was lost, or the network exchanged, under way: once more on the next one.
      if (this.#bench === bench) this.#leave();
      return this.#run(shapes, { image, kernel, bias });
    }
  }

  /** A program for these shapes, compiled where there is none yet. */
  async #programOf({ experiment, programs }: Bench, shapes: Shapes): Promise<gabor.Program> {
    const key = JSON.stringify(shapes);
    const program = programs.get(key) ?? (await compiled(experiment.device, shapes));
    if (this.#bench?.programs !== programs) {
      program.dispose();
      throw new Error('The network was exchanged.');
    }
    programs.delete(key);
    programs.set(key, program);
    if (programs.size > MOST_PROGRAMS) {
      const [oldest, unused] = programs.entries().next().value!;
      unused.dispose();
      programs.delete(oldest);
    }
    return program;
  }

  /** Null where the network has no convolution. */
  async filters(): Promise<NetworkFilters | null> {
    const { experiment, inspector } = await this.#next.bench;
    const { layers, config, generation } = experiment.info;
    const layer = layers.find(({ type }) => type === 'conv2d');
    const choices = layersOf(config);
    const at = choices.findIndex(({ type }) => type === 'conv');
    const choice = choices[at];
    if (!layer || choice?.type !== 'conv') return null;
    const tensors = await inspector.weights([layer.name]);
    const { mean, std } = this.#lab.mnist.train;
    return {
      generation,
      layer: layer.name,
      count: choice.out,
      kernel: choice.kernel,
      stride: choice.stride,
      padding: choice.padding,
      activation: choices[at + 1]?.type === 'activation' ? config.activation : null,
      weights: tensors.get(`${layer.name}.weight`)!.data,
      biases: tensors.get(`${layer.name}.bias`)?.data ?? new Float32Array(choice.out),
      mean: mean[0]!,
      std: std[0]!,
    };
  }
}

const ACTIVATE: { readonly [name in Activation]: (x: gabor.Value) => gabor.Value } = {
  none: (x) => x,
  relu: gabor.ops.relu,
  sigmoid: gabor.ops.sigmoid,
  tanh: gabor.ops.tanh,
};

function compiled(device: gabor.Device, shapes: Shapes): Promise<gabor.Program> {
  const { operation, size, kernel, stride, padding, roundUp: ceilMode, countPadding: countIncludePad } = shapes;
  const x = gabor.f32(1, 1, ...size);
  if (operation === 'conv') {
    const inputs = { x, weight: gabor.f32(1, 1, kernel, kernel), bias: gabor.f32(1) };
    return gabor.compile(device, inputs, ({ x, weight, bias }) => ({
      y: ACTIVATE[shapes.activation](gabor.ops.conv2d(x, weight, bias, { stride, padding })),
    }));
  }
  const options = { kernel, stride, padding, ceilMode };
  return gabor.compile(device, { x }, ({ x }) => ({
    y:
      operation === 'max' ? gabor.ops.maxPool2d(x, options).y : gabor.ops.avgPool2d(x, { ...options, countIncludePad }),
  }));
}
