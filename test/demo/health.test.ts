/** Panel "Health": stages, looks, twins, rules, cases, axes, strips, the comparison's words. May import the panel's pure files, no browser. */
import { describe, expect, test } from 'vitest';
import { type Config, configFromHash, configToHash, DEFAULT_CONFIG, layersOf } from '../../demo/src/engine/config.ts';
import { modelOf } from '../../demo/src/engine/networks.ts';
import { problemOf, shapesOf } from '../../demo/src/engine/shapes.ts';
import { logAxis, placeOn, power, ticksOf } from '../../demo/src/panels/health/axis.ts';
import { BINS, cropped, everyFor, lookOf, symlog } from '../../demo/src/panels/health/look.ts';
import { factor, listed, middle, rateBy } from '../../demo/src/panels/health/numbers.ts';
import { CASES } from '../../demo/src/panels/health/presets.ts';
import type { DuelPoint, Look, Stage, StageLook } from '../../demo/src/panels/health/protocol.ts';
import { diagnose, type Finding, LIMITS, type Patient } from '../../demo/src/panels/health/rules.ts';
import { rangeOf, stagesOf } from '../../demo/src/panels/health/stages.ts';
import { bytesOf, darkness, ROWS, rowsOf, stripPixels } from '../../demo/src/panels/health/strip.ts';
import { distinctUnits } from '../../demo/src/panels/health/twins.ts';
import { verdict } from '../../demo/src/panels/health/verdict.ts';
import { binsOf } from '../../src/inspect/histogram.ts';
import type { StepStats, TensorStats } from '../../src/inspect/monitor-types.ts';
import { layerCalls } from '../../src/train/describe.ts';
import { Random } from '../support/random.ts';

/** Stages of a configuration as the worker would have them. */
function stagesFor(part: Partial<Config>): Stage[] {
  const calls = layerCalls(modelOf({ ...DEFAULT_CONFIG, ...part }).calls);
  return stagesOf(
    [...calls].map(([name, { layer, output }]) => ({ name, type: layer.type, shape: output.shape.slice(1) })),
  );
}

const spread = (shares: readonly number[]) => ({ low: 0, high: 10, shares: Float32Array.from(shares) });

const healthy: StageLook = {
  ...{ mean: 0.3, std: 0.5, nonFinite: 0, spread: spread([0.5, 0.5]) },
  dead: { now: 0.02, lasting: 0, units: 64 },
  ...{ saturated: null, gradientNorm: 1, weightNorm: 5, updateRatio: 1e-3, distinct: null },
};

const names = ['linear1', 'linear2', 'linear3', 'linear4'];
const stages = names.map(
  (name): Stage => ({ name, weight: `${name}.weight`, shape: [64], watched: name, type: 'relu' }),
);

/** What is said of `change`d numbers, the same at five looks. */
function said(
  change: (stage: number) => Partial<StageLook>,
  patient: Partial<Omit<Patient, 'config'>> & { readonly config?: Partial<Patient['config']> } = {},
): Finding[] {
  const looks = [1, 2, 3, 4, 5].map(
    (step): Look => ({ generation: 1, step, stages: stages.map((_, i) => ({ ...healthy, ...change(i) })) }),
  );
  const config = { activation: 'relu', init: 'default', lr: 0.1, ...patient.config } as const;
  return diagnose({ stages, looks, loss: 1, accuracy: 0.5, ...patient, config });
}

const kinds = (found: readonly Finding[]): string[] => found.map(({ kind }) => kind);

describe('stages', () => {
  test('each layer with weights takes the activation behind it', () => {
    const lenet = stagesFor({});
    expect(lenet.map(({ type }) => type)).toEqual(['relu', 'relu', 'relu', 'relu', 'linear']);
    expect(lenet[0]).toMatchObject({ shape: [6, 28, 28], weight: `${lenet[0]!.name}.weight` });
    expect(lenet.at(-1)!.watched).toBe(lenet.at(-1)!.name);
    const modern = stagesFor({ network: 'modern', activation: 'sigmoid' });
    expect(modern.map(({ type }) => type)).toEqual(['sigmoid', 'sigmoid', 'sigmoid', 'linear']);
    expect(modern.map(({ type }) => rangeOf(type)[0])).toEqual([0, 0, 0, -10]);
  });

  test('layers before the first one with weights have none, a layer without activation is looked at itself', () => {
    const [only, ...rest] = stagesFor({ network: 'custom', layers: [{ type: 'activation' }] });
    expect(rest).toEqual([]);
    expect(only).toMatchObject({ type: 'linear', watched: only!.name });
  });
});

describe('looks', () => {
  const { edges } = binsOf(BINS, 'test');
  const counts = new Uint32Array(BINS.bins);

  test('a part of a histogram keeps every count: what is beyond is at its ends', () => {
    counts.fill(0);
    const put = (value: number, count: number): void => {
      counts[edges.findLastIndex((edge) => edge <= value)]! += count;
    };
    for (const [value, count] of [
      [-4, 5],
      [0.01, 10],
      [0.99, 20],
      [7, 15],
    ] as const)
      put(value, count);
    const { shares, low, high } = cropped({ edges, counts, below: 2, above: 3 }, 55, [0, 1]);
    expect([low, high]).toEqual([0, 1]);
    expect(shares.length).toBeGreaterThan(30);
    expect(shares[0]! * 55).toBeCloseTo(5 + 10 + 2, 4);
    expect(shares.at(-1)! * 55).toBeCloseTo(20 + 15 + 3, 4);
    expect(shares.reduce((a, b) => a + b) * 55).toBeCloseTo(55, 4);
  });

  test("bins are of equal width on the strip's scale", () => {
    const widths = Array.from(edges.slice(1), (edge, i) => symlog(edge) - symlog(edges[i]!));
    for (const width of widths) expect(width).toBeCloseTo(widths[0]!, 4);
  });

  test('a step is read by stages; a step of another network is not', () => {
    const tensor: TensorStats = {
      ...{ count: 90, nonFinite: 10, mean: 1, std: 2, min: 0, max: 3 },
      histogram: { edges, counts, below: 0, above: 0 },
    };
    const layer = { type: 'relu', shape: [2, 64], activation: tensor, gradient: null, saturated: null };
    const dead = { units: 64, share: 0.5, windowShare: 0.25 };
    const norms = { gradientNorm: 3, weightNorm: 4, updateNorm: 0.4, updateRatio: 0.1 };
    const stats: StepStats = {
      step: 7,
      layers: new Map([['linear1', { ...layer, dead }]]),
      parameters: new Map([['linear1.weight', norms]]),
    };
    const look = lookOf(stats, { stages: stages.slice(0, 1), generation: 2 });
    expect(look).toMatchObject({ step: 7, generation: 2 });
    expect(look!.stages[0]).toMatchObject({
      ...{ nonFinite: 0.1, dead: { now: 0.5, lasting: 0.25, units: 64 }, gradientNorm: 3, updateRatio: 0.1 },
    });
    expect(lookOf(stats, { stages, generation: 2 })).toBeNull();
  });

  test('about four looks a second, whatever the speed', () => {
    expect([1, 10, 100, 700, 1e5].map(everyFor)).toEqual([1, 5, 50, 200, 500]);
  });
});

describe('twins', () => {
  const random = new Random(3);
  const different = Array.from(random.normal([64, 50]).data);

  test('units that differ are told apart, copies are not', () => {
    expect(distinctUnits(different, 64)).toBe(64);
    const copied = different.map((_, i) => different[i % 150]!); // rows 0, 1, 2, 0, 1, 2, ...
    expect(distinctUnits(copied, 64)).toBe(3);
    expect(distinctUnits(new Float32Array(3200), 64)).toBe(1);
  });

  test('rounding makes no unit of its own, a changed weight does', () => {
    const row = different.slice(0, 50);
    const rounded = row.map((w) => w * (1 + 1e-7));
    const changed = row.map((w, i) => (i === 20 ? w + 0.01 : w));
    expect(distinctUnits([...row, ...rounded, ...changed], 3)).toBe(2);
  });
});

describe('rules', () => {
  test('nothing is said before the first look', () => {
    expect(said(() => ({}), { looks: [] })).toEqual([]);
  });

  test('a healthy network is well, with its numbers', () => {
    const [finding, ...rest] = said((i) => ({ gradientNorm: 1 + i, dead: { now: 0.1, lasting: 0.05, units: 64 } }));
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({ kind: 'well', tone: 'good' });
    expect(finding!.seen).toContain('within a factor of 4,');
    expect(finding!.seen).toContain('about 0.10 % of the weights');
    expect(finding!.seen).toContain('at most 5 %');
  });

  test('a vanishing gradient: from where to where, by how much, what helps sigmoid', () => {
    const sigmoid = { config: { activation: 'sigmoid' } } as const;
    const vanishes = (i: number) => ({
      dead: null,
      saturated: 0.1,
      gradientNorm: 10 ** (-2 * (3 - i)),
      updateRatio: 1e-6,
    });
    const found = said(vanishes, sigmoid);
    expect(kinds(found)).toEqual(['vanishing']);
    expect(found[0]!.seen).toContain(
      'From linear4 back to linear1 it becomes 1 million times smaller, about 100 times',
    );
    expect(found[0]!.advice).toContain('1/4');
    expect(said(vanishes)[0]!.advice).toContain('Kaiming');
    const none = said((i) => ({ dead: null, gradientNorm: i === 0 ? 0 : 1 }));
    expect(none[0]!.seen).toContain('Nothing of it arrives at linear1');
  });

  test.each([
    [
      'gradient of the first layer',
      LIMITS.vanishing,
      'vanishing',
      (v: number) => (i: number) => ({ gradientNorm: i === 0 ? v : 1 }),
    ],
    [
      'lasting dead units',
      LIMITS.dead,
      'dead',
      (v: number) => (i: number) => (i === 1 ? { dead: { now: 1, lasting: v, units: 64 } } : {}),
    ],
    [
      'saturated outputs',
      LIMITS.saturated,
      'saturated',
      (v: number) => (i: number) => (i === 1 ? { saturated: v } : {}),
    ],
    [
      'gradient norm',
      LIMITS.exploding,
      'exploding',
      (v: number) => (i: number) => (i === 2 ? { gradientNorm: v } : {}),
    ],
    ['large steps', LIMITS.largeSteps, 'large steps', (v: number) => () => ({ updateRatio: v })],
    ['small steps', LIMITS.smallSteps, 'small steps', (v: number) => () => ({ updateRatio: v })],
  ] as const)('%s: said beyond the limit only', (_, limit, kind, change) => {
    const below = kinds(said(change(limit * 0.9)));
    const above = kinds(said(change(limit * 1.1)));
    const expected = kind === 'vanishing' || kind === 'small steps' ? below : above;
    const other = expected === below ? above : below;
    expect(expected).toEqual([kind]);
    expect(other).toEqual(['well']);
  });

  test('dead units: where, how many, and another learning rate', () => {
    const found = said((i) => ({ dead: { now: 1, lasting: [0.1, 0.5, 0.9, 0][i]!, units: 64 } }), {
      config: { lr: 1 },
    });
    expect(kinds(found)).toEqual(['dead']);
    expect(found[0]!.seen).toContain('90 % of the units of linear3');
    expect(found[0]!.seen).toContain('many of linear2.');
    expect(found[0]!.advice).toContain('a learning rate of 0.1,');
  });

  test('dead units and large steps are both told, a gradient that they stop is not', () => {
    const found = said((i) => ({
      dead: { now: 1, lasting: 1, units: 64 },
      updateRatio: 0.2,
      gradientNorm: i === 3 ? 1 : 0,
    }));
    expect(kinds(found)).toEqual(['dead', 'large steps']);
    expect(found[1]!.seen).toContain('about 20 % of their size');
  });

  test.each([
    ['an infinite output', (i: number) => (i === 2 ? { nonFinite: 0.1 } : {}), 1, 'linear3 no longer gives numbers'],
    ['weights that are none', (i: number) => (i === 1 ? { weightNorm: Number.NaN } : {}), 1, 'linear2 no longer'],
    ['a loss that is none', () => ({}), Number.NaN, 'The loss is no longer a number'],
  ] as const)('overflow, %s: explains everything else', (_, change, loss, words) => {
    const worse = (i: number) => ({ dead: { now: 1, lasting: 1, units: 64 }, gradientNorm: 1e9, ...change(i) });
    const found = said(worse, { loss });
    expect(kinds(found)).toEqual(['overflow']);
    expect(found[0]!.seen).toContain(words);
    expect(found[0]!.advice).toContain('0.01 or less');
  });

  test('twins: of a hidden layer, with what they began from', () => {
    const distinct = { count: 1, units: 64 };
    const found = said((i) => (i === 1 ? { distinct, updateRatio: 0.2 } : {}), { config: { init: 'zeros' } });
    expect(kinds(found)).toEqual(['twins']);
    expect(found[0]!.seen).toContain('All 64 units of linear2 are the same unit');
    expect(found[0]!.advice).toContain('for example Kaiming');
    expect(said((i) => (i === 1 ? { distinct: { count: 20, units: 64 } } : {}))[0]!.seen).toContain(
      'only 20 different',
    );
    expect(kinds(said((i) => (i === 1 ? { distinct: { count: 64, units: 64 } } : {})))).toEqual(['well']);
    expect(kinds(said((i) => (i === 3 ? { distinct } : {})))).toEqual(['well']);
  });

  test('who has learnt may make small steps', () => {
    const small = () => ({ updateRatio: 1e-6 });
    expect(kinds(said(small, { accuracy: 0.97 }))).toEqual(['well']);
    expect(kinds(said(small, { accuracy: null }))).toEqual(['small steps']);
  });

  test('one odd look changes nothing', () => {
    const looks = [1, 2, 3, 4, 5].map(
      (step): Look => ({
        ...{ generation: 1, step },
        stages: stages.map(() => ({
          ...healthy,
          gradientNorm: step === 5 ? 1e4 : 1,
          updateRatio: step === 5 ? 1 : 1e-3,
        })),
      }),
    );
    expect(kinds(said(() => ({}), { looks }))).toEqual(['well']);
  });
});

describe('cases', () => {
  test.each(CASES.map((one) => [one.id, one] as const))('%s fits, and survives a link', (_, { config, watch }) => {
    expect(problemOf(shapesOf(layersOf(config)))).toBeNull();
    expect(configFromHash(configToHash(config))).toEqual({
      ...config,
      layers: config.network === 'custom' ? config.layers : DEFAULT_CONFIG.layers,
    });
    expect(watch.match(/[.]/g)).toHaveLength(1);
  });
});

describe('axes', () => {
  test('hold all values above zero, and no less than asked for', () => {
    expect(logAxis([0, Number.NaN, 0.5], { low: -4, high: 1 })).toEqual({ low: -4, high: 1 });
    expect(logAxis([3e-8, 2e3, 1e30], { low: -4, high: 1 })).toEqual({ low: -8, high: 9 });
  });

  test('places are by decades; zero is at the low end, no number at the high one', () => {
    const axis = { low: -4, high: 1 };
    expect([1e-4, 1e-9, 0, 10, Number.NaN, Infinity].map((v) => placeOn(axis, v))).toEqual([0, 0, 0, 1, 1, 1]);
    expect(placeOn(axis, 0.1)).toBeCloseTo(0.6, 9);
  });

  test('ticks are few, whole and inside', () => {
    expect(ticksOf({ low: -6, high: 0 })).toEqual([-6, -4, -2, 0]);
    expect(ticksOf({ low: -12, high: 9 }).length).toBeLessThanOrEqual(6);
    expect(ticksOf({ low: -4, high: 1 }, 5)).toEqual([-4, -3, -2, -1, 0, 1]);
    expect([0, -3, -12, 1].map(power)).toEqual(['1', '10⁻³', '10⁻¹²', '10¹']);
  });
});

describe('strips', () => {
  test('rows share bins as they overlap, the highest value at the top', () => {
    expect([...rowsOf(spread([0.25, 0.75]), 4)]).toEqual([0.375, 0.375, 0.125, 0.125]);
    expect([...rowsOf(spread([0.1, 0.2, 0.3, 0.4]), 2)].map((v) => Number(v.toFixed(6)))).toEqual([0.7, 0.3]);
    for (const bins of [3, 40, 77]) {
      const total = rowsOf(spread(Array.from({ length: bins }, () => 1 / bins))).reduce((a, b) => a + b);
      expect(total).toBeCloseTo(1, 6);
    }
  });

  test('the newest look is at the right end, in the colour, darkest where most outputs are', () => {
    const pixels = stripPixels([spread([1, 0]), spread([0, 1])], { columns: 3, color: [1, 2, 3] });
    const at = (column: number, row: number) => [...pixels.slice(4 * (row * 3 + column), 4 * (row * 3 + column) + 4)];
    expect(at(0, 0)).toEqual([0, 0, 0, 0]);
    expect(at(1, 0)).toEqual([1, 2, 3, 0]);
    expect(at(1, ROWS - 1)).toEqual([1, 2, 3, 255]);
    expect(at(2, 0)).toEqual([1, 2, 3, 255]);
    const many = stripPixels(Array.from({ length: 9 }, () => spread([1, 0])).concat(spread([0, 1])), {
      columns: 3,
      color: [1, 2, 3],
    });
    expect(many[4 * 2 + 3]).toBe(255);
    expect(darkness(0.01, 1)).toBeGreaterThan(20);
    expect(darkness(0, 0)).toBe(0);
  });

  test('colours as browsers tell them', () => {
    expect(bytesOf('rgb(0, 114, 178)')).toEqual([0, 114, 178]);
    expect(bytesOf('color(srgb 1 0.5 0)')).toEqual([255, 128, 0]);
  });
});

describe('words', () => {
  test('numbers', () => {
    expect([4.04, 99.6, 1234, 1.26e6, 3e12].map(factor)).toEqual(['4', '100', '1,200', '1.3 million', '3.0e+12']);
    expect([middle([3, 1, 2]), middle([1, 2]), middle([])]).toEqual([2, 2, 0]);
    expect([listed([]), listed(['a']), listed(['a', 'b', 'c'])]).toEqual(['', 'a', 'a, b and c']);
    expect([rateBy(0.1, 1), rateBy(0.1, 0.05), rateBy(10, 1e-4)]).toEqual(['0.1', '0.005', '0.001']);
  });

  const points = (crossEntropy: number, squared: number): DuelPoint[] =>
    [10, 20, 30].map((step) => ({
      step,
      accuracy: { crossEntropy, squared },
      gradientNorm: { crossEntropy: 5, squared: 0.5 },
    }));
  const duel = { output: 'softmax', start: 'saturated', lr: 0.1, steps: 30 } as const;

  test('the verdict follows from what was measured', () => {
    expect(verdict([], duel)).toBeNull();
    const won = verdict(points(0.8, 0.3), duel)!;
    expect(won).toContain('After 30 steps cross-entropy reads 80 % of its images, squared error 30 %.');
    expect(won).toContain('p(1 − p)');
    expect(won).toContain("its norm was 0.5, cross-entropy's 5");
    expect(verdict(points(0.9, 0.88), { ...duel, start: 'usual' })).toContain('Try saturated first weights');
    expect(verdict(points(0.9, 0.88), duel)).not.toContain('Try saturated');
    expect(verdict(points(0.2, 0.6), duel)).toContain('Try a lower learning rate');
  });
});
