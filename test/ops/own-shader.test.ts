/** `shader`: what own kernels may include; and an own op among gabor's. */
import { expect, test } from 'vitest';
import {
  checkGradients,
  compile,
  defineOp,
  f32,
  followFirst,
  linearGroups,
  mul,
  type Op,
  ops,
  physicalSize,
  shader,
  type Value,
} from '../../src/index.ts';
import { preprocess } from '../../src/shader/preprocess.ts';
import { device } from '../support/device.ts';

test("includes gabor's files and your own, those of includes too, and no others", () => {
  const made = shader({
    file: 'my/a.wgsl',
    text: '//#include "my/b.wgsl"\n  //#include lib/linear-id.wgsl\nfn main() {}',
    includes: { 'my/b.wgsl': '// b\n//#include "lib/math.wgsl"\nfn b() {}', 'my/unused.wgsl': '' },
  });
  expect(Object.keys(made.includes).sort()).toEqual(['lib/linear-id.wgsl', 'lib/math.wgsl', 'my/b.wgsl']);
  const { code } = preprocess(made);
  for (const name of ['linear_group', 'tanh_exact', 'b', 'main']) expect(code).toContain(`fn ${name}(`);
});

test('your own file goes before one of the same name', () => {
  const made = shader({
    file: 'a.wgsl',
    text: '//#include "lib/math.wgsl"',
    includes: { 'lib/math.wgsl': 'fn own() {}' },
  });
  expect(preprocess(made).code).toContain('fn own()');
});

test.each(['lib/none.wgsl', 'toString'])('an unknown file, %s, is an error with the names that there are', (name) => {
  expect(() => shader({ file: 'my/a.wgsl', text: `//#include "${name}"` })).toThrow(
    `my/a.wgsl: there is no "${name}" to include. Pass it in \`includes\`, or use lib/divide.wgsl, lib/linear-id.wgsl, `,
  );
});

test('files that include each other end', () => {
  const includes = { 'x.wgsl': '//#include "y.wgsl"', 'y.wgsl': '//#include "x.wgsl"' };
  expect(Object.keys(shader({ file: 'a.wgsl', text: '//#include "x.wgsl"', includes }).includes)).toEqual([
    'x.wgsl',
    'y.wgsl',
  ]);
});

/** x |x|, element by element in memory as it lies. */
const square: Op<Readonly<Record<string, never>>> = defineOp({
  name: 'signedSquare',
  infer: ([x]) => [{ shape: x!.shape, dtype: 'f32' }],
  layout: (inputs) => followFirst(inputs, 1),
  grad: ({ inputs: [x], dOutputs: [dy] }) => [mul(dy!, ops.mulScalar(ops.abs(x!), 2))],
  variants: ({ inputs: [x], outputs: [y] }) => [
    {
      id: 'direct',
      kernels: [
        {
          shader: shader({
            file: 'signed-square.wgsl',
            text: `//#include "lib/linear-id.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i < params.count) { y[i] = x[i] * abs(x[i]); }
}`,
          }),
          bind: { x: x!, y: y! },
          params: { count: physicalSize(x!.shape, x!.layout) },
          workgroups: linearGroups(physicalSize(x!.shape, x!.layout), 64),
        },
      ],
    },
  ],
});

type Middle = (v: Value) => Value;

/** Two convolutions with something between them. */
const between = ([x, w1, w2]: readonly Value[], middle: Middle): Value =>
  ops.conv2d(middle(ops.conv2d(x!, w1!, null, {})), w2!, null, {});

test('an own op that follows its input needs no conversion between convolutions, and is right', async () => {
  const [x, w1, w2] = [f32(2, 3, 7, 6), f32(5, 3, 3, 3), f32(2, 5, 3, 3)];
  const own: Middle = (v) => square([v], {})[0];
  const labelsOf = async (middle: Middle): Promise<string[]> => {
    const program = await compile(await device(), { x, w1, w2 }, (v) => ({ y: between([v.x, v.w1, v.w2], middle) }));
    program.dispose();
    return program.plan.dispatches.map(({ label }) => label.split(' ')[0]!);
  };
  expect((await labelsOf(own)).filter((op) => op !== 'signedSquare')).toEqual(await labelsOf((v) => v));
  const net = (values: readonly Value[]): Value => between(values, own);
  const report = await checkGradients(await device(), net, { cases: [{ inputs: [x.shape, w1.shape, w2.shape] }] });
  expect(report.ok, report.message).toBe(true);
});

test('linear_group numbers the workgroups of a folded grid', async () => {
  const numbers: Op<Readonly<Record<string, never>>> = defineOp({
    name: 'numbers',
    infer: ([x]) => [{ shape: x!.shape, dtype: 'f32' }],
    variants: ({ inputs: [x], outputs: [y] }) => [
      {
        id: 'folded',
        kernels: [
          {
            shader: shader({
              file: 'numbers.wgsl',
              text: `//#include "lib/linear-id.wgsl"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let i = linear_group(wg, groups);
  y[i] = x[i] + f32(i);
}`,
            }),
            bind: { x: x!, y: y! },
            workgroups: [5, 3, 1],
          },
        ],
      },
    ],
  });
  const program = await compile(await device(), { x: f32(15) }, ({ x }) => ({ y: numbers([x], {})[0] }));
  const { y } = await program.run({ x: new Float32Array(15).fill(0.5) });
  expect([...y!]).toEqual(Array.from({ length: 15 }, (_, i) => i + 0.5));
  program.dispose();
});
