/** Panel "Mistakes" in the worker, loaded with the panel: reads the test images, and explains some of them. Imports gabor, lab, confusion. */
import * as gabor from '../../../../src/index.ts';
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import { countsOf, DIGITS, type Reading, readingOf } from './confusion.ts';

/** Images between two looks at whether the network is still there; training goes on in between. */
const SLICE = 500;
const PIXELS = 784;

export interface Survey extends Reading {
  /** Steps of the network when the first image was read, and when the last was. */
  readonly from: number;
  readonly to: number;
  readonly counts: Uint32Array<ArrayBuffer>;
  readonly report: gabor.ClassificationReport;
}

/** Some images, one after another. */
export interface Images {
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** Ten of each, as of the survey. */
  readonly probabilities: Float32Array<ArrayBuffer>;
}

/** Where in them the network, as it is now, sees what it reads. */
export interface Explained {
  readonly kind: 'gradCam' | 'saliency';
  /** 28 x 28 of each, 0 to 1. */
  readonly maps: Float32Array<ArrayBuffer>;
}

export type MistakesEvent =
  | { readonly type: 'read'; readonly done: number; readonly of: number }
  | { readonly type: 'epoch' };

interface Bench {
  readonly experiment: Experiment;
  readonly inspector: gabor.Inspector;
  readonly kind: Explained['kind'];
  /** Of the last survey. */
  probabilities: Float32Array<ArrayBuffer>;
}

export class Mistakes implements Service {
  #lab: Lab;
  #bench: Bench | null = null;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  attach(experiment: Experiment | null): void {
    this.#bench?.inspector.dispose();
    this.#bench = experiment && {
      experiment,
      inspector: gabor.inspect(experiment.trainer),
      kind: experiment.info.layers.some(({ type }) => type === 'conv2d') ? 'gradCam' : 'saliency',
      probabilities: new Float32Array(0),
    };
  }

  #tell(data: MistakesEvent): void {
    this.#lab.emit({ type: 'panel', panel: 'mistakes', data });
  }

  /** Reads the first test images. Null where the network is exchanged meanwhile. */
  async survey(samples: number): Promise<Survey | null> {
    const bench = this.#bench;
    if (!bench) return null;
    const { trainer } = bench.experiment;
    const { test } = this.#lab.mnist;
    const count = Math.min(samples, test.count);
    const probabilities = new Float32Array(DIGITS * count);
    const from = trainer.position.step;
    for (let first = 0; first < count; first += SLICE) {
      this.#tell({ type: 'read', done: first, of: count });
      const part = await trainer.predict(test.slice(first, Math.min(first + SLICE, count)));
      if (this.#bench !== bench) return null;
      probabilities.set(part, DIGITS * first);
    }
    bench.probabilities = probabilities;
    const reading = readingOf(Uint8Array.from(test.targets.subarray(0, count)), probabilities);
    const counts = countsOf(reading);
    const report = gabor.classificationReport({ classes: DIGITS, counts });
    return { ...reading, from, to: trainer.position.step, counts, report };
  }

  /** Test images, with what the survey made of them. */
  images(indices: readonly number[]): Images {
    const pixels = new Uint8Array(PIXELS * indices.length);
    const probabilities = new Float32Array(DIGITS * indices.length);
    const all = this.#bench?.probabilities;
    for (const [at, index] of indices.entries()) {
      pixels.set(this.#lab.testImage(index).pixels, PIXELS * at);
      if (all) probabilities.set(all.subarray(DIGITS * index, DIGITS * (index + 1)), DIGITS * at);
    }
    return { pixels, probabilities };
  }

  /** What speaks for a class in each of these images. Null where the network is exchanged meanwhile. */
  async explain(pixels: Uint8Array<ArrayBuffer>, classes: readonly number[]): Promise<Explained | null> {
    const bench = this.#bench;
    if (!bench) return null;
    const { kind, inspector } = bench;
    const { map } = await inspector[kind](this.#lab.dataOf(pixels), { classes });
    return this.#bench === bench ? { kind, maps: eachByItsLargest(map.data) } : null;
  }
}

/** Maps whose largest value is 1; those without any stay zero. */
function eachByItsLargest(maps: Float32Array): Float32Array<ArrayBuffer> {
  const scaled = new Float32Array(maps.length);
  for (let first = 0; first < maps.length; first += PIXELS) {
    const map = maps.subarray(first, first + PIXELS);
    const most = map.reduce((a, b) => Math.max(a, b), 0);
    if (most > 0)
      scaled.set(
        map.map((v) => v / most),
        first,
      );
  }
  return scaled;
}
