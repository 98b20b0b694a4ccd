/** What the worker tells the page. Types only. */
import type { Config } from './config.ts';
import type { Download } from './mnist.ts';

export interface LayerInfo {
  readonly name: string;
  /** 'conv2d', 'relu', ... */
  readonly type: string;
  /** Of one sample's output: [c, h, w] or [features]. */
  readonly shape: readonly number[];
}

/** A network that is ready to be trained. */
export interface ModelInfo {
  readonly config: Config;
  readonly layers: readonly LayerInfo[];
  readonly parameters: number;
  /** Grows with every new network, so that panels know when theirs is gone. */
  readonly generation: number;
}

export interface BatchPoint {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number | null;
}

export interface Progress {
  readonly step: number;
  /** From 1. */
  readonly epoch: number;
  /** Batches done of the epoch, and in an epoch. */
  readonly batch: number;
  readonly batches: number;
  readonly imagesPerSecond: number | null;
}

/** Test data, with the weights after `step`. `samples`: how many of the 10,000 it was measured on. */
export interface TestPoint {
  readonly step: number;
  readonly loss: number;
  readonly accuracy: number;
  readonly samples: number;
}

export type LabEvent =
  | { readonly type: 'download'; readonly progress: Download }
  /** The device was opened (again). */
  | { readonly type: 'device'; readonly adapter: string; readonly software: boolean }
  /** A new network, or another one loaded. History of the one before is void unless `continues`. */
  | { readonly type: 'model'; readonly model: ModelInfo; readonly continues: boolean; readonly progress: Progress }
  | { readonly type: 'running'; readonly running: boolean }
  /** Steps that were made since the last event. */
  | { readonly type: 'batches'; readonly points: readonly BatchPoint[]; readonly progress: Progress }
  | { readonly type: 'test'; readonly point: TestPoint }
  /** The GPU was lost; the lab opens another one and goes on from the last state. */
  | { readonly type: 'lost'; readonly message: string; readonly recovering: boolean }
  | { readonly type: 'error'; readonly message: string }
  /** What panels' services tell. */
  | { readonly type: 'panel'; readonly panel: string; readonly data: unknown };

/** What is kept between visits, and in a downloaded file's metadata. */
export interface Kept {
  readonly config: Config;
  readonly batches: readonly BatchPoint[];
  readonly tests: readonly TestPoint[];
}
