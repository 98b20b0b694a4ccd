/** RAdam. Imports optimizer. */
import { checkRanges, momentRanges, type Optimizer } from './optimizer.ts';

export interface RadamOptions {
  /** Learning rate; default 0.001. */
  readonly lr?: number;
  /** Smoothing of the gradient and of its square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: number;
}

/**
 * RAdam: Adam whose second moment counts only once its variance is known (Liu et al. 2020); momentum alone before.
 * Source: torch.optim.RAdam. Throws ArgumentError for a value out of range.
 */
export function radam(options: RadamOptions = {}): Optimizer {
  const { lr = 0.001, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0 } = options;
  const [beta1, beta2] = betas;
  checkRanges('radam', { ...momentRanges({ lr, betas, weightDecay }), eps: [eps, 1e-30, Infinity] });
  /** Factor of the adaptive update at a step; 0 while the approximated average is too short (at most 5). */
  const rectifier = (step: number): number => {
    const limit = 2 / (1 - beta2) - 1;
    const length = limit - (2 * step * beta2 ** step) / (1 - beta2 ** step);
    if (length <= 5) return 0;
    const r = ((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length);
    return Math.sqrt(r * (1 - beta2 ** step));
  };
  return {
    name: 'radam',
    lr,
    weightDecay,
    momentum: beta1,
    slots: ['exp_avg', 'exp_avg_sq'],
    hyperparameters: { beta2, beta2_rest: 1 - beta2, eps },
    scalars: (step, momentum) => [1 / (1 - momentum ** step), rectifier(step), momentum, 1 - momentum],
    rule: `
  g += weight_decay * w;
  m0 = step.s2 * m0 + step.s3 * g;
  m1 = params.beta2 * m1 + params.beta2_rest * g * g;
  let adaptive = select(vec4f(1.0), step.s1 / (sqrt(m1) + params.eps), step.s1 > 0.0);
  w -= learning_rate * step.s0 * m0 * adaptive;`,
    config: { lr, betas, eps, weightDecay },
  };
}
