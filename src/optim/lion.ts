/** Lion. Imports optimizer. */
import { checkRanges, momentRanges, type Optimizer } from './optimizer.ts';

export interface LionOptions {
  /** Learning rate; default 1e-4. Good ones are 3 to 10 times smaller than AdamW's. */
  readonly lr?: number;
  /** Share of the momentum in the update, and its smoothing; default [0.9, 0.99]. */
  readonly betas?: readonly [number, number];
  /** Decoupled; default 0. */
  readonly weightDecay?: number;
}

/** Lion: the sign of an interpolated momentum (Chen et al. 2023, algorithm 2). Throws ArgumentError for a value out of range. */
export function lion({ lr = 1e-4, betas = [0.9, 0.99], weightDecay = 0 }: LionOptions = {}): Optimizer {
  const [beta1, beta2] = betas;
  checkRanges('lion', momentRanges({ lr, betas, weightDecay }));
  return {
    name: 'lion',
    lr,
    weightDecay,
    momentum: beta1,
    slots: ['exp_avg'],
    hyperparameters: { beta2, beta2_rest: 1 - beta2 },
    scalars: (_step, momentum) => [momentum, 1 - momentum],
    rule: `
  w -= learning_rate * (sign(step.s0 * m0 + step.s1 * g) + weight_decay * w);
  m0 = params.beta2 * m0 + params.beta2_rest * g;`,
    config: { lr, betas, weightDecay },
  };
}
