/** Adamax. Imports optimizer. */
import { checkRanges, momentRanges, type Optimizer } from './optimizer.ts';

export interface AdamaxOptions {
  /** Learning rate; default 0.002. */
  readonly lr?: number;
  /** Smoothing of the gradient and decay of its largest size; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: number;
}

/** Adamax: Adam with the infinity norm (Kingma and Ba 2015). Source: torch.optim.Adamax. Throws ArgumentError for a value out of range. */
export function adamax(options: AdamaxOptions = {}): Optimizer {
  const { lr = 0.002, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
  const [beta1, beta2] = betas;
  checkRanges('adamax', { ...momentRanges({ lr, betas, weightDecay }), eps: [eps, 1e-30, Infinity] });
  return {
    name: 'adamax',
    lr,
    weightDecay,
    momentum: beta1,
    slots: ['exp_avg', 'exp_inf'],
    hyperparameters: { beta2, eps },
    scalars: (step, momentum) => [1 / (1 - momentum ** step), momentum, 1 - momentum],
    rule: `
  g += weight_decay * w;
  m0 = step.s1 * m0 + step.s2 * g;
  m1 = max(params.beta2 * m1, abs(g) + params.eps);
  w -= learning_rate * step.s0 * m0 / m1;`,
    config: { lr, betas, eps, weightDecay },
  };
}
