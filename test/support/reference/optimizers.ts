/**
 * Float64 optimizers and gradient clipping with PyTorch's semantics and defaults, one scalar parameter at a time.
 * May import test/support/tensor.ts and attrs.ts.
 *
 * `optimizers` is keyed by the names of the golden data: param0, grads0 [steps, ...], param1, ... give params0
 * [steps, ...]: the parameter after each step. `optimizerRule` is the update itself, for other tests.
 */
import { map, need, type Tensor, type Tensors, tensor } from '../tensor.ts';
import { type Attrs, flagAttr, numberAttr, pairAttr, type ReferenceOp } from './attrs.ts';

/** What an optimizer remembers of one scalar parameter; everything starts at 0 unless the rule says otherwise. */
export type ScalarState = Record<string, number>;

/** The new value of a parameter from its value, its gradient and the number of the step, counted from 1. */
export type UpdateRule = (p: number, g: number, step: number, state: ScalarState) => number;

/** PyTorch's L2 term: weight decay is added to the gradient. */
const decayed = (attrs: Attrs, p: number, g: number): number => g + numberAttr(attrs, 'weight_decay', 0) * p;

function sgd(attrs: Attrs): UpdateRule {
  const lr = numberAttr(attrs, 'lr');
  const momentum = numberAttr(attrs, 'momentum', 0);
  const dampening = numberAttr(attrs, 'dampening', 0);
  return (p, gradient, step, state) => {
    const g = decayed(attrs, p, gradient);
    if (momentum === 0) return p - lr * g;
    const buffer = step === 1 ? g : momentum * (state.buffer ?? 0) + (1 - dampening) * g;
    state.buffer = buffer;
    return p - lr * (flagAttr(attrs, 'nesterov', false) ? g + momentum * buffer : buffer);
  };
}

function adagrad(attrs: Attrs): UpdateRule {
  const lr = numberAttr(attrs, 'lr', 1e-2);
  return (p, gradient, step, state) => {
    const g = decayed(attrs, p, gradient);
    const sum = (state.sum ?? numberAttr(attrs, 'initial_accumulator_value', 0)) + g * g;
    state.sum = sum;
    const rate = lr / (1 + (step - 1) * numberAttr(attrs, 'lr_decay', 0));
    return p - (rate * g) / (Math.sqrt(sum) + numberAttr(attrs, 'eps', 1e-10));
  };
}

function rmsprop(attrs: Attrs): UpdateRule {
  const lr = numberAttr(attrs, 'lr', 1e-2);
  const alpha = numberAttr(attrs, 'alpha', 0.99);
  const momentum = numberAttr(attrs, 'momentum', 0);
  return (p, gradient, _step, state) => {
    const g = decayed(attrs, p, gradient);
    const square = alpha * (state.square ?? 0) + (1 - alpha) * g * g;
    const mean = flagAttr(attrs, 'centered', false) ? alpha * (state.mean ?? 0) + (1 - alpha) * g : 0;
    const scaled = g / (Math.sqrt(square - mean * mean) + numberAttr(attrs, 'eps', 1e-8));
    const buffer = momentum * (state.buffer ?? 0) + scaled;
    Object.assign(state, { square, mean, buffer });
    return p - lr * buffer;
  };
}

/** First and second moment with Adam's defaults, stored in the state. */
function moments(attrs: Attrs, g: number, state: ScalarState): { m: number; v: number; beta1: number; beta2: number } {
  const [beta1, beta2] = pairAttr(attrs, 'betas', [0.9, 0.999]);
  const m = beta1 * (state.m ?? 0) + (1 - beta1) * g;
  const v = beta2 * (state.v ?? 0) + (1 - beta2) * g * g;
  Object.assign(state, { m, v });
  return { m, v, beta1, beta2 };
}

function adamStep(attrs: Attrs, g: number, step: number, state: ScalarState): number {
  const { m, v, beta1, beta2 } = moments(attrs, g, state);
  const top = flagAttr(attrs, 'amsgrad', false) ? Math.max(state.top ?? 0, v) : v;
  state.top = top;
  const denominator = Math.sqrt(top / (1 - beta2 ** step)) + numberAttr(attrs, 'eps', 1e-8);
  return (numberAttr(attrs, 'lr', 1e-3) * m) / (1 - beta1 ** step) / denominator;
}

function adam(attrs: Attrs): UpdateRule {
  return (p, g, step, state) => p - adamStep(attrs, decayed(attrs, p, g), step, state);
}

/** Decoupled weight decay: the parameter shrinks first, the gradient does not see it. */
function adamw(attrs: Attrs): UpdateRule {
  const shrink = 1 - numberAttr(attrs, 'lr', 1e-3) * numberAttr(attrs, 'weight_decay', 1e-2);
  return (p, g, step, state) => p * shrink - adamStep(attrs, g, step, state);
}

function adadelta(attrs: Attrs): UpdateRule {
  const rho = numberAttr(attrs, 'rho', 0.9);
  const eps = numberAttr(attrs, 'eps', 1e-6);
  return (p, gradient, _step, state) => {
    const g = decayed(attrs, p, gradient);
    const square = rho * (state.square ?? 0) + (1 - rho) * g * g;
    const delta = (Math.sqrt((state.delta ?? 0) + eps) / Math.sqrt(square + eps)) * g;
    Object.assign(state, { square, delta: rho * (state.delta ?? 0) + (1 - rho) * delta * delta });
    return p - numberAttr(attrs, 'lr', 1) * delta;
  };
}

function adamax(attrs: Attrs): UpdateRule {
  const lr = numberAttr(attrs, 'lr', 2e-3);
  return (p, gradient, step, state) => {
    const g = decayed(attrs, p, gradient);
    const { m, beta1, beta2 } = moments(attrs, g, state);
    const norm = Math.max(beta2 * (state.norm ?? 0), Math.abs(g) + numberAttr(attrs, 'eps', 1e-8));
    state.norm = norm;
    return p - ((lr / (1 - beta1 ** step)) * m) / norm;
  };
}

/**
 * As in PyTorch 1.10 to 1.13, which made the golden data: the denominator of the momentum term has the current mu twice.
 * Later versions have it once, as in the paper; then the first steps differ by up to about 1 %.
 */
function nadam(attrs: Attrs): UpdateRule {
  const lr = numberAttr(attrs, 'lr', 2e-3);
  const psi = numberAttr(attrs, 'momentum_decay', 4e-3);
  return (p, gradient, step, state) => {
    const g = decayed(attrs, p, gradient);
    const { m, v, beta1, beta2 } = moments(attrs, g, state);
    const mu = (t: number): number => beta1 * (1 - 0.5 * 0.96 ** (t * psi));
    const product = (state.product ?? 1) * mu(step);
    state.product = product;
    const denominator = Math.sqrt(v / (1 - beta2 ** step)) + numberAttr(attrs, 'eps', 1e-8);
    const now = ((1 - mu(step)) / (1 - product)) * g;
    const next = (mu(step + 1) / (1 - product * mu(step) * mu(step + 1))) * m;
    return p - (lr * (now + next)) / denominator;
  };
}

/** Unrectified (plain momentum) while the length of the approximated average, rho, is at most 5. */
function radam(attrs: Attrs): UpdateRule {
  const lr = numberAttr(attrs, 'lr', 1e-3);
  return (p, gradient, step, state) => {
    const { m, v, beta1, beta2 } = moments(attrs, decayed(attrs, p, gradient), state);
    const corrected = m / (1 - beta1 ** step);
    const limit = 2 / (1 - beta2) - 1;
    const rho = limit - (2 * step * beta2 ** step) / (1 - beta2 ** step);
    if (rho <= 5) return p - lr * corrected;
    const rectified = Math.sqrt(((rho - 4) * (rho - 2) * limit) / ((limit - 4) * (limit - 2) * rho));
    const adaptive = Math.sqrt(1 - beta2 ** step) / (Math.sqrt(v) + numberAttr(attrs, 'eps', 1e-8));
    return p - lr * corrected * adaptive * rectified;
  };
}

const rules = { sgd, adagrad, rmsprop, adam, adamw, adadelta, adamax, nadam, radam };

export type OptimizerName = keyof typeof rules;

/** The update rule of an optimizer; options by their names in PyTorch. */
export function optimizerRule(name: OptimizerName, options: Attrs): UpdateRule {
  return rules[name](options);
}

/** The parameter after each of the steps whose gradients are given: [steps, ...]. */
export function trace(rule: UpdateRule, param: Tensor, grads: Tensor): Tensor {
  const steps = grads.shape[0]!;
  const size = param.data.length;
  const result = tensor([steps, ...param.shape]);
  param.data.forEach((start, i) => {
    const state: ScalarState = {};
    let p = start;
    for (let k = 0; k < steps; k++) {
      p = rule(p, grads.data[k * size + i]!, k + 1, state);
      result.data[k * size + i] = p;
    }
  });
  return result;
}

function optimizer(ruleOf: (attrs: Attrs) => UpdateRule): ReferenceOp {
  return {
    forward(tensors, attrs) {
      const numbers = numbered(tensors, 'param');
      const rule = ruleOf(attrs);
      return Object.fromEntries(
        numbers.map((i) => [`params${i}`, trace(rule, need(tensors, `param${i}`), need(tensors, `grads${i}`))]),
      );
    },
  };
}

/** 0, 1, ... as long as the tensor prefix0, prefix1, ... is there. */
function numbered(tensors: Tensors, prefix: string): number[] {
  return Object.keys(tensors)
    .map((_, i) => i)
    .filter((i) => tensors[`${prefix}${i}`]);
}

function clipped(tensors: Tensors, change: (g: number) => number): Record<string, Tensor> {
  return Object.fromEntries(
    numbered(tensors, 'grad').map((i) => [`clipped${i}`, map(need(tensors, `grad${i}`), change)]),
  );
}

/** One norm over all gradients together; total_norm is the norm before clipping. */
const clipGradNorm: ReferenceOp = {
  forward(tensors, attrs) {
    const sizes = Object.values(tensors).flatMap(({ data }) => Array.from(data, Math.abs));
    const order = attrs.norm_type === 'inf' ? Number.POSITIVE_INFINITY : numberAttr(attrs, 'norm_type', 2);
    const power = (): number => sizes.reduce((sum, v) => sum + v ** order, 0) ** (1 / order);
    const total = order === Number.POSITIVE_INFINITY ? sizes.reduce((top, v) => Math.max(top, v), 0) : power();
    const scale = Math.min(1, numberAttr(attrs, 'max_norm') / (total + 1e-6));
    return { ...clipped(tensors, (g) => g * scale), total_norm: tensor([], [total]) };
  },
};

const clipGradValue: ReferenceOp = {
  forward(tensors, attrs) {
    const limit = numberAttr(attrs, 'clip_value');
    return clipped(tensors, (g) => Math.min(Math.max(g, -limit), limit));
  },
};

export const optimizers: Readonly<Record<string, ReferenceOp>> = {
  ...Object.fromEntries(Object.entries(rules).map(([name, ruleOf]) => [`optimizer.${name}`, optimizer(ruleOf)])),
  clip_grad_norm: clipGradNorm,
  clip_grad_value: clipGradValue,
};
