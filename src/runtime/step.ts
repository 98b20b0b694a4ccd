/** The words that change every step: `struct Step` of shaders/lib/step.wgsl. Imports compile. */
import { STEP_BYTES } from '../compile/lower.ts';

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
  readonly learningRate?: number;
  /** The optimizer's own numbers, 6 at most. */
  readonly scalars?: readonly number[];
}

const words = new Uint32Array(STEP_BYTES / 4);
const floats = new Float32Array(words.buffer);

/** The words, in a buffer that the next call overwrites: `queue.writeBuffer` copies at once. */
export function packStep({
  index = 0,
  slot = 0,
  seed = 0,
  shuffle = 0,
  first = 0,
  learningRate = 0,
  scalars = [],
}: StepWords): Uint32Array<ArrayBuffer> {
  words.set([index, slot, seed, shuffle, first]);
  floats[5] = learningRate;
  for (let i = 0; i < 6; i++) floats[6 + i] = scalars[i] ?? 0;
  return words;
}
