/** Schedules against the float64 reference, their combinations, and the plateau's state. Needs no device. */
import { describe, expect, test } from 'vitest';
import type { Json } from '../../src/graph/types.ts';
import { chain, sequentialLR, warmup } from '../../src/optim/combine.ts';
import { oneCycleLR } from '../../src/optim/one-cycle.ts';
import { type PlateauOptions, reduceLROnPlateau } from '../../src/optim/plateau.ts';
import {
  cosineAnnealingLR,
  cosineAnnealingWarmRestarts,
  exponentialLR,
  lambdaLR,
  linearLR,
  multiStepLR,
  polynomialLR,
  type Schedule,
  stepLR,
} from '../../src/optim/schedules.ts';
import { ArgumentError, FormatError } from '../../src/util/errors.ts';
import { Random } from '../support/random.ts';
import type { Attrs } from '../support/reference/attrs.ts';
import { reduceOnPlateau, schedules } from '../support/reference/schedules.ts';

const BASE = 0.3;
const STEPS = 60;

const rates = (schedule: Schedule, steps = STEPS): number[] =>
  Array.from({ length: steps }, (_, count) => schedule.at(count, BASE));

function expectClose(actual: readonly number[], expected: ArrayLike<number>): void {
  expect(actual.length).toBe(expected.length);
  for (const [i, value] of actual.entries())
    expect(Math.abs(value - expected[i]!), `at ${i}: ${value}, expected ${expected[i]}`).toBeLessThan(
      1e-12 + 1e-10 * Math.abs(expected[i]!),
    );
}

describe('as the reference has them', () => {
  const cases: readonly [string, Schedule, Attrs][] = [
    ['step', stepLR({ stepSize: 7, gamma: 0.3 }), { step_size: 7, gamma: 0.3 }],
    ['multistep', multiStepLR({ milestones: [3, 4, 20], gamma: 0.5 }), { milestones: [3, 4, 20], gamma: 0.5 }],
    ['multistep', multiStepLR({ milestones: [0, 59] }), { milestones: [0, 59] }],
    ['exponential', exponentialLR({ gamma: 0.93 }), { gamma: 0.93 }],
    ['cosine', cosineAnnealingLR({ tMax: 13, etaMin: 0.01 }), { T_max: 13, eta_min: 0.01 }],
    ['cosine_warm_restarts', cosineAnnealingWarmRestarts({ t0: 7 }), { T_0: 7 }],
    [
      'cosine_warm_restarts',
      cosineAnnealingWarmRestarts({ t0: 3, tMult: 2, etaMin: 0.1 }),
      { T_0: 3, T_mult: 2, eta_min: 0.1 },
    ],
    ['linear_warmup', linearLR(), {}],
    [
      'linear_warmup',
      linearLR({ startFactor: 0.9, endFactor: 0.2, totalIters: 17 }),
      { start_factor: 0.9, end_factor: 0.2, total_iters: 17 },
    ],
    ['polynomial', polynomialLR({ totalIters: 50, power: 0.9 }), { total_iters: 50, power: 0.9 }],
    ['one_cycle', oneCycleLR({ maxLr: 2, totalSteps: STEPS }), { max_lr: 2, total_steps: STEPS }],
    [
      'one_cycle',
      oneCycleLR({ totalSteps: STEPS, pctStart: 0.1 }),
      { max_lr: BASE, total_steps: STEPS, pct_start: 0.1 },
    ],
    [
      'one_cycle',
      oneCycleLR({ maxLr: 1, totalSteps: STEPS, threePhase: true, pctStart: 0.4, annealStrategy: 'linear' }),
      { max_lr: 1, total_steps: STEPS, three_phase: true, pct_start: 0.4, anneal_strategy: 'linear' },
    ],
  ];

  test.each(cases.map(([name, schedule, attrs], i) => [`${name} ${i}`, name, schedule, attrs] as const))(
    '%s',
    (_, name, schedule, attrs) => {
      const expected = schedules[`lr_scheduler.${name}`]!.forward({}, { ...attrs, base_lr: BASE, steps: STEPS });
      expectClose(rates(schedule), expected.lr!.data);
      if (expected.momentum)
        expectClose(
          Array.from({ length: STEPS }, (_, count) => schedule.momentumAt!(count)!),
          expected.momentum.data,
        );
    },
  );

  test('after its cycle, oneCycleLR stays where it is; without cycleMomentum it leaves the momentum alone', () => {
    const schedule = oneCycleLR({ totalSteps: 10, cycleMomentum: false });
    expect(schedule.at(25, 1)).toBe(schedule.at(9, 1));
    expect(schedule.momentumAt).toBeUndefined();
  });

  test('lambdaLR is the function', () => {
    expect(
      rates(
        lambdaLR((count, lr) => lr / (1 + count)),
        3,
      ),
    ).toEqual([BASE, BASE / 2, BASE / 3]);
  });
});

describe('combinations', () => {
  test('a chain of factors is their product, in any order', () => {
    const [a, b] = [linearLR({ totalIters: 4 }), exponentialLR({ gamma: 0.8 })];
    const product = rates(a).map((rate, count) => rate * 0.8 ** count);
    expectClose(rates(chain(a, b)), product);
    expectClose(rates(chain(b, a)), product);
  });

  test('sequentialLR begins each at its own 0', () => {
    const parts = [
      linearLR({ totalIters: 5 }),
      cosineAnnealingLR({ tMax: 10 }),
      exponentialLR({ gamma: 0.5 }),
    ] as const;
    const expected = Array.from({ length: STEPS }, (_, count) =>
      count < 5 ? parts[0].at(count, BASE) : count < 15 ? parts[1].at(count - 5, BASE) : parts[2].at(count - 15, BASE),
    );
    expectClose(rates(sequentialLR(parts, [5, 15])), expected);
  });

  test('warmup rises to the rate and hands over', () => {
    const schedule = warmup(cosineAnnealingLR({ tMax: 10, per: 'step' }), { count: 4, startFactor: 0.2 });
    expect(schedule.per).toBe('step');
    expectClose(
      rates(schedule, 5),
      [0.2, 0.4, 0.6, 0.8, 1].map((share) => share * BASE),
    );
    expect(schedule.at(14, BASE)).toBeCloseTo(0, 12);
  });

  test('momentum comes from the part that cycles it, while it is active', () => {
    const cycle = oneCycleLR({ totalSteps: 10 });
    const later = sequentialLR([linearLR({ per: 'step' }), cycle], [5]);
    expect([later.momentumAt?.(4), later.momentumAt?.(5)]).toEqual([undefined, 0.95]);
    expect(chain(linearLR({ per: 'step' }), cycle).momentumAt?.(2)).toBe(cycle.momentumAt?.(2));
  });

  test('a plateau within: only its own time counts', () => {
    const schedule = sequentialLR([linearLR({ totalIters: 2 }), reduceLROnPlateau({ patience: 0, factor: 0.5 })], [2]);
    let state: Json = schedule.feedback!.initial;
    for (const [i, metric] of [9, 9, 9, 9].entries()) state = schedule.feedback!.next(state, metric, i);
    // 9 at 0 and 1 is not seen; at 2 it is the best, at 3 no improvement.
    expect(schedule.at(4, BASE, state)).toBe(BASE / 2);
    expect(schedule.at(1, BASE, state)).toBe(linearLR({ totalIters: 2 }).at(1, BASE));
    expect(JSON.parse(JSON.stringify(state))).toEqual(state);
  });

  test.each<[string, () => Schedule, string]>([
    ['epochs and steps', () => chain(stepLR({ stepSize: 1 }), linearLR({ per: 'step' })), 'counts by epoch'],
    ['nothing', () => chain(), 'there are no schedules'],
    ['too few milestones', () => sequentialLR([linearLR(), linearLR()], []), '2 schedules and 0 milestones'],
    ['falling milestones', () => sequentialLR([linearLR(), linearLR(), linearLR()], [4, 4]), 'milestones are [4, 4]'],
    ['falling milestones', () => multiStepLR({ milestones: [3, 1] }), 'milestones are [3, 1]'],
    [
      'two monitors',
      () => chain(reduceLROnPlateau(), reduceLROnPlateau({ monitor: 'loss' })),
      'monitor valLoss and loss',
    ],
    ['a step size of 0', () => stepLR({ stepSize: 0 }), 'stepSize is 0'],
    ['half a rise', () => oneCycleLR({ totalSteps: 10, threePhase: true, pctStart: 0.6 }), 'pctStart is 0.6'],
    ['a factor of 1', () => reduceLROnPlateau({ factor: 1 }), 'factor is 1'],
  ])('refuses %s', (_, make, message) => {
    expect(make).toThrow(ArgumentError);
    expect(make).toThrow(message);
  });
});

describe('reduceLROnPlateau', () => {
  const random = new Random(3);
  const metrics = Array.from({ length: 80 }, (_, i) => 1 / (1 + 0.1 * i) + 0.2 * random.gaussian());
  const settings: readonly [PlateauOptions, Attrs][] = [
    [
      { patience: 2, factor: 0.5 },
      { patience: 2, factor: 0.5 },
    ],
    [
      { patience: 1, cooldown: 3, mode: 'max', threshold: 0.1, thresholdMode: 'abs', minLr: 0.01 },
      { patience: 1, cooldown: 3, mode: 'max', threshold: 0.1, threshold_mode: 'abs', min_lr: 0.01 },
    ],
    [
      { patience: 0, eps: 0.01 },
      { patience: 0, eps: 0.01 },
    ],
    [
      { monitor: 'valAccuracy', patience: 3 },
      { mode: 'max', patience: 3 },
    ],
  ];

  test.each(settings)('%j as the reference, through saved states', (options, attrs) => {
    const { feedback, at } = reduceLROnPlateau(options);
    let state: Json = feedback!.initial;
    const found = metrics.map((metric, i) => {
      state = JSON.parse(JSON.stringify(feedback!.next(state, metric, i)));
      return at(i, BASE, state);
    });
    expectClose(found, reduceOnPlateau({ ...attrs, base_lr: BASE }, metrics));
    expect(new Set(found).size).toBeGreaterThan(1);
  });

  test('a metric that is not a number is no improvement', () => {
    const { feedback, at } = reduceLROnPlateau({ patience: 1 });
    let state: Json = feedback!.initial;
    for (let i = 0; i < 2; i++) state = feedback!.next(state, Number.NaN, i);
    expect(at(0, 1, state)).toBe(0.1);
  });

  test('a damaged state is told', () => {
    expect(() => reduceLROnPlateau().at(0, 1, { best: 'x', bad: 0, cooldown: 0, cuts: 0 })).toThrow(FormatError);
  });
});
