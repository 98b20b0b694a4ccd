/** Optimizers and schedules as data: schedules against the golden ones, defaults, slots, errors of arguments. No GPU. */
import { describe, expect, it, test } from 'vitest';
import { adagrad } from '../../src/optim/adagrad.ts';
import { adam, adamw } from '../../src/optim/adam.ts';
import { checkRanges } from '../../src/optim/optimizer.ts';
import { rmsprop } from '../../src/optim/rmsprop.ts';
import { cosineAnnealingLR, lambdaLR, stepLR } from '../../src/optim/schedules.ts';
import { sgd } from '../../src/optim/sgd.ts';
import { ArgumentError } from '../../src/util/errors.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';

const goldens = loadFamily(GOLDENS, 'optim').filter(({ op }) => op.startsWith('lr_scheduler.'));
const named = (op: string) =>
  goldens
    .filter((g) => g.op === `lr_scheduler.${op}`)
    .map((golden) => [golden.name, golden.attrs, golden.lr ?? []] as const);

describe('stepLR', () => {
  it.each(named('step'))('%s', (_, attrs, rates) => {
    const schedule = stepLR({ stepSize: Number(attrs.step_size), gamma: Number(attrs.gamma ?? 0.1) });
    expect(rates.length).toBeGreaterThan(3);
    for (const [i, rate] of rates.entries()) expect(schedule.at(i, Number(attrs.base_lr))).toBeCloseTo(rate, 12);
  });

  test('defaults', () => {
    const schedule = stepLR({ stepSize: 3 });
    expect([schedule.name, schedule.per, schedule.config]).toEqual([
      'stepLR',
      'epoch',
      { stepSize: 3, gamma: 0.1, per: 'epoch' },
    ]);
    expect([0, 2, 3, 6].map((i) => schedule.at(i, 1))).toEqual([1, 1, 0.1, 0.1 ** 2]);
  });

  test.each([
    [{ stepSize: 0 }, 'stepLR: stepSize is 0. Pass a number from 1 to any size.'],
    [{ stepSize: 2, gamma: -1 }, 'stepLR: gamma is -1. Pass a number from 0 to any size.'],
    [{ stepSize: Number.NaN }, 'stepLR: stepSize is NaN. Pass a number from 1 to any size.'],
  ])('%j is refused', (options, message) => {
    expect(() => stepLR(options)).toThrow(new ArgumentError(message));
  });
});

describe('cosineAnnealingLR', () => {
  it.each(named('cosine'))('%s', (_, attrs, rates) => {
    const schedule = cosineAnnealingLR({ tMax: Number(attrs.T_max), etaMin: Number(attrs.eta_min ?? 0) });
    expect(rates.length).toBeGreaterThan(3);
    for (const [i, rate] of rates.entries()) expect(schedule.at(i, Number(attrs.base_lr))).toBeCloseTo(rate, 12);
  });

  test('from lr to etaMin in tMax, and back', () => {
    const schedule = cosineAnnealingLR({ tMax: 10, etaMin: 0.1, per: 'step' });
    expect([schedule.per, schedule.config]).toEqual(['step', { tMax: 10, etaMin: 0.1, per: 'step' }]);
    expect([0, 5, 10, 20].map((i) => Number(schedule.at(i, 0.9).toFixed(12)))).toEqual([0.9, 0.5, 0.1, 0.9]);
  });

  test.each([
    [{ tMax: 0 }, 'cosineAnnealingLR: tMax is 0. Pass a number from 1 to any size.'],
    [{ tMax: 5, etaMin: -0.1 }, 'cosineAnnealingLR: etaMin is -0.1. Pass a number from 0 to any size.'],
  ])('%j is refused', (options, message) => {
    expect(() => cosineAnnealingLR(options)).toThrow(new ArgumentError(message));
  });
});

test('lambdaLR is the function', () => {
  const schedule = lambdaLR((count, lr) => lr / (1 + count), { per: 'step' });
  expect([schedule.at(3, 8), schedule.per, schedule.config]).toEqual([2, 'step', { per: 'step' }]);
  expect(lambdaLR((_, lr) => lr).per).toBe('epoch');
});

describe('optimizers', () => {
  test("defaults are PyTorch's, and all of them are in the config", () => {
    expect([sgd().config, adam().config, adamw().config, rmsprop().config, adagrad().config]).toMatchObject([
      { lr: 0.01, momentum: 0, dampening: 0, weightDecay: 0, nesterov: false },
      { lr: 0.001, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0, amsgrad: false },
      { lr: 0.001, betas: [0.9, 0.999], eps: 1e-8, weightDecay: 0.01, amsgrad: false },
      { lr: 0.01, alpha: 0.99, eps: 1e-8, weightDecay: 0, momentum: 0, centered: false },
      { lr: 0.01, lrDecay: 0, weightDecay: 0, initialAccumulatorValue: 0, eps: 1e-10 },
    ]);
    expect([sgd().lr, adam().lr, adamw({ lr: 3 }).lr]).toEqual([0.01, 0.001, 3]);
    expect(adamw({ weightDecay: 0 }).config).toMatchObject({ weightDecay: 0 });
  });

  test("slots carry PyTorch's names", () => {
    const slots = [
      sgd(),
      sgd({ momentum: 0.9 }),
      adam(),
      adamw({ amsgrad: true }),
      rmsprop(),
      rmsprop({ centered: true, momentum: 0.1 }),
      adagrad(),
    ].map((optimizer) => optimizer.slots.join(' '));
    expect(slots).toEqual([
      '',
      'momentum_buffer',
      'exp_avg exp_avg_sq',
      'exp_avg exp_avg_sq max_exp_avg_sq',
      'square_avg',
      'square_avg grad_avg momentum_buffer',
      'sum',
    ]);
  });

  test('numbers of a step are worked out in double precision', () => {
    const [first, root, beta1, rest] = adamw({ lr: 0.1, weightDecay: 0.2 }).scalars!(1000, 0.9);
    expect(first).toBe(1 / (1 - 0.9 ** 1000));
    expect(root).toBe(1 / Math.sqrt(1 - 0.999 ** 1000));
    expect([beta1, rest]).toEqual([0.9, 1 - 0.9]);
    expect(adagrad({ lrDecay: 0.5 }).scalars!(3, 0)).toEqual([1 / 2]);
    expect(sgd({ momentum: 0.9, dampening: 0.25 }).scalars!(1, 0.9)).toEqual([1, 0.9]);
    expect(sgd({ momentum: 0.9, dampening: 0.25 }).scalars!(2, 0.9)).toEqual([0.75, 0.9]);
    for (const optimizer of [sgd(), adam(), rmsprop(), adagrad()])
      expect(optimizer.scalars?.(1, 1).length ?? 0).toBeLessThanOrEqual(6);
  });

  test.each<[() => unknown, string]>([
    [() => sgd({ lr: -1 }), 'sgd: lr is -1. Pass a number from 0 to any size.'],
    [() => sgd({ momentum: Number.NaN }), 'sgd: momentum is NaN. Pass a number from 0 to any size.'],
    [() => sgd({ weightDecay: -0.1 }), 'sgd: weightDecay is -0.1. Pass a number from 0 to any size.'],
    [() => sgd({ momentum: 0.9, dampening: 2 }), 'sgd: dampening is 2. Pass a number from 0 to 1.'],
    [() => sgd({ momentum: 0.9, nesterov: true, dampening: 0.1 }), 'sgd: dampening is 0.1. Pass a number from 0 to 0.'],
    [() => sgd({ nesterov: true }), 'sgd with nesterov: momentum is 0. Pass a number from 5e-324 to any size.'],
    [() => adam({ lr: Number.POSITIVE_INFINITY }), 'adam: lr is Infinity. Pass a number from 0 to any size.'],
    [() => adam({ betas: [1, 0.999] }), 'adam: betas[0] is 1. Pass a number from 0 to 0.9999999999999998.'],
    [() => adamw({ betas: [0.9, -0.1] }), 'adamw: betas[1] is -0.1. Pass a number from 0 to 0.9999999999999998.'],
    [() => adam({ eps: 0 }), 'adam: eps is 0. Pass a number from 1e-30 to any size.'],
    [() => rmsprop({ alpha: 1.5 }), 'rmsprop: alpha is 1.5. Pass a number from 0 to 1.'],
    [() => adagrad({ lrDecay: -1 }), 'adagrad: lrDecay is -1. Pass a number from 0 to any size.'],
    [
      () => adagrad({ initialAccumulatorValue: -1 }),
      'adagrad: initialAccumulatorValue is -1. Pass a number from 0 to any size.',
    ],
  ])('%s', (make, message) => {
    expect(make).toThrow(new ArgumentError(message));
  });

  test('text for a number is refused', () => {
    expect(() => Reflect.apply(sgd, null, [{ lr: '0.1' }])).toThrow(ArgumentError);
  });

  test('ranges include their ends', () => {
    expect(() => checkRanges('x', { a: [0, 0, 1], b: [1, 0, 1] })).not.toThrow();
  });
});
