/** What an optimizer is: slots, hyper-parameters and an update rule in WGSL, run as one dispatch over all parameters. Imports graph, shader text, util. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import gradientText from '../../shaders/optimizer/gradient.wgsl?raw';
import layerNormsText from '../../shaders/optimizer/layer-norms.wgsl?raw';
import updateText from '../../shaders/optimizer/update.wgsl?raw';
import type { Attrs, ShaderSource } from '../graph/types.ts';
import { ArgumentError } from '../util/errors.ts';

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/step.wgsl': stepText,
  'lib/tree.wgsl': treeText,
  'optimizer/gradient.wgsl': gradientText,
};

/** The kernel of every optimizer; the rule fills its slots. */
export const updateShader: ShaderSource = { file: 'optimizer/update.wgsl', text: updateText, includes };

/** The kernel before it, for optimizers with a `direction`. */
export const layerNormsShader: ShaderSource = { file: 'optimizer/layer-norms.wgsl', text: layerNormsText, includes };

export interface Optimizer {
  /** As in PyTorch, lower case: `sgd`, `adamw`. */
  readonly name: string;
  /** Learning rate before any schedule. */
  readonly lr: number;
  /** Decay of the weights: `weight_decay` in the rule. Default 0. */
  readonly weightDecay?: number;
  /** What a schedule that cycles the momentum replaces: the momentum, or beta1. Absent where there is none. */
  readonly momentum?: number;
  /** Names of the state tensors it keeps for each parameter, as in PyTorch: `momentum_buffer`, `exp_avg`. */
  readonly slots: readonly string[];
  /** First value of each slot; default 0. */
  readonly initial?: readonly number[];
  /** Numbers that do not change: fields of Params in the rule. */
  readonly hyperparameters: { readonly [name: string]: number };
  /** Up to 6 numbers that do, worked out in double precision: `step.s0` to `step.s5` in the rule. Steps count from 1. */
  scalars?(step: number, momentum: number): readonly number[];
  /**
   * WGSL that changes w (and slots m0, m1, ...) given the gradient g, all vec4f, by `learning_rate` and `weight_decay`.
   * Must keep w = 0 where w = g = 0.
   */
  readonly rule: string;
  /**
   * For rates that depend on whole parameters (LAMB): WGSL that changes the slots and sets `u`, run before the rule,
   * which then is given `trust`, |w| / |u| of the parameter, and finds the slots changed and no gradient.
   */
  readonly direction?: string;
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

/** Ranges of what the optimizers with two moments share. */
export const momentRanges = ({
  lr,
  betas,
  weightDecay,
}: {
  readonly lr: number;
  readonly betas: readonly [number, number];
  readonly weightDecay: number;
}): { [name: string]: [value: number, low: number, high: number] } => ({
  lr: [lr, 0, Infinity],
  'betas[0]': [betas[0], 0, 1 - Number.EPSILON],
  'betas[1]': [betas[1], 0, 1 - Number.EPSILON],
  weightDecay: [weightDecay, 0, Infinity],
});
