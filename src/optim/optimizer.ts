/** What an optimizer is: slots, hyper-parameters and an update rule in WGSL, run as one dispatch over all parameters. Imports graph, shader text, util. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import updateText from '../../shaders/optimizer/update.wgsl?raw';
import type { Attrs, ShaderSource } from '../graph/types.ts';
import { ArgumentError } from '../util/errors.ts';

/** The kernel of every optimizer; the rule fills its slots. */
export const updateShader: ShaderSource = {
  file: 'optimizer/update.wgsl',
  text: updateText,
  includes: { 'lib/linear-id.wgsl': linearIdText, 'lib/step.wgsl': stepText },
};

export interface Optimizer {
  /** As in PyTorch, lower case: `sgd`, `adamw`. */
  readonly name: string;
  /** Learning rate before any schedule. */
  readonly lr: number;
  /** Names of the state tensors it keeps for each parameter, as in PyTorch: `momentum_buffer`, `exp_avg`. */
  readonly slots: readonly string[];
  /** First value of each slot; default 0. */
  readonly initial?: readonly number[];
  /** Numbers that do not change: fields of Params in the rule. */
  readonly hyperparameters: { readonly [name: string]: number };
  /** Up to 6 numbers that do, worked out in double precision: `step.s0` to `step.s5` in the rule. Steps count from 1. */
  scalars?(step: number, lr: number): readonly number[];
  /** WGSL that changes w (and slots m0, m1, ...) given the gradient g, all vec4f. Must keep w = 0 where w = g = 0. */
  readonly rule: string;
  /** Its options as JSON, for checkpoints. */
  readonly config: Attrs;
}

/** Throws ArgumentError unless every value is a finite number in its range. */
export function checkRanges(
  at: string,
  ranges: { readonly [name: string]: readonly [value: number, low: number, high: number] },
): void {
  for (const [name, [value, low, high]] of Object.entries(ranges)) {
    if (!(Number.isFinite(value) && value >= low && value <= high)) {
      throw new ArgumentError(
        `${at}: ${name} is ${value}. Pass a number from ${low} to ${high === Infinity ? 'any size' : high}.`,
      );
    }
  }
}
