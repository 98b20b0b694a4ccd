/** `checkGradients`: right gradients pass; slightly wrong, incomplete and exchanged ones are found and named. */
import { describe, expect, it } from 'vitest';
import {
  add,
  type CheckGradientsOptions,
  checkGradients,
  type Differentiable,
  defineOp,
  type GradientReport,
  linearGroups,
  mul,
  type Op,
  ops,
  shader,
  sizeOf,
  type Value,
} from '../../src/index.ts';
import { device } from '../support/device.ts';

const text = `// y = a b + a^2.
//#include "lib/linear-id.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i < params.count) { y[i] = a[i] * b[i] + a[i] * a[i]; }
}
`;

type None = Readonly<Record<string, never>>;
type Rule = (dy: Value, a: Value, b: Value) => readonly (Value | null)[];

/** y = a b + a^2 with this gradient rule. */
const withRule = (rule: Rule): Op<None> =>
  defineOp<None>({
    name: 'mixed',
    infer: ([a]) => [{ shape: a!.shape, dtype: 'f32' }],
    grad: ({ inputs: [a, b], dOutputs: [dy] }) => rule(dy!, a!, b!),
    variants: ({ inputs: [a, b], outputs: [y] }) => [
      {
        id: 'direct',
        kernels: [
          {
            shader: shader({ file: 'mixed.wgsl', text }),
            bind: { a: a!, b: b!, y: y! },
            params: { count: sizeOf(y!.shape) },
            workgroups: linearGroups(sizeOf(y!.shape), 64),
          },
        ],
      },
    ],
  });

const da = (a: Value, b: Value): Value => add(b, ops.mulScalar(a, 2));
const right: Rule = (dy, a, b) => [mul(dy, da(a, b)), mul(dy, a)];
const cases = [
  {
    inputs: [
      [3, 4],
      [3, 4],
    ],
  },
  { inputs: [[7], [7]] },
];

const check = async (rule: Rule, options: Partial<CheckGradientsOptions<None>> = {}): Promise<GradientReport> =>
  checkGradients(await device(), withRule(rule), { cases, ...options });

const reference: CheckGradientsOptions<None>['reference'] = ([a, b]) => a!.map((x, i) => x * b![i]! + x * x);

describe('a gradient of your own op', () => {
  it('passes where it is right, every element counted', async () => {
    const report = await check(right);
    expect(report).toMatchObject({ ok: true, checked: 2 * 12 + 2 * 7, unsure: 0, failures: [] });
    expect(report.worst).toBeLessThan(0.1);
    expect(report.worst).toBeGreaterThan(0); // float32 is never exact: something was compared
    expect(report.message).toMatch(/^38 elements checked, 0 wrong, 0 unsure; the worst error is /);
  });

  it.each<[string, Rule, number[]]>([
    ['1 % too large', (dy, a, b) => [mul(dy, da(a, b)), ops.mulScalar(mul(dy, a), 1.01)], [1]],
    ['of the wrong sign', (dy, a, b) => [ops.neg(mul(dy, da(a, b))), mul(dy, a)], [0]],
    ['without a term', (dy, a, b) => [mul(dy, b), mul(dy, a)], [0]],
    ['with inputs exchanged', (dy, a, b) => [mul(dy, a), mul(dy, da(a, b))], [0, 1]],
    ['without the upstream', (dy, a, b) => [mul(dy, da(a, b)), add(a, ops.mulScalar(dy, 0))], [1]],
    ['that is missing', (dy, a, b) => [mul(dy, da(a, b)), null], [1]],
    ['that is no number', (dy, a, b) => [mul(dy, da(a, b)), ops.log(ops.addScalar(ops.mulScalar(a, 0), -1))], [1]],
  ])('fails %s', async (_, rule, inputs) => {
    for (const options of [{}, { reference }]) {
      const report = await check(rule, options);
      expect(report.ok).toBe(false);
      expect([...new Set(report.failures.map(({ input }) => input))].sort()).toEqual(inputs);
      // Most elements of that input; the smallest gradients are within a share of the typical one.
      expect(report.failures.length).toBeGreaterThan(9 * inputs.length);
      expect(report.worst).toBeGreaterThan(2);
      expect(report.message).toMatch(/worst: the gradient of input [01] at \[\d+(,\d+)?\] is .*, differences say /);
    }
  });

  it('tells one wrong element by its place and its numbers', async () => {
    const one = (dy: Value): Value =>
      ops.pad(ops.slice(dy, { axes: [0, 1], starts: [1, 2], ends: [2, 3] }), { padding: [1, 2, 1, 1] });
    const rule: Rule = (dy, a, b) => [mul(dy, da(a, b)), mul(ops.sub(dy, ops.mulScalar(one(dy), 0.5)), a)];
    const report = await check(rule, { cases: cases.slice(0, 1) });
    expect(report.failures).toHaveLength(1);
    const [failure] = report.failures;
    expect(failure).toMatchObject({ case: '0: [3,4], [3,4]', kind: 'gradient', input: 1, index: [1, 2] });
    expect(failure!.analytic / failure!.numeric).toBeCloseTo(0.5, 3);
  });

  it('refuses a rule of other shapes, and one that is no rule', async () => {
    await expect(check((dy, a) => [mul(dy, a), ops.sum(dy)])).rejects.toThrow(
      'mixed: its gradient rule gives [] for input 1 ([3,4]). Return a value of the input',
    );
    await expect(check((dy) => [dy])).rejects.toThrow('gives nothing for input 1');
  });

  it('compares the op itself with a reference', async () => {
    expect(await check(right, { reference })).toMatchObject({ ok: true, checked: 38 });
    const other: typeof reference = ([a, b]) => a!.map((x, i) => x * b![i]! + 1.001 * x * x);
    const report = await check(right, { reference: other });
    expect(report.failures.map(({ kind }) => kind)).toContain('output');
    const short: typeof reference = ([a]) => a!.slice(1);
    await expect(check(right, { reference: short })).rejects.toThrow(
      'gives 11 numbers for output 0 of shape [3,4]. Give 12.',
    );
  });
});

describe('functions of values', () => {
  const rows: [string, Differentiable, CheckGradientsOptions['cases']][] = [
    ['relu, with kinks', ([x]) => ops.relu(x!), [{ inputs: [[200]] }]],
    ['softmax', ([x]) => ops.softmax(x!), [{ inputs: [[3, 5]] }]],
    ['several outputs', ([x]) => [ops.exp(x!), ops.sum(x!)], [{ inputs: [[5]] }]],
    [
      'a convolution, relu and a pool',
      ([x, w, b]) => ops.maxPool2d(ops.relu(ops.conv2d(x!, w!, b!, { padding: 1 })), { kernel: 2 }).y,
      [{ inputs: [[1, 3, 6, 6], [5, 3, 3, 3], [5]] }],
    ],
    ['large values', ([x]) => ops.mul(x!, x!), [{ inputs: [{ shape: [3], data: Float32Array.of(1e4, -3e5, 2e-3) }] }]],
    [
      'attrs',
      ([x], { slope }) => ops.leakyRelu(x!, { negativeSlope: Number(slope) }),
      [{ inputs: [[20]], attrs: { slope: 0.3 } }],
    ],
  ];
  it.each(rows)('%s', async (_, apply, tried) => {
    const report = await checkGradients(await device(), apply, { cases: tried });
    expect(report.failures).toEqual([]);
    expect(report.ok, report.message).toBe(true);
  });

  it('a kink is unsure, not wrong; too many are not ok', async () => {
    const near = { inputs: [{ shape: [4], data: Float32Array.of(1e-3, -1e-3, 1, 2) }] };
    const report = await checkGradients(await device(), ([x]) => ops.relu(x!), { cases: [near] });
    expect(report).toMatchObject({ ok: false, checked: 2, unsure: 2, failures: [] });
  });

  it('integers are given and not checked; nothing checked is not ok', async () => {
    const labels = { shape: [4], dtype: 'i32', data: Int32Array.of(0, 2, 1, 2) } as const;
    const loss: Differentiable = ([x, y]) => ops.crossEntropy(x!, y!).loss;
    expect(await checkGradients(await device(), loss, { cases: [{ inputs: [[4, 3], labels] }] })).toMatchObject({
      ok: true,
      checked: 12,
    });
    const fixed = { inputs: [{ shape: [4, 3], check: false }, labels] };
    const none = await checkGradients(await device(), loss, { cases: [fixed] });
    expect(none).toMatchObject({ ok: false, checked: 0 });
    expect(none.message).toContain('Nothing was checked');
  });

  it('the seed decides the numbers; elements are spread over large inputs; memory is freed', async () => {
    const own = await device();
    const { live } = own.ledger;
    const square: Differentiable = ([x]) => ops.mul(x!, x!);
    const run = (seed: number) => checkGradients(own, square, { cases: [{ inputs: [[1000]] }], elements: 10, seed });
    const [one, again, other] = [await run(1), await run(1), await run(2)];
    expect(one.checked).toBe(10);
    expect(again).toEqual(one);
    expect(other.worst).not.toBe(one.worst);
    expect(own.ledger.live).toEqual(live);
  });

  it('refuses data that do not fit', async () => {
    const run = async (inputs: CheckGradientsOptions['cases'][number]['inputs']) =>
      checkGradients(await device(), ([x]) => ops.relu(x!), { cases: [{ inputs }] });
    await expect(run([{ shape: [3], data: new Float32Array(2) }])).rejects.toThrow('2 numbers for shape [3]. Pass 3.');
    await expect(run([{ shape: [3], dtype: 'i32' }])).rejects.toThrow('it is i32. Pass its data.');
  });
});
