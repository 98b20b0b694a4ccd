/** What the mountain's page and its part in the worker tell each other. Imports config; no code. */
import type { OPTIMIZERS } from '../../engine/config.ts';

export type RunnerId = (typeof OPTIMIZERS)[number];

/** What is to be computed. */
export interface Wish {
  /** The plane: where the paths lead (PCA), or two random directions, filter by filter as long as the weights. */
  readonly plane: 'principal' | 'random';
  /** The weights that all set off from: the network's as they are, or new ones. */
  readonly start: 'present' | 'new';
  readonly rates: { readonly [runner in RunnerId]: number };
  readonly steps: number;
  /** Images in a step's batch. */
  readonly batch: number;
  /** Points along a side: 13, 25 or 49. */
  readonly grid: number;
  /** Training images that the loss is measured on. */
  readonly images: number;
}

export type Rgb = readonly [number, number, number];

/** How it is shown. The camera looks at the middle: angles in radians, distance in half sides of the plane. */
export interface View {
  readonly yaw: number;
  readonly pitch: number;
  readonly distance: number;
  readonly logarithmic: boolean;
  /** Paths lie on the surface, or at the loss of their real weights. */
  readonly paths: 'surface' | 'real';
  readonly colors: { readonly card: Rgb; readonly ink: Rgb; readonly line: Rgb; readonly runners: readonly Rgb[] };
}

/** A text over the picture; x and y are shares of its width and height. */
export interface Label {
  readonly key: string;
  readonly text: string;
  readonly kind: 'tick' | 'axis' | 'start' | RunnerId;
  readonly x: number;
  readonly y: number;
  /** On which side of the point it stands; default: its middle is there. */
  readonly side?: 'left' | 'right';
}

/** A value on the scale, and how far up it is, 0..1. */
export interface Tick {
  readonly value: number;
  readonly height: number;
}

/** What came out for one optimizer. */
export interface RunnerResult {
  readonly id: RunnerId;
  /** Loss of its last weights, on the images that the surface is measured on; null until it is measured. */
  readonly loss: number | null;
  /** Loss of the surface where they are projected to. */
  readonly surfaceLoss: number | null;
  /** From the first weights to the last: Euclidean distance in parameter space. */
  readonly distance: number;
  /** Share of its squared distances that lies in the plane. */
  readonly share: number;
  /** The step after which its weights or losses were no numbers any more. */
  readonly divergedAt: number | null;
}

export interface Summary {
  readonly wish: Wish;
  readonly runners: readonly RunnerResult[];
  readonly network: string;
  readonly parameters: number;
  /** In place of a network that is too large. */
  readonly replaced: boolean;
  /** Loss measured with the statistics of each batch of images, since there is batch norm. */
  readonly batchStatistics: boolean;
  /** Points of the surface without a finite loss. */
  readonly holes: number;
}

export type MountainEvent =
  | { readonly kind: 'progress'; readonly stage: string; readonly done: number; readonly total: number }
  /** Losses of the batch before step `step`, in the order of OPTIMIZERS; null for one that has stopped. */
  | { readonly kind: 'race'; readonly step: number; readonly losses: readonly (number | null)[] }
  | { readonly kind: 'summary'; readonly summary: Summary }
  | { readonly kind: 'labels'; readonly labels: readonly Label[] }
  | { readonly kind: 'scale'; readonly low: number; readonly high: number; readonly ticks: readonly Tick[] }
  /** Where the first round of the surface is best seen from. */
  | { readonly kind: 'facing'; readonly yaw: number }
  | { readonly kind: 'end'; readonly message: string | null };
