/** RMSProp. Imports optimizer. */
import { checkRanges, type Optimizer } from './optimizer.ts';

export interface RmspropOptions {
  /** Learning rate; default 0.01. */
  readonly lr?: number;
  /** Smoothing of the squares; default 0.99. */
  readonly alpha?: number;
  /** Default 1e-8. */
  readonly eps?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: number;
  /** Default 0. */
  readonly momentum?: number;
  /** Divide by the estimated variance instead of the mean square; default false. */
  readonly centered?: boolean;
}

/** RMSProp (Hinton 2012, lecture 6e; centered: Graves 2013). Source: torch.optim.RMSprop. Throws ArgumentError for a value out of range. */
export function rmsprop(options: RmspropOptions = {}): Optimizer {
  const { lr = 0.01, alpha = 0.99, eps = 1e-8, weightDecay = 0, momentum = 0, centered = false } = options;
  checkRanges('rmsprop', {
    lr: [lr, 0, Infinity],
    alpha: [alpha, 0, 1],
    eps: [eps, 1e-30, Infinity],
    weightDecay: [weightDecay, 0, Infinity],
    momentum: [momentum, 0, Infinity],
  });
  const slots = ['square_avg', ...(centered ? ['grad_avg'] : []), ...(momentum > 0 ? ['momentum_buffer'] : [])];
  const buffer = `m${slots.length - 1}`;
  const lines = [
    'g += weight_decay * w;',
    'm0 = params.alpha * m0 + (1.0 - params.alpha) * g * g;',
    centered ? 'm1 = params.alpha * m1 + (1.0 - params.alpha) * g;' : '',
    // Rounding may take the variance below zero by an ulp.
    `let scaled = g / (sqrt(${centered ? 'max(m0 - m1 * m1, vec4f())' : 'm0'}) + params.eps);`,
    momentum > 0 ? `${buffer} = step.s0 * ${buffer} + scaled;` : '',
    `w -= learning_rate * ${momentum > 0 ? buffer : 'scaled'};`,
  ];
  return {
    name: 'rmsprop',
    lr,
    weightDecay,
    ...(momentum > 0 && { momentum }),
    slots,
    hyperparameters: { alpha, eps },
    scalars: (_step, current) => [current],
    rule: lines.filter(Boolean).join('\n'),
    config: { lr, alpha, eps, weightDecay, momentum, centered },
  };
}
