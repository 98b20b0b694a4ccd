/** Dispatches that share one: which may, and that they compute what they would alone. On any adapter. */
import { describe, expect, test } from 'vitest';
import { defineOp } from '../../src/graph/define-op.ts';
import type { ShaderSource, Value } from '../../src/graph/types.ts';
import { compile, f32 } from '../../src/train/program.ts';
import { device } from '../support/device.ts';

const text = `struct Params { n: u32, factor: f32, row: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
fn factor(v: f32) -> f32 { return v * params.factor; }
@compute @workgroup_size(4)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = ((wg.z * groups.y + wg.y) * groups.x + wg.x) * 4u + li;
  if (i < params.n) { y[i] = factor(x[i]) + f32(groups.y); }
}`;
const shader: ShaderSource = { file: 'toy/scale.wgsl', text, includes: {} };

/** factor * x + `rows`, by `rows` rows of workgroups. */
const scale = defineOp<{ readonly factor: number; readonly rows: number; readonly joins: boolean }>({
  name: 'scale',
  infer: ([x]) => [x!],
  variants({ inputs: [x], outputs: [y], attrs: { factor, rows, joins } }) {
    const n = x!.shape[0]!;
    const workgroups = [Math.ceil(n / 4 / rows), rows, 1] as const;
    return [
      { id: 'only', kernels: [{ shader, bind: { x: x!, y: y! }, params: { n, factor, row: 1 }, workgroups, joins }] },
    ];
  },
});

const scaled = (x: Value, factor: number, { rows = 1, joins = true } = {}): Value =>
  scale([x], { factor, rows, joins })[0];

const data = Float32Array.from({ length: 50 }, (_, i) => i - 20);
const other = Float32Array.from({ length: 23 }, (_, i) => 3 * i);

describe('joinDispatches', () => {
  test('neighbours that do not depend on each other run in one dispatch, and compute what they would alone', async () => {
    const program = await compile(await device(), { x: f32(50), w: f32(23) }, ({ x, w }) => ({
      a: scaled(x, 2, { rows: 3 }),
      b: scaled(w, 5, { rows: 2 }),
    }));
    expect(program.plan.dispatches.map(({ label, workgroups }) => [label, workgroups])).toEqual([
      ['scale & scale', [5 * 3 + 3 * 2, 1, 1]],
    ]);
    const { a, b } = await program.run({ x: data, w: other });
    expect([...a!]).toEqual([...data].map((v) => 2 * v + 3));
    expect([...b!]).toEqual([...other].map((v) => 5 * v + 2));
    program.dispose();
  });

  test.each([
    ['two that read the same', 1, (x: Value) => ({ a: scaled(x, 2), b: scaled(x, 3) })],
    ['three: two and one', 2, (x: Value) => ({ a: scaled(x, 2), b: scaled(x, 3), c: scaled(x, 4) })],
    ['one that reads what the other makes', 2, (x: Value) => ({ b: scaled(scaled(x, 2), 3) })],
    ['one that does not say so', 2, (x: Value) => ({ a: scaled(x, 2), b: scaled(x, 3, { joins: false }) })],
  ])('%s: %i dispatches', async (_, count, body) => {
    const program = await compile(await device(), { x: f32(50) }, ({ x }) => body(x));
    expect(program.plan.dispatches).toHaveLength(count);
    const results = await program.run({ x: data });
    const factors: { readonly [name: string]: number } = { a: 2, b: 3, c: 4 };
    for (const [name, result] of Object.entries(results)) {
      const v = (x: number) =>
        (name === 'b' && count === 2 && !('a' in results) ? 3 * (2 * x + 1) : factors[name]! * x) + 1;
      expect([...result], name).toEqual([...data].map(v));
    }
    program.dispose();
  });
});
