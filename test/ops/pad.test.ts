/** pad: all modes against the float64 reference and PyTorch's golden data, with gradients, padding lanes, errors. */
import { describe, expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { type PadMode, pad, type Sides } from '../../src/ops/index.ts';
import { compile, f32, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { GOLDENS, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { PROFILES } from './loss-cases.ts';
import { checkMove, type MoveCase } from './move-cases.ts';

const caseOf = (shape: readonly number[], padding: Sides, mode: PadMode, value = 0): MoveCase => ({
  op: 'pad',
  attrs: { padding, mode, value },
  shapes: [shape],
  apply: ([x]) => pad(x!, { padding, mode, value }),
  // A gradient is a sum of up to 9 elements, or of all of the edge.
  tolerance: mode === 'constant' ? { atol: 0, rtol: 0 } : { atol: 4e-6, rtol: 1e-6 },
});

const MODES = ['constant', 'reflect', 'replicate'] as const;
const cases: MoveCase[] = [
  ...MODES.flatMap((mode) =>
    [1, 2, 4, 5, 8].flatMap((c) => [
      caseOf([2, c, 4, 5], [1, 2, 3, 4], mode, 0),
      caseOf([1, c, 6, 5], [-2, 3, 1, -1], mode, 0.5),
      caseOf([1, c, 5, 7], [-1, -2, -3, -4], mode, -2),
    ]),
  ),
  ...MODES.map((mode) => caseOf([1, 1, 1, 1], [0, 0, 0, 0], mode)),
  ...(['constant', 'replicate'] as const).map((mode) => caseOf([2, 3, 1, 1], [3, 0, 1, 2], mode, 7)),
  caseOf([1, 3, 7, 7], [6, 6, 6, 6], 'reflect'),
  caseOf([1, 3, 7, 7], [6, -3, -5, 4], 'reflect'),
  caseOf([1, 3, 3, 3], [-2, 30, 5, 0], 'replicate'),
  caseOf([1, 3, 3, 3], [-2, 5, 5, -2], 'replicate'),
  caseOf([3, 6, 31, 33], [1, 1, 1, 1], 'constant', 1.5),
  // Other ranks.
  ...MODES.flatMap((mode) => [caseOf([5, 7], [1, 2, 0, -1], mode, 3), caseOf([2, 5, 4], [3, 0, 1, 2], mode, 3)]),
  caseOf([2, 3, 2, 4, 3], [1, 2, 1, 0], 'constant', 1),
];

describe.each(PROFILES)('%s limits', (profile) => {
  test.each(cases.map((c) => [`${JSON.stringify(c.attrs)} of [${c.shapes[0]}]`, c] as const))('%s', async (_, c) => {
    expect([...(await checkMove({ ...c, profile }))]).toEqual(['gather']);
  });

  const goldens = loadFamily(GOLDENS, 'shape').filter(({ op }) => op === 'pad');
  test.each(goldens.map((golden) => [golden.name, golden] as const))('golden shapes %s', async (_, golden) => {
    const { padding, mode, value } = golden.attrs as { padding: unknown; mode: unknown; value: unknown };
    const shape = golden.tensors.get('x')!.shape;
    await checkMove({ ...caseOf(shape, padding as Sides, mode as PadMode, Number(value)), profile });
  });
});

test('random paddings', async () => {
  const random = new Random(19);
  for (let i = 0; i < 12; i++) {
    const mode = random.pick(MODES);
    const shape = [random.integer(1, 2), random.integer(1, 6), random.integer(2, 8), random.integer(2, 8)];
    const side = (axis: number): number => random.integer(-Math.floor((shape[axis]! - 1) / 2), shape[axis]! - 1);
    await checkMove(caseOf(shape, [side(2), side(3), side(2), side(3)], mode, random.integer(-1, 1)));
  }
});

test('the gradient of the gradient is the padding with zeros', async () => {
  const program = await compile(await device(), { x: f32(1, 2, 1, 2), d: f32(1, 2, 1, 3) }, (v) => {
    const y = pad(v.x, { padding: [0, 0, 0, 1], value: 5 });
    const [dx] = grad(y, [v.x], { seed: v.d });
    return { dd: grad(dx!, [v.d], { seed: v.x })[0]! };
  });
  const { dd } = await program.run({ x: Float32Array.of(1, 2, 3, 4), d: new Float32Array(6) });
  program.dispose();
  expect([...dd!]).toEqual([1, 2, 0, 3, 4, 0]);
});

describe('options and errors', () => {
  const x = input('x', [2, 3, 6, 8]);

  test('short forms', () => {
    expect(pad(x, { padding: 1 }).shape).toEqual([2, 3, 8, 10]);
    expect(pad(x, { padding: [1, 2] }).shape).toEqual([2, 3, 8, 12]);
    expect(pad(x, { padding: [1, 2, 3, -4] }).shape).toEqual([2, 3, 10, 6]);
  });

  test.each([
    [
      { padding: [0, 8, 0, 0], mode: 'reflect' },
      /pad: 8 columns cannot be mirrored, the input has 8 .*\[2,3,6,8\].*Pad 7 at most/,
    ],
    [{ padding: [-3, 0, -3, 0] }, /nothing is left of 6 rows with -3 and -3 .*padding \[-3,0,-3,0\]/],
    [{ padding: 1.5 }, /not made of whole numbers.*\[1.5,1.5,1.5,1.5\]/],
    [{ padding: 1, value: Number.NaN }, /the value is NaN/],
    [{ padding: 1, mode: 'circular' }, /there is no mode 'circular'/],
  ] as [Parameters<typeof pad>[1], RegExp][])('%j', (options, message) => {
    expect(() => pad(x, options)).toThrow(ShapeError);
    expect(() => pad(x, options)).toThrow(message);
  });

  test('rank and type', () => {
    expect(() => pad(input('x', [5]), { padding: 1 })).toThrow(/the input is no image batch \(input f32 \[5\]/);
    expect(() => pad(input('x', [1, 1, 5, 5], 'i32'), { padding: 1 })).toThrow(/input i32 \[1,1,5,5\]/);
  });
});
