/** LAMB. Imports optimizer. */
import { checkRanges, momentRanges, type Optimizer } from './optimizer.ts';

export interface LambOptions {
  /** Learning rate; default 0.001. */
  readonly lr?: number;
  /** Smoothing of the gradient and of its square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-6. */
  readonly eps?: number;
  /** Part of the update whose norm is taken; default 0. */
  readonly weightDecay?: number;
}

/**
 * LAMB: Adam's update, scaled for each parameter to the norm of its weights (You et al. 2020, algorithm 2, with phi the
 * identity; a norm of 0 leaves the update as it is). Three dispatches instead of one, however many parameters there are.
 *
 * @throws ArgumentError for a value out of range.
 */
export function lamb(options: LambOptions = {}): Optimizer {
  const { lr = 0.001, betas = [0.9, 0.999], eps = 1e-6, weightDecay = 0 } = options;
  const [beta1, beta2] = betas;
  checkRanges('lamb', { ...momentRanges({ lr, betas, weightDecay }), eps: [eps, 1e-30, Infinity] });
  const update = 'step.s0 * m0 / (sqrt(m1) * step.s1 + params.eps) + weight_decay * w';
  return {
    name: 'lamb',
    lr,
    weightDecay,
    momentum: beta1,
    slots: ['exp_avg', 'exp_avg_sq'],
    hyperparameters: { beta2, beta2_rest: 1 - beta2, eps },
    scalars: (step, momentum) => [1 / (1 - momentum ** step), 1 / Math.sqrt(1 - beta2 ** step), momentum, 1 - momentum],
    direction: `
  m0 = step.s2 * m0 + step.s3 * g;
  m1 = params.beta2 * m1 + params.beta2_rest * g * g;
  u = ${update};`,
    rule: `w -= learning_rate * trust * (${update});`,
    config: { lr, betas, eps, weightDecay },
  };
}
