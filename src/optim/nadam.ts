/** NAdam. Imports optimizer. */
import { checkRanges, momentRanges, type Optimizer } from './optimizer.ts';

export interface NadamOptions {
  /** Learning rate; default 0.002. */
  readonly lr?: number;
  /** Smoothing of the gradient and of its square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: number;
  /** How fast the momentum rises to its full size; default 0.004. */
  readonly momentumDecay?: number;
}

/**
 * NAdam: Adam with Nesterov's momentum (Dozat 2016). Source: torch.optim.NAdam of PyTorch 1.10 to 1.13, which has the
 * momentum of the step twice in the look-ahead term's denominator; later versions differ by up to 1 % in the first steps.
 *
 * @throws ArgumentError for a value out of range.
 */
export function nadam(options: NadamOptions = {}): Optimizer {
  const { lr = 0.002, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, momentumDecay = 0.004 } = options;
  const [beta1, beta2] = betas;
  checkRanges('nadam', {
    ...momentRanges({ lr, betas, weightDecay }),
    eps: [eps, 1e-30, Infinity],
    momentumDecay: [momentumDecay, 0, Infinity],
  });
  const mu = (step: number): number => beta1 * (1 - 0.5 * 0.96 ** (step * momentumDecay));
  // mu(1) * ... * mu(step), always multiplied in this order; steps mostly come one after another.
  let known = { step: 0, product: 1 };
  const productTo = (step: number): number => {
    let { step: at, product } = known.step <= step ? known : { step: 0, product: 1 };
    while (at < step) product *= mu(++at);
    known = { step, product };
    return product;
  };
  return {
    name: 'nadam',
    lr,
    weightDecay,
    slots: ['exp_avg', 'exp_avg_sq'],
    hyperparameters: { beta1, beta1_rest: 1 - beta1, beta2, beta2_rest: 1 - beta2, eps },
    scalars(step) {
      const product = productTo(step);
      const [now, next] = [mu(step), mu(step + 1)];
      return [(1 - now) / (1 - product), next / (1 - product * now * next), 1 / Math.sqrt(1 - beta2 ** step)];
    },
    rule: `
  g += weight_decay * w;
  m0 = params.beta1 * m0 + params.beta1_rest * g;
  m1 = params.beta2 * m1 + params.beta2_rest * g * g;
  w -= learning_rate * (step.s0 * g + step.s1 * m0) / (sqrt(m1) * step.s2 + params.eps);`,
    config: { lr, betas, eps, weightDecay, momentumDecay },
  };
}
