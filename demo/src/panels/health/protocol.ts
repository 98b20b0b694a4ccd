/** What the panel's part in the worker tells the page. Types only. */

/** A layer with weights and all up to the next one, as the panel shows them in a row. */
export interface Stage {
  /** Of the layer with weights. */
  readonly name: string;
  /** Name of its weights among the parameters. */
  readonly weight: string;
  /** Of one sample's output of the layer with weights. */
  readonly shape: readonly number[];
  /** The layer whose output is looked at: the activation, or the last of the stage. */
  readonly watched: string;
  /** Its type: 'relu', 'sigmoid', ... */
  readonly type: string;
}

/** How outputs are spread, by bins of equal width on a scale that is linear near zero and logarithmic further out. */
export interface Spread {
  readonly low: number;
  readonly high: number;
  /** Of all outputs, from low to high; what is beyond is in the last bin of its side. */
  readonly shares: Float32Array<ArrayBuffer>;
}

export interface StageLook {
  readonly mean: number;
  readonly std: number;
  /** Share of outputs that are infinite or no number. */
  readonly nonFinite: number;
  readonly spread: Spread;
  /** Share of units that no image of the batch woke, and that none of the last looks did; null where none can die. */
  readonly dead: { readonly now: number; readonly lasting: number; readonly units: number } | null;
  /** Share of saturated outputs; null where none can saturate. */
  readonly saturated: number | null;
  readonly gradientNorm: number;
  readonly weightNorm: number;
  readonly updateRatio: number;
  /** Units whose weights differ from all others', of how many; null where it was not counted this time. */
  readonly distinct: { readonly count: number; readonly units: number } | null;
}

/** A step as the panel sees it; stages in the order of `Stages`. */
export interface Look {
  readonly generation: number;
  readonly step: number;
  readonly stages: readonly StageLook[];
}

export const LOSS_IDS = ['crossEntropy', 'squared'] as const;
export type LossId = (typeof LOSS_IDS)[number];

/** What the two losses are compared on. */
export interface Duel {
  readonly output: 'softmax' | 'sigmoid';
  /** 'saturated': the last layer's first weights are `SATURATION` times as large as usual. */
  readonly start: 'usual' | 'saturated';
  readonly lr: number;
  readonly steps: number;
}

export const SATURATION = 20;

/** Of some steps, by loss. */
export interface DuelPoint {
  readonly step: number;
  /** Mean over the batches since the last point. */
  readonly accuracy: { readonly [id in LossId]: number };
  /** Norm of the gradient with respect to the last layer's weights; null where the GPU's number was not there yet. */
  readonly gradientNorm: { readonly [id in LossId]: number | null };
}

export type HealthEvent =
  | { readonly type: 'look'; readonly look: Look }
  | { readonly type: 'duel'; readonly point: DuelPoint }
  | { readonly type: 'duelEnd'; readonly message: string | null };
