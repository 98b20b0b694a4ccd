/** Adagrad. Imports optimizer. */
import { checkRanges, type Optimizer } from './optimizer.ts';

export interface AdagradOptions {
  /** Learning rate; default 0.01. */
  readonly lr?: number;
  /** The rate falls as lr / (1 + (step - 1) * lrDecay); default 0. */
  readonly lrDecay?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: number;
  /** First value of the sum of squares; default 0. */
  readonly initialAccumulatorValue?: number;
  /** Default 1e-10. */
  readonly eps?: number;
}

/** Adagrad (Duchi, Hazan and Singer 2011). Source: torch.optim.Adagrad. Throws ArgumentError for a value out of range. */
export function adagrad(options: AdagradOptions = {}): Optimizer {
  const { lr = 0.01, lrDecay = 0, weightDecay = 0, initialAccumulatorValue = 0, eps = 1e-10 } = options;
  checkRanges('adagrad', {
    lr: [lr, 0, Infinity],
    lrDecay: [lrDecay, 0, Infinity],
    weightDecay: [weightDecay, 0, Infinity],
    initialAccumulatorValue: [initialAccumulatorValue, 0, Infinity],
    eps: [eps, 1e-30, Infinity],
  });
  return {
    name: 'adagrad',
    lr,
    weightDecay,
    slots: ['sum'],
    initial: [initialAccumulatorValue],
    hyperparameters: { eps },
    scalars: (step) => [1 / (1 + (step - 1) * lrDecay)],
    rule: `
  g += weight_decay * w;
  m0 += g * g;
  w -= learning_rate * step.s0 * g / (sqrt(m0) + params.eps);`,
    config: { lr, lrDecay, weightDecay, initialAccumulatorValue, eps },
  };
}
