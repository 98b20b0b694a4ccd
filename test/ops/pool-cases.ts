/** What the tests of both pools share: golden and random cases, forced variants, memory with its padding. */
import { expect } from 'vitest';
import { compilePlan } from '../../src/compile/plan.ts';
import type { Device } from '../../src/gpu/device.ts';
import { readRanges } from '../../src/gpu/readback.ts';
import { input } from '../../src/graph/define-op.ts';
import { padChannels } from '../../src/graph/layout.ts';
import type { Value } from '../../src/graph/types.ts';
import { relayout } from '../../src/ops/copy.ts';
import { Session, type TensorData } from '../../src/runtime/session.ts';
import { compile, grad } from '../../src/train/program.ts';
import { compare, GOLDENS, type GoldenCase, goldenInputs, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { reference } from '../support/reference/index.ts';
import { type Tensor, toFloat32 } from '../support/tensor.ts';

type Attrs = GoldenCase['attrs'];
type Outputs = { readonly y: Value; readonly indices?: Value };
export type Pools = Readonly<Record<string, (x: Value, attrs: Attrs) => Outputs>>;

export interface PoolCase {
  readonly name: string;
  readonly op: string;
  readonly attrs: Attrs;
  readonly shape: readonly number[];
}

interface Data {
  readonly x: Tensor;
  readonly dy: { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> };
}

/** Forces variants wherever they are offered; remembers which ran. */
const chooser = (wanted: string, seen: Set<string>) => (node: { op: string }, ids: readonly string[]) => {
  const id = ids.find((offered) => wanted.split(' ').includes(offered)) ?? ids[0]!;
  if (/Pool/.test(node.op)) seen.add(id);
  return id;
};

async function run(on: Device, pool: (x: Value) => Outputs, { x, dy }: Data, variant: string) {
  const seen = new Set<string>();
  const program = await compile(
    on,
    { x: { shape: x.shape, dtype: 'f32' }, dy: { shape: dy.shape, dtype: 'f32' } },
    (v) => {
      const outputs = pool(v.x);
      return { ...outputs, dx: grad(outputs.y, [v.x], { seed: v.dy })[0]! };
    },
    { choose: chooser(variant, seen) },
  );
  const out: { [name: string]: TensorData } = await program.run({ x: toFloat32(x), dy: dy.data });
  program.dispose();
  return { y: out.y!, indices: out.indices, dx: out.dx!, seen };
}

/** The golden cases of some ops. */
export const goldenPools = (pools: Pools): GoldenCase[] => loadFamily(GOLDENS, 'pool').filter(({ op }) => op in pools);

/** Runs a golden case: forward, indices, gradient. */
export async function checkGolden(on: Device, pools: Pools, golden: GoldenCase, variant: string): Promise<Set<string>> {
  const upstream = golden.tensors.get(golden.upstream.y!)!;
  const dy = { shape: upstream.shape, data: Float32Array.from(upstream.data) };
  const out = await run(on, (x) => pools[golden.op]!(x, golden.attrs), { x: goldenInputs(golden).x!, dy }, variant);
  const check = (actual: TensorData | undefined, name: string): void => {
    const result = compare(actual!, golden.tensors.get(name)!, golden.tolerance[name]);
    expect(result.ok, `${name}: ${result.message}`).toBe(true);
  };
  check(out.y, 'y');
  check(out.dx, golden.gradients.x!);
  if (golden.tensors.has('indices')) expect([...out.indices!]).toEqual([...golden.tensors.get('indices')!.data]);
  return out.seen;
}

/** Runs a case on random data with many equal values against the float64 reference. */
export async function checkRandom(on: Device, pools: Pools, c: PoolCase, variant: string): Promise<Set<string>> {
  const random = new Random(c.shape.reduce((seed, size) => seed * 31 + size, 7));
  const x = random.integers(c.shape, { min: -9, max: 9 });
  const { forward, backward } = reference[c.op]!;
  const expected = forward({ x }, c.attrs);
  const dy = random.normal(expected.y!.shape);
  const gradient = backward!({ x }, c.attrs, { y: dy }).x!;
  const out = await run(
    on,
    (v) => pools[c.op]!(v, c.attrs),
    { x, dy: { shape: dy.shape, data: toFloat32(dy) } },
    variant,
  );
  for (const [actual, want] of [
    [out.y, expected.y],
    [out.dx, gradient],
  ] as const) {
    const result = compare(actual!, want!, { atol: 2e-6, rtol: 2e-6 });
    expect(result.ok, result.message).toBe(true);
  }
  if (out.indices) expect([...out.indices]).toEqual([...expected.indices!.data]);
  return out.seen;
}

/** The padding lanes of everything that a pool writes, as it lies in memory; all must be zero. */
export async function paddingLanes(
  on: Device,
  pool: (x: Value) => Outputs,
  shape: readonly number[],
): Promise<number[]> {
  const x = input('x', shape);
  const outputs = pool(x);
  const dy = input('dy', outputs.y.shape);
  const values = { ...outputs, dx: grad(outputs.y, [x], { seed: dy })[0]! };
  const none = { entries: [], shards: [] };
  const arenas = { parameters: none, state: none };
  const plan = compilePlan({
    outputs: Object.entries(values).map(([name, value]) => ({ value, sink: { kind: 'read', name } })),
    arenas,
    caps: on.caps,
    relayout,
  });
  const session = new Session(on, arenas);
  const prepared = await session.prepare(plan);
  const random = new Random(5);
  session.write(prepared, 'x', toFloat32(random.normal(shape)));
  session.write(prepared, 'dy', toFloat32(random.normal(dy.shape)));
  session.run([prepared]);
  const lanes: number[] = [];
  for (const { place, layout, shape: size } of plan.outputs) {
    expect(layout).toBe('nhwc');
    const [bytes] = await readRanges(on, [
      { buffer: prepared.bufferOf(place.buffer), offset: place.offset, bytes: place.bytes },
    ]);
    const memory = new Uint32Array(bytes!);
    const [n, c, h, w] = size as [number, number, number, number];
    const padded = padChannels(c);
    for (let i = 0; i < n * h * w * padded; i++) if (i % padded >= c) lanes.push(memory[i]!);
  }
  session.dispose();
  return lanes;
}
