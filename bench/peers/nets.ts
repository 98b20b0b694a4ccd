/**
 * The nets that all peers run, as plain data: layers with shapes, first values of the parameters, images and labels, all fixed
 * by a seed. Every peer reads the same files, so that losses can be compared. Imports Node's modules only.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

type Image = readonly [channels: number, height: number, width: number];
type Shape = readonly number[];

/** A layer as a net is written. */
export type LayerSpec =
  | ({ readonly type: 'conv'; readonly out: number; readonly k: number } & {
      readonly pad?: number;
      readonly stride?: number;
      /** Each channel by itself; `out` is then the number of channels. */
      readonly depthwise?: boolean;
      readonly bias?: boolean;
    })
  | { readonly type: 'linear'; readonly out: number }
  | { readonly type: 'bn' | 'relu' | 'pool' | 'gap' | 'flatten' }
  /** body(x) + shortcut(x). */
  | { readonly type: 'residual'; readonly body: readonly LayerSpec[]; readonly shortcut: readonly LayerSpec[] };

/** A layer as the peers read it. Numbers in `params` index `Net.params`, `state` the running statistics. */
export interface Layer {
  readonly type: LayerSpec['type'];
  /** Shape of one sample before and after it. */
  readonly in: Shape;
  readonly out: Shape;
  readonly params: readonly number[];
  readonly k?: number;
  readonly pad?: number;
  readonly stride?: number;
  readonly groups?: number;
  readonly state?: number;
  /** Linear: the image that was flattened just before, as peers with another order of axes have to know. */
  readonly flattened?: Image;
  readonly body?: readonly Layer[];
  readonly shortcut?: readonly Layer[];
}

interface Param {
  readonly name: string;
  /** As PyTorch has it: [out, in / groups, kh, kw] or [out, in]. */
  readonly shape: Shape;
  /** First values: uniform in +-bound, or all `value`. */
  readonly bound?: number;
  readonly value?: number;
}

export interface Net {
  readonly name: string;
  readonly text: string;
  readonly input: Image;
  readonly classes: number;
  readonly batch: number;
  /** Batches of data; steps go through them again and again. */
  readonly batches: number;
  readonly lr: number;
  readonly momentum: number;
  readonly layers: readonly Layer[];
  readonly params: readonly Param[];
  /** Channels of each pair of running statistics. */
  readonly states: readonly number[];
}

/** Uniform numbers in [0, 1), the same for the same seed. Source: mulberry32, public domain. */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const CLASSES = 10;

const sizeOf = (shape: Shape): number => shape.reduce((a, b) => a * b, 1);

/** Follows shapes through layers and numbers the parameters. */
class Builder {
  readonly params: Param[] = [];
  readonly states: number[] = [];
  #layers = 0;

  #param(param: Param): number {
    return this.params.push(param) - 1;
  }

  #weights(shape: Shape, { bias, last = false }: { bias: boolean; last?: boolean }): number[] {
    const name = `layer${++this.#layers}`;
    // He et al. 2015, so that the loss falls at once in deep nets too; the first outputs are small.
    const bound = Math.sqrt((last ? 1 : 6) / sizeOf(shape.slice(1)));
    const weight = this.#param({ name: `${name}.weight`, shape, bound });
    return bias ? [weight, this.#param({ name: `${name}.bias`, shape: [shape[0]!], value: 0 })] : [weight];
  }

  chain(specs: readonly LayerSpec[], input: Shape): Layer[] {
    const layers: Layer[] = [];
    let shape = input;
    for (const spec of specs) {
      const layer = this.#layer(spec, shape, layers.at(-1));
      layers.push(layer);
      shape = layer.out;
    }
    return layers;
  }

  #layer(spec: LayerSpec, shape: Shape, previous: Layer | undefined): Layer {
    const [c = 0, h = 1, w = 1] = shape;
    const plain = { type: spec.type, in: shape, out: shape, params: [] };
    switch (spec.type) {
      case 'conv': {
        const { out, k, pad = 0, stride = 1, depthwise = false, bias = true } = spec;
        const groups = depthwise ? c : 1;
        const size = (n: number): number => Math.floor((n + 2 * pad - k) / stride) + 1;
        const params = this.#weights([out, c / groups, k, k], { bias });
        return { ...plain, out: [out, size(h), size(w)], params, k, pad, stride, groups };
      }
      case 'linear': {
        const params = this.#weights([spec.out, c], { bias: true, last: spec.out === CLASSES });
        const flattened = previous?.type === 'flatten' ? (previous.in as Image) : undefined;
        return { ...plain, out: [spec.out], params, flattened };
      }
      case 'bn': {
        const name = `layer${++this.#layers}`;
        const weight = this.#param({ name: `${name}.weight`, shape: [c], value: 1 });
        const bias = this.#param({ name: `${name}.bias`, shape: [c], value: 0 });
        return { ...plain, params: [weight, bias], state: this.states.push(c) - 1 };
      }
      case 'pool':
        return { ...plain, out: [c, Math.floor(h / 2), Math.floor(w / 2)] };
      case 'gap':
        return { ...plain, out: [c] };
      case 'flatten':
        return { ...plain, out: [c * h * w] };
      case 'residual': {
        const body = this.chain(spec.body, shape);
        return { ...plain, out: body.at(-1)!.out, body, shortcut: this.chain(spec.shortcut, shape) };
      }
      default:
        return plain;
    }
  }
}

const conv = (out: number, k: number, options: { pad?: number; stride?: number; bias?: boolean } = {}): LayerSpec => ({
  type: 'conv',
  out,
  k,
  ...options,
});
const linear = (out: number): LayerSpec => ({ type: 'linear', out });
const bn: LayerSpec = { type: 'bn' };
const relu: LayerSpec = { type: 'relu' };
const pool: LayerSpec = { type: 'pool' };
const gap: LayerSpec = { type: 'gap' };
const flatten: LayerSpec = { type: 'flatten' };

/** He et al. 2015, for 32 x 32 images; where the shape changes, the shortcut is a 1x1 convolution. */
function residualBlock(channels: number, stride: 1 | 2): LayerSpec[] {
  const first = conv(channels, 3, { pad: 1, stride, bias: false });
  const body = [first, bn, relu, conv(channels, 3, { pad: 1, bias: false }), bn];
  const shortcut = stride === 2 ? [conv(channels, 1, { stride, bias: false }), bn] : [];
  return [{ type: 'residual', body, shortcut }, relu];
}

/** Depthwise 3x3, then 1x1. Howard et al. 2017. */
const separable = (from: number, to: number, stride: 1 | 2): LayerSpec[] => [
  { type: 'conv', out: from, k: 3, pad: 1, stride, depthwise: true, bias: false },
  bn,
  relu,
  conv(to, 1, { bias: false }),
  bn,
  relu,
];

const same = (out: number): LayerSpec[] => [conv(out, 3, { pad: 1 }), relu];

interface NetSpec extends Pick<Net, 'text' | 'input' | 'batch' | 'lr'> {
  readonly layers: readonly LayerSpec[];
}

const SPECS: { readonly [name: string]: NetSpec } = {
  lenet: {
    text: 'conv 6@5x5 pad 2, pool, conv 16@5x5, pool, fc 120, 84, 10',
    input: [1, 28, 28],
    batch: 64,
    lr: 0.01,
    layers: [
      ...[conv(6, 5, { pad: 2 }), relu, pool, conv(16, 5), relu, pool],
      ...[flatten, linear(120), relu, linear(84), relu, linear(CLASSES)],
    ],
  },
  mnistcnn: {
    text: 'conv 32@3x3, conv 64@3x3, pool, fc 128, 10',
    input: [1, 28, 28],
    batch: 64,
    lr: 0.003,
    layers: [conv(32, 3), relu, conv(64, 3), relu, pool, flatten, linear(128), relu, linear(CLASSES)],
  },
  vgg: {
    text: 'conv 32, 32, pool, 64, 64, pool, 128, pool (3x3 pad 1), fc 128, 10',
    input: [3, 32, 32],
    batch: 32,
    lr: 0.005,
    layers: [
      ...[...same(32), ...same(32), pool, ...same(64), ...same(64), pool, ...same(128), pool],
      ...[flatten, linear(128), relu, linear(CLASSES)],
    ],
  },
  resnet20: {
    text: 'He et al. 2015 for 32 x 32 images, batch norm, 1x1 shortcuts',
    input: [3, 32, 32],
    batch: 32,
    lr: 0.03,
    layers: [
      ...[conv(16, 3, { pad: 1, bias: false }), bn, relu],
      ...[16, 16, 16, 32, 32, 32, 64, 64, 64].flatMap((c, i) => residualBlock(c, i === 3 || i === 6 ? 2 : 1)),
      ...[gap, linear(CLASSES)],
    ],
  },
  depthwise: {
    text: 'conv 32, then depthwise 3x3 + 1x1: 64, 128/2, 128, 256/2; batch norm, gap, fc 10',
    input: [3, 32, 32],
    batch: 64,
    lr: 0.1,
    layers: [
      ...[conv(32, 3, { pad: 1, bias: false }), bn, relu],
      ...[...separable(32, 64, 1), ...separable(64, 128, 2), ...separable(128, 128, 1), ...separable(128, 256, 2)],
      ...[gap, linear(CLASSES)],
    ],
  },
};

export const NETS = Object.keys(SPECS);

/** Data of all batches together is small beside a training step's memory. */
const IMAGES = 1024;

export function netOf(name: string): Net {
  const { layers: specs, ...rest } = SPECS[name]!;
  const builder = new Builder();
  const layers = builder.chain(specs, rest.input);
  const { params, states } = builder;
  return { name, ...rest, classes: CLASSES, batches: IMAGES / rest.batch, momentum: 0.9, layers, params, states };
}

/** First values of all parameters, one after another. */
export function weightsOf({ params }: Pick<Net, 'params'>, seed: number): Float32Array {
  const random = generator(seed);
  const values = params.flatMap(({ shape, bound, value = 0 }) =>
    Array.from({ length: sizeOf(shape) }, () => (bound === undefined ? value : (2 * random() - 1) * bound)),
  );
  return Float32Array.from(values);
}

/** Share of labels that are wrong, so that there is something to learn in every round. */
const NOISE = 0.1;

/**
 * Images made of a coarse pattern for each class, a tone for each class and channel, and noise: about zero mean and unit
 * variance; learnt within few steps.
 */
export function dataOf(net: Net, seed: number): { images: Float32Array; labels: Int32Array } {
  const random = generator(seed);
  const [c, h, w] = net.input;
  const CELL = 4;
  const [rows, columns] = [h / CELL, w / CELL];
  const either = (size: number) => (): number => (random() < 0.5 ? -size : size);
  const tones = Array.from({ length: net.classes * c }, either(0.4));
  const patterns = Array.from({ length: tones.length * rows * columns }, either(0.6));
  const randomClass = (): number => Math.floor(random() * net.classes);
  const classes = Int32Array.from({ length: net.batch * net.batches }, randomClass);
  const images = new Float32Array(classes.length * c * h * w);
  let at = 0;
  for (const shown of classes)
    for (let channel = shown * c; channel < (shown + 1) * c; channel++)
      for (let y = 0; y < h; y++)
        for (let x = 0; x < w; x++) {
          const cell = Math.floor(y / CELL) * columns + Math.floor(x / CELL);
          images[at++] = tones[channel]! + patterns[channel * rows * columns + cell]! + 2 * random() - 1;
        }
  return { images, labels: classes.map((shown) => (random() < NOISE ? randomClass() : shown)) };
}

/** Writes what a peer reads: net.json, weights.bin, images.bin (f32), labels.bin (i32), little-endian. */
export function writeNet(folder: string, net: Net): void {
  mkdirSync(folder, { recursive: true });
  const { images, labels } = dataOf(net, 2);
  writeFileSync(join(folder, 'net.json'), JSON.stringify(net));
  writeFileSync(join(folder, 'weights.bin'), weightsOf(net, 1));
  writeFileSync(join(folder, 'images.bin'), images);
  writeFileSync(join(folder, 'labels.bin'), labels);
}
