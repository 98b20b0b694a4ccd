/** The words that change every step: `struct Step` of shaders/lib/step.wgsl. Imports compile. */
import { GROUPS_PLACE, STEP_BYTES } from '../compile/lower.ts';

export interface StepWords {
  /** Number of the step, from 1. */
  readonly index?: number;
  /** Slot of the metrics ring. */
  readonly slot?: number;
  /** Key of the step's random numbers. */
  readonly seed?: number;
  /** Key of the epoch's shuffle. */
  readonly shuffle?: number;
  /** Position of the batch's first sample in the epoch. */
  readonly first?: number;
  /** What the update multiplies the gradients with; default 1. */
  readonly gradientScale?: number;
  /** The optimizer's own numbers, 6 at most. */
  readonly scalars?: readonly number[];
  /** Factors of the sum of gradients so far and of the new ones; default 0 and 1. */
  readonly sum?: { readonly old: number; readonly new: number };
  /** How samples are mixed with each other: words of shaders/mix-batch/share.wgsl. Default: 0. */
  readonly mix?: readonly [number, number];
  /** Ranges of the parameters with their rates; only an update needs them. */
  readonly groups?: readonly GroupWords[];
}

/** `struct Group` of shaders/optimizer/gradient.wgsl. */
export interface GroupWords {
  /** Where it ends, in vec4s from the start of the first shard. */
  readonly end4: number;
  readonly learningRate: number;
  readonly weightDecay: number;
  readonly l1: number;
}

const STEP_WORDS = STEP_BYTES / 4;
const GROUPS_FROM = GROUPS_PLACE.offset / 4;
const words = new Uint32Array(GROUPS_FROM + GROUPS_PLACE.bytes / 4);
const floats = new Float32Array(words.buffer);

/** The words, in a buffer that the next call overwrites: `queue.writeBuffer` copies at once. */
export function packStep({
  index = 0,
  slot = 0,
  seed = 0,
  shuffle = 0,
  first = 0,
  gradientScale = 1,
  scalars = [],
  sum = { old: 0, new: 1 },
  mix = [0, 0],
  groups = [],
}: StepWords): Uint32Array<ArrayBuffer> {
  words.set([index, slot, seed, shuffle, first]);
  floats[5] = gradientScale;
  for (let i = 0; i < 6; i++) floats[6 + i] = scalars[i] ?? 0;
  floats[12] = sum.old;
  floats[13] = sum.new;
  words.set(mix, 14);
  for (const [i, { end4, learningRate, weightDecay, l1 }] of groups.entries()) {
    words[GROUPS_FROM + 4 * i] = end4;
    floats.set([learningRate, weightDecay, l1], GROUPS_FROM + 4 * i + 1);
  }
  return words.subarray(0, groups.length > 0 ? GROUPS_FROM + 4 * groups.length : STEP_WORDS);
}
