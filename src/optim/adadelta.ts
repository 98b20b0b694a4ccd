/** Adadelta. Imports optimizer. */
import { checkRanges, type Optimizer } from './optimizer.ts';

export interface AdadeltaOptions {
  /** Factor of the update; default 1. */
  readonly lr?: number;
  /** Smoothing of both squares; default 0.9. */
  readonly rho?: number;
  /** Default 1e-6. */
  readonly eps?: number;
  /** L2 penalty; default 0. */
  readonly weightDecay?: number;
}

/** Adadelta (Zeiler 2012). Source: torch.optim.Adadelta. Throws ArgumentError for a value out of range. */
export function adadelta(options: AdadeltaOptions = {}): Optimizer {
  const { lr = 1, rho = 0.9, eps = 1e-6, weightDecay = 0 } = options;
  checkRanges('adadelta', {
    lr: [lr, 0, Infinity],
    rho: [rho, 0, 1],
    eps: [eps, 1e-30, Infinity],
    weightDecay: [weightDecay, 0, Infinity],
  });
  return {
    name: 'adadelta',
    lr,
    weightDecay,
    slots: ['square_avg', 'acc_delta'],
    hyperparameters: { rho, rho_rest: 1 - rho, eps },
    rule: `
  g += weight_decay * w;
  m0 = params.rho * m0 + params.rho_rest * g * g;
  let delta = sqrt(m1 + params.eps) / sqrt(m0 + params.eps) * g;
  m1 = params.rho * m1 + params.rho_rest * delta * delta;
  w -= learning_rate * delta;`,
    config: { lr, rho, eps, weightDecay },
  };
}
