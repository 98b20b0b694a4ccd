/** Adam and AdamW. Imports optimizer. */
import { checkRanges, momentRanges, type Optimizer } from './optimizer.ts';

export interface AdamOptions {
  /** Learning rate; default 0.001. */
  readonly lr?: number;
  /** Smoothing of the gradient and of its square; default [0.9, 0.999]. */
  readonly betas?: readonly [number, number];
  /** Default 1e-8. */
  readonly eps?: number;
  /** Default 0 (Adam: an L2 penalty), 0.01 (AdamW: decoupled). */
  readonly weightDecay?: number;
  /** Use the largest second moment so far (Reddi et al. 2018); default false. */
  readonly amsgrad?: boolean;
}

function build(
  name: 'adam' | 'adamw',
  { lr = 0.001, betas = [0.9, 0.999], eps = 1e-8, weightDecay = 0, amsgrad = false }: AdamOptions,
): Optimizer {
  const [beta1, beta2] = betas;
  checkRanges(name, { ...momentRanges({ lr, betas, weightDecay }), eps: [eps, 1e-30, Infinity] });
  const lines = [
    name === 'adamw' ? 'w *= 1.0 - learning_rate * weight_decay;' : 'g += weight_decay * w;',
    'm0 = step.s2 * m0 + step.s3 * g;',
    'm1 = params.beta2 * m1 + params.beta2_rest * g * g;',
    amsgrad ? 'm2 = max(m2, m1);' : '',
    `w -= learning_rate * step.s0 * m0 / (sqrt(${amsgrad ? 'm2' : 'm1'}) * step.s1 + params.eps);`,
  ];
  return {
    name,
    lr,
    weightDecay,
    momentum: beta1,
    slots: ['exp_avg', 'exp_avg_sq', ...(amsgrad ? ['max_exp_avg_sq'] : [])],
    // 1 - beta2 is exact here; in float32 inside the shader it would be off by 2e-5 of itself.
    hyperparameters: { beta2, beta2_rest: 1 - beta2, eps },
    scalars: (step, momentum) => [1 / (1 - momentum ** step), 1 / Math.sqrt(1 - beta2 ** step), momentum, 1 - momentum],
    rule: lines.filter(Boolean).join('\n'),
    config: { lr, betas, eps, weightDecay, amsgrad },
  };
}

/** Adam (Kingma and Ba 2015). Source: torch.optim.Adam. Throws ArgumentError for a value out of range. */
export const adam = (options: AdamOptions = {}): Optimizer => build('adam', options);

/** AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019), 0.01 by default. Source: torch.optim.AdamW. */
export const adamw = (options: AdamOptions = {}): Optimizer => build('adamw', { weightDecay: 0.01, ...options });
