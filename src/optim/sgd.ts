/** Stochastic gradient descent. Imports optimizer. */
import { checkRanges, type Optimizer } from './optimizer.ts';

export interface SgdOptions {
  /** Learning rate; default 0.01. */
  readonly lr?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Default 0. Must be 0 with Nesterov. */
  readonly dampening?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: number;
  /** Default false; needs momentum. */
  readonly nesterov?: boolean;
}

/**
 * SGD, with momentum (Polyak 1964) and Nesterov's variant (Sutskever et al. 2013). Source: torch.optim.SGD.
 *
 * @throws ArgumentError for a value out of range.
 */
export function sgd(options: SgdOptions = {}): Optimizer {
  const { lr = 0.01, momentum = 0, dampening = 0, weightDecay = 0, nesterov = false } = options;
  checkRanges('sgd', {
    lr: [lr, 0, Infinity],
    momentum: [momentum, 0, Infinity],
    weightDecay: [weightDecay, 0, Infinity],
    dampening: [dampening, 0, nesterov ? 0 : 1],
  });
  if (nesterov) checkRanges('sgd with nesterov', { momentum: [momentum, Number.MIN_VALUE, Infinity] });
  const withMomentum = `
  g += weight_decay * w;
  m0 = step.s1 * m0 + step.s0 * g;
  w -= learning_rate * ${nesterov ? '(g + step.s1 * m0)' : 'm0'};`;
  return {
    name: 'sgd',
    lr,
    weightDecay,
    ...(momentum > 0 && { momentum }),
    slots: momentum > 0 ? ['momentum_buffer'] : [],
    hyperparameters: {},
    // The first gradient enters the buffer whole, as in PyTorch.
    scalars: (step, current) => [step === 1 ? 1 : 1 - dampening, current],
    rule: momentum > 0 ? withMomentum : 'w -= learning_rate * (g + weight_decay * w);',
    config: { lr, momentum, dampening, weightDecay, nesterov },
  };
}
