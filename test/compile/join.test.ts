/** Dispatches that share one: which may, and that they compute what they would alone. On any adapter. */
import { describe, expect, test } from 'vitest';
import { compilePlan } from '../../src/compile/plan.ts';
import { defineOp, input } from '../../src/graph/define-op.ts';
import type { ShaderSource, Value } from '../../src/graph/types.ts';
import { relayout } from '../../src/ops/index.ts';
import { Session } from '../../src/runtime/session.ts';
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

const NO_ARENAS = { parameters: { entries: [], shards: [] }, state: { entries: [], shards: [] } };

/** The plan of these values, and what it makes of x and w. */
async function joined(values: { readonly [name: string]: Value }) {
  const on = await device();
  const names = Object.keys(values);
  const outputs = names.map((name) => ({ value: values[name]!, sink: { kind: 'read' as const, name } }));
  const plan = compilePlan({ outputs, arenas: NO_ARENAS, caps: on.caps, relayout, join: true });
  const session = new Session(on, NO_ARENAS);
  const prepared = await session.prepare(plan);
  session.write(prepared, 'x', data);
  session.write(prepared, 'w', other);
  session.run([prepared]);
  const results = await session.read(prepared, names);
  session.dispose();
  return { dispatches: plan.dispatches, results: Object.fromEntries(names.map((name, i) => [name, [...results[i]!]])) };
}

const x = input('x', [50]);
const w = input('w', [23]);
const data = Float32Array.from({ length: 50 }, (_, i) => i - 20);
const other = Float32Array.from({ length: 23 }, (_, i) => 3 * i);

describe('joinDispatches', () => {
  test('neighbours that do not depend on each other run in one dispatch, and compute what they would alone', async () => {
    const { dispatches, results } = await joined({ a: scaled(x, 2, { rows: 3 }), b: scaled(w, 5, { rows: 2 }) });
    expect(dispatches.map(({ label, workgroups }) => [label, workgroups])).toEqual([
      ['scale & scale', [5 * 3 + 3 * 2, 1, 1]],
    ]);
    expect(results).toEqual({ a: [...data].map((v) => 2 * v + 3), b: [...other].map((v) => 5 * v + 2) });
  });

  const times = (factor: number) => [...data].map((v) => factor * v + 1);

  test.each([
    ['two that read the same', 1, { a: scaled(x, 2), b: scaled(x, 3) }, { a: times(2), b: times(3) }],
    [
      'three: two and one',
      2,
      { a: scaled(x, 2), b: scaled(x, 3), c: scaled(x, 4) },
      { a: times(2), b: times(3), c: times(4) },
    ],
    ['one that reads what the other makes', 2, { a: scaled(scaled(x, 2), 3) }, { a: times(2).map((v) => 3 * v + 1) }],
    [
      'one that does not say so',
      2,
      { a: scaled(x, 2), b: scaled(x, 3, { joins: false }) },
      { a: times(2), b: times(3) },
    ],
  ])('%s: %i dispatches', async (_, count, values, wanted) => {
    const { dispatches, results } = await joined(values);
    expect(dispatches).toHaveLength(count);
    expect(results).toEqual(wanted);
  });
});
