/** The whole computation: race, plane, surface round by round, losses along the paths. Imports race, meter, grid, vectors. */

import type * as gabor from '../../../../src/index.ts';
import { type Config, DEFAULT_CONFIG } from '../../engine/config.ts';
import type { Experiment } from '../../engine/lab.ts';
import { filled, newPoints, sampled, strides } from './grid.ts';
import { Meter } from './meter.ts';
import type { RunnerId, RunnerResult, Summary, Wish } from './protocol.ts';
import { race, type Track } from './race.ts';
import type { Extent, PathPoint } from './scene.ts';
import {
  filterNormalized,
  flatten,
  gaussians,
  type Plane,
  pointOf,
  principalPlane,
  projector,
  type Tensor,
} from './vectors.ts';

/** Networks with more weights are replaced by LeNet-5: their paths would not fit into memory. */
const MOST_PARAMETERS = 400_000;
/** Room around the paths, as a share of their extent. */
const MARGIN = 0.3;
const NAMES: { readonly [name in Config['network']]: string } = {
  mlp: 'MLP',
  lenet: 'LeNet-5',
  modern: 'Small modern CNN',
  custom: 'Network built layer by layer',
};

export interface Hooks {
  gate(): Promise<void>;
  onProgress(stage: string, done: number, total: number): void;
  onStep(step: number, losses: readonly (number | null)[]): void;
  /** There is more to be seen. */
  onChange(): void;
  onSummary(summary: Summary): void;
}

interface Line {
  readonly track: Track;
  readonly points: PathPoint[];
  readonly distance: number;
  readonly share: number;
}

/** From where to where a plane is shown: all paths, with room around, or one length of the weights to each side. */
export function extentOf(points: readonly { readonly a: number; readonly b: number }[], plane: Wish['plane']): Extent {
  const range = (values: readonly number[]): [number, number] => {
    const least = plane === 'random' ? [-1, 1] : [];
    const [low, high] = [Math.min(...values, ...least), Math.max(...values, ...least)];
    const room = plane === 'random' ? 0 : MARGIN * (high - low) || 1;
    return [low - room, high + room];
  };
  return { a: range(points.map(({ a }) => a)), b: range(points.map(({ b }) => b)) };
}

export class Survey {
  readonly wish: Wish;
  /** What is to be seen of it so far. */
  lines: readonly Line[] = [];
  extent: Extent | null = null;
  values: Float32Array<ArrayBuffer>;
  known: Uint8Array;
  /** Of the last whole round; null before the first. */
  stride: number | null = null;
  #config: Config;
  #replaced: boolean;
  #experiment: Experiment;
  #train: gabor.Dataset;
  #hooks: Hooks;
  #batchStatistics = false;
  #parameters = 0;

  constructor({
    experiment,
    train,
    wish,
    hooks,
  }: { experiment: Experiment; train: gabor.Dataset; wish: Wish; hooks: Hooks }) {
    const { config, parameters } = experiment.info;
    this.wish = wish;
    this.#replaced = parameters > MOST_PARAMETERS;
    this.#config = this.#replaced ? { ...config, network: DEFAULT_CONFIG.network } : config;
    this.#experiment = experiment;
    this.#train = train;
    this.#hooks = hooks;
    this.values = new Float32Array(wish.grid ** 2).fill(Number.NaN);
    this.known = new Uint8Array(wish.grid ** 2);
  }

  async run(): Promise<void> {
    const { device, trainer } = this.#experiment;
    const config = this.#config;
    this.#hooks.onProgress('Compiling', 0, 1);
    const meter = await Meter.make(device, config, this.#train.slice(0, this.wish.images));
    try {
      const present = this.wish.start === 'present' && !this.#replaced;
      const start = await (present ? trainer : meter.trainer).parameters();
      this.#batchStatistics = meter.batchStatistics;
      this.#parameters = meter.specs.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
      const tracks = await this.#race(start, meter.names);
      const plane = await this.#planeOf(start, meter.names, tracks);
      this.#project(tracks, plane);
      await this.#measure(meter, plane, tracks);
    } finally {
      meter.dispose();
    }
  }

  #race(start: ReadonlyMap<string, Tensor>, names: readonly string[]): Promise<Track[]> {
    const { gate, onStep, onProgress } = this.#hooks;
    return race({
      device: this.#experiment.device,
      config: this.#config,
      data: this.#train,
      wish: this.wish,
      start,
      names,
      gate,
      onStep: (step, losses) => {
        onProgress('Five optimizers train', step, this.wish.steps);
        onStep(step, losses);
      },
    });
  }

  async #planeOf(
    start: ReadonlyMap<string, Tensor>,
    names: readonly string[],
    tracks: readonly Track[],
  ): Promise<Plane> {
    const origin = flatten(start, names);
    const { gate } = this.#hooks;
    if (this.wish.plane === 'principal') {
      // At most a dozen points of each path: the rest lies between them.
      const thinned = tracks.map(({ weights }) => {
        const every = Math.max(1, Math.ceil((weights.length - 1) / 12));
        return weights.filter((_, i) => i > 0 && (weights.length - 1 - i) % every === 0);
      });
      const pause = async (): Promise<void> => {
        await new Promise((resolve) => setTimeout(resolve));
        await gate();
      };
      return principalPlane(origin, thinned, pause);
    }
    const gaussian = gaussians(this.#config.seed);
    const weights = new Map(names.map((name) => [name, start.get(name)!]));
    const direction = (): Plane['u'] => flatten(filterNormalized(weights, gaussian), names);
    return { origin, u: direction(), v: direction() };
  }

  #project(tracks: readonly Track[], plane: Plane): void {
    const project = projector(plane);
    const projected = tracks.map(({ weights }) => weights.map(project));
    this.extent = extentOf(projected.flat(), this.wish.plane);
    const { a, b } = this.extent;
    this.lines = tracks.map((track, i) => {
      const points = projected[i]!;
      const sum = (of: 'squared' | 'inside'): number => points.reduce((total, point) => total + point[of], 0);
      return {
        track,
        points: points.map((point) => ({
          x: (point.a - a[0]) / (a[1] - a[0]),
          y: (point.b - b[0]) / (b[1] - b[0]),
          loss: null,
        })),
        distance: Math.sqrt(points.at(-1)!.squared),
        share: sum('squared') > 0 ? Math.min(1, sum('inside') / sum('squared')) : 0,
      };
    });
    this.#hooks.onSummary(this.summary());
  }

  async #measure(meter: Meter, plane: Plane, tracks: readonly Track[]): Promise<void> {
    const { gate, onProgress, onChange, onSummary } = this.#hooks;
    const side = this.wish.grid;
    const snapshots = tracks.reduce((sum, { weights }) => sum + weights.length, 0);
    const total = side ** 2 + snapshots;
    let done = 0;
    const { a, b } = this.extent!;
    const place = (share: number, [low, high]: readonly [number, number]): number => low + share * (high - low);
    let before: number | null = null;
    for (const stride of strides(side)) {
      for (const index of newPoints(side, stride, before)) {
        await gate();
        const [x, y] = [(index % side) / (side - 1), Math.floor(index / side) / (side - 1)];
        this.values[index] = await meter.lossOf(pointOf(plane, place(x, a), place(y, b)));
        this.known[index] = 1;
        onProgress('Measuring the surface', ++done, total);
        if (before !== null) onChange();
      }
      this.stride = stride;
      onChange();
      if (before === null)
        for (const { track, points } of this.lines)
          for (const [i, weights] of track.weights.entries()) {
            await gate();
            points[i] = { ...points[i]!, loss: await meter.lossOf(weights) };
            onProgress('Measuring the paths', ++done, total);
          }
      onSummary(this.summary());
      before = stride;
    }
    onChange();
  }

  /** Losses of the surface as far as they are known; null before the first round. */
  surface(): Float32Array<ArrayBuffer> | null {
    return this.stride === null ? null : filled(this.values, this.known, this.stride);
  }

  summary(): Summary {
    const surface = this.surface();
    const resultOf = ({ track, points, distance, share }: Line): RunnerResult => {
      const end = points.at(-1)!;
      const id: RunnerId = track.id;
      return {
        id,
        loss: end.loss,
        surfaceLoss: surface && sampled(surface, end.x, end.y),
        distance,
        share,
        divergedAt: track.divergedAt,
      };
    };
    return {
      wish: this.wish,
      runners: this.lines.map(resultOf),
      network: NAMES[this.#config.network],
      parameters: this.#parameters,
      replaced: this.#replaced,
      batchStatistics: this.#batchStatistics,
      holes: this.values.reduce((count, value, i) => count + (this.known[i] && !Number.isFinite(value) ? 1 : 0), 0),
    };
  }
}
