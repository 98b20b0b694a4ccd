/**
 * Float64 learning-rate schedules with PyTorch's semantics, in closed form where there is one.
 * May import test/support/tensor.ts and attrs.ts.
 *
 * `schedules` is keyed by the names of the golden data and gives lr [steps] (and momentum [steps] where it is cycled) from
 * attributes base_lr, steps and the schedule's own: lr[k] is the rate used by optimizer step k, counted from 0.
 */
import { need, type Tensor, tensor } from '../tensor.ts';
import { type Attrs, flagAttr, numberAttr, numbersAttr, type ReferenceOp, textAttr } from './attrs.ts';

/** The learning rate of step t, counted from 0. */
export type Schedule = (t: number) => number;

const cosine = (from: number, to: number, fraction: number): number =>
  to + ((from - to) * (1 + Math.cos(Math.PI * fraction))) / 2;
const straight = (from: number, to: number, fraction: number): number => from + (to - from) * fraction;

function step(attrs: Attrs, base: number): Schedule {
  return (t) => base * numberAttr(attrs, 'gamma', 0.1) ** Math.floor(t / numberAttr(attrs, 'step_size'));
}

function multistep(attrs: Attrs, base: number): Schedule {
  const milestones = numbersAttr(attrs, 'milestones');
  return (t) => base * numberAttr(attrs, 'gamma', 0.1) ** milestones.filter((m) => m <= t).length;
}

function exponential(attrs: Attrs, base: number): Schedule {
  return (t) => base * numberAttr(attrs, 'gamma') ** t;
}

/** Goes on past T_max: the rate rises again. */
function cosineAnnealing(attrs: Attrs, base: number): Schedule {
  return (t) => cosine(base, numberAttr(attrs, 'eta_min', 0), t / numberAttr(attrs, 'T_max'));
}

/** Starts anew after T_0 steps, then after T_mult times as many, and so on. */
function cosineRestarts(attrs: Attrs, base: number): Schedule {
  return (t) => {
    let length = numberAttr(attrs, 'T_0');
    let since = t;
    while (since >= length) {
      since -= length;
      length *= numberAttr(attrs, 'T_mult', 1);
    }
    return cosine(base, numberAttr(attrs, 'eta_min', 0), since / length);
  };
}

function linearWarmup(attrs: Attrs, base: number): Schedule {
  const total = numberAttr(attrs, 'total_iters', 5);
  const [from, to] = [numberAttr(attrs, 'start_factor', 1 / 3), numberAttr(attrs, 'end_factor', 1)];
  return (t) => base * straight(from, to, Math.min(t, total) / total);
}

function polynomial(attrs: Attrs, base: number): Schedule {
  const total = numberAttr(attrs, 'total_iters', 5);
  return (t) => base * (1 - Math.min(t, total) / total) ** numberAttr(attrs, 'power', 1);
}

/** One leg of the one-cycle policy: the step it ends at, and the values it goes to. */
interface Leg {
  readonly end: number;
  readonly lr: number;
  readonly momentum: number;
}

/** Up, down, and (with three phases) on down below the start; momentum goes the other way. */
function oneCycleLegs(attrs: Attrs): { start: Leg; legs: Leg[] } {
  const top = numberAttr(attrs, 'max_lr');
  const start = top / numberAttr(attrs, 'div_factor', 25);
  const floor = start / numberAttr(attrs, 'final_div_factor', 1e4);
  const total = numberAttr(attrs, 'total_steps');
  const rise = numberAttr(attrs, 'pct_start', 0.3) * total;
  const [low, high] = [numberAttr(attrs, 'base_momentum', 0.85), numberAttr(attrs, 'max_momentum', 0.95)];
  const up = { end: rise - 1, lr: top, momentum: low };
  const last = { end: total - 1, lr: floor, momentum: high };
  const back = { end: 2 * rise - 2, lr: start, momentum: high };
  const legs = flagAttr(attrs, 'three_phase', false) ? [up, back, last] : [up, last];
  return { start: { end: 0, lr: start, momentum: high }, legs };
}

function oneCycle(attrs: Attrs): { lr: Schedule; momentum: Schedule } {
  const { start, legs } = oneCycleLegs(attrs);
  const anneal = textAttr(attrs, 'anneal_strategy', 'cos') === 'linear' ? straight : cosine;
  const at = (key: 'lr' | 'momentum') => (t: number) => {
    const found = legs.findIndex((leg) => t <= leg.end);
    const to = found < 0 ? legs.length - 1 : found;
    const from = legs[to - 1] ?? start;
    return anneal(from[key], legs[to]![key], (t - from.end) / (legs[to]!.end - from.end));
  };
  return { lr: at('lr'), momentum: at('momentum') };
}

/** Is `value` better than `best` by more than the threshold? */
function improves(attrs: Attrs, value: number, best: number): boolean {
  const threshold = numberAttr(attrs, 'threshold', 1e-4);
  const sign = textAttr(attrs, 'mode', 'min') === 'min' ? -1 : 1;
  if (!Number.isFinite(best)) return sign * value > sign * best;
  const relative = textAttr(attrs, 'threshold_mode', 'rel') === 'rel';
  return sign * value > sign * (relative ? best * (1 + sign * threshold) : best + sign * threshold);
}

/** The rate after each loss: cut by `factor` after more than `patience` losses without improvement. */
export function reduceOnPlateau(attrs: Attrs, losses: ArrayLike<number>): number[] {
  let rate = numberAttr(attrs, 'base_lr');
  let best = textAttr(attrs, 'mode', 'min') === 'min' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  let bad = 0;
  let cooldown = 0;
  return Array.from(losses, (loss) => {
    const better = improves(attrs, loss, best);
    if (better) best = loss;
    bad = better ? 0 : bad + 1;
    if (cooldown > 0) {
      cooldown--;
      bad = 0;
    }
    if (bad > numberAttr(attrs, 'patience', 10)) {
      const cut = Math.max(rate * numberAttr(attrs, 'factor', 0.1), numberAttr(attrs, 'min_lr', 0));
      if (rate - cut > numberAttr(attrs, 'eps', 1e-8)) rate = cut;
      cooldown = numberAttr(attrs, 'cooldown', 0);
      bad = 0;
    }
    return rate;
  });
}

function sampled(schedule: Schedule, attrs: Attrs): Tensor {
  const steps = numberAttr(attrs, 'steps');
  return tensor(
    [steps],
    Array.from({ length: steps }, (_, t) => schedule(t)),
  );
}

function closedForm(scheduleOf: (attrs: Attrs, base: number) => Schedule): ReferenceOp {
  return { forward: (_, attrs) => ({ lr: sampled(scheduleOf(attrs, numberAttr(attrs, 'base_lr')), attrs) }) };
}

export const schedules: Readonly<Record<string, ReferenceOp>> = {
  'lr_scheduler.step': closedForm(step),
  'lr_scheduler.multistep': closedForm(multistep),
  'lr_scheduler.exponential': closedForm(exponential),
  'lr_scheduler.cosine': closedForm(cosineAnnealing),
  'lr_scheduler.cosine_warm_restarts': closedForm(cosineRestarts),
  'lr_scheduler.linear_warmup': closedForm(linearWarmup),
  'lr_scheduler.polynomial': closedForm(polynomial),
  'lr_scheduler.one_cycle': {
    forward(_, attrs) {
      const { lr, momentum } = oneCycle(attrs);
      return { lr: sampled(lr, attrs), momentum: sampled(momentum, attrs) };
    },
  },
  'lr_scheduler.reduce_on_plateau': {
    forward(tensors, attrs) {
      const { shape, data } = need(tensors, 'losses');
      return { lr: tensor(shape, reduceOnPlateau(attrs, data)) };
    },
  },
};
