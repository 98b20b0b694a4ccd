/** Runs golden cases of initialisers: what they draw has the expected fan, gain, mean, deviation and bound. Imports case, nn/init. */
import {
  calculateGain,
  fans,
  type Initializer,
  initialValues,
  kaimingNormal,
  kaimingUniform,
  type Nonlinearity,
  xavierNormal,
  xavierUniform,
} from '../../nn/init.ts';
import { CaseAttrs, type CaseResult, type Failure, failureOf, NotSupported, notSupported, resultOf } from './case.ts';
import type { GoldenCase } from './golden-files.ts';

const SEEDS = [0, 1, 2, 3, 4];

const NONLINEARITIES = ['leaky_relu', 'linear', 'sigmoid', 'tanh', 'relu', 'selu'] as const;

interface Drawn {
  readonly init: Initializer;
  readonly gain: number;
}

function kaiming(make: typeof kaimingNormal, attrs: CaseAttrs): Drawn {
  const mode = attrs.word('mode', ['fan_in', 'fan_out']);
  const nonlinearity: Nonlinearity = attrs.word('nonlinearity', NONLINEARITIES);
  const a = attrs.number('a', 0);
  return { init: make({ mode, nonlinearity, a }), gain: calculateGain(nonlinearity, a) };
}

function xavier(make: typeof xavierNormal, attrs: CaseAttrs): Drawn {
  const gain = attrs.number('gain', 1);
  return { init: make({ gain }), gain };
}

/** One line an initialiser. */
const initializers: { readonly [op: string]: (attrs: CaseAttrs) => Drawn } = {
  'init.kaiming_normal': (attrs) => kaiming(kaimingNormal, attrs),
  'init.kaiming_uniform': (attrs) => kaiming(kaimingUniform, attrs),
  'init.xavier_normal': (attrs) => xavier(xavierNormal, attrs),
  'init.xavier_uniform': (attrs) => xavier(xavierUniform, attrs),
};

export const isInitializer = (op: string): boolean => Object.hasOwn(initializers, op);

function moments(values: ArrayLike<number>): { mean: number; std: number; largest: number } {
  let [sum, squares, largest] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    sum += values[i]!;
    largest = Math.max(largest, Math.abs(values[i]!));
  }
  const mean = sum / values.length;
  for (let i = 0; i < values.length; i++) squares += (values[i]! - mean) ** 2;
  return { mean, std: Math.sqrt(squares / (values.length - 1)), largest };
}

type Expected = NonNullable<GoldenCase['expected']>;

/** The numbers that must agree, each with its allowance. Only what the case expects is compared. */
function compareNumbers(
  actual: { readonly [name: string]: readonly [value: number, allowance: number] },
  expected: Expected,
  variant: string,
): Failure[] {
  return Object.entries(actual).flatMap(([name, [value, allowance]]) => {
    const want = expected[name];
    if (typeof want !== 'number' || Math.abs(value - want) <= allowance) return [];
    return [{ variant, tensor: name, message: `${value}, expected ${want} within ${allowance}` }];
  });
}

/** Uniform numbers stay below the bound and come near it. */
function checkBound(largest: number, bound: number, { count, variant }: { count: number; variant: string }): Failure[] {
  if (largest <= bound * (1 + 1e-6) && largest >= bound * (1 - 40 / count)) return [];
  return [{ variant, tensor: 'bound', message: `largest of ${count} numbers is ${largest}, the bound ${bound}` }];
}

function checkDraws(golden: GoldenCase): Failure[] {
  const expected = golden.expected ?? {};
  const attrs = new CaseAttrs(golden.attrs, golden.name);
  const shape = attrs.numbers('shape');
  const { init, gain } = initializers[golden.op]!(attrs);
  attrs.checkAllRead(golden.op);
  const { fanIn, fanOut } = fans(shape);
  const exact = { fan_in: [fanIn, 0], fan_out: [fanOut, 0], gain: [gain, 1e-12 * gain] } as const;
  const failures = compareNumbers(exact, expected, 'default');
  for (const seed of SEEDS) {
    const variant = `seed ${seed}`;
    const values = initialValues(init, shape, { seed, name: golden.name });
    const { mean, std, largest } = moments(values);
    const drawn = { mean: [mean, expected.mean_tolerance ?? 0], std: [std, expected.std_tolerance ?? 0] } as const;
    failures.push(...compareNumbers(drawn, expected, variant));
    if (typeof expected.bound === 'number')
      failures.push(...checkBound(largest, expected.bound, { count: values.length, variant }));
  }
  return failures;
}

export async function runInitCase(golden: GoldenCase): Promise<CaseResult> {
  if (!isInitializer(golden.op)) return notSupported(golden.op);
  try {
    return resultOf(checkDraws(golden));
  } catch (error) {
    if (error instanceof NotSupported) return notSupported(error.message);
    return resultOf([failureOf(error, 'default')]);
  }
}
