/** shaders/lib/divide.wgsl against WGSL's own integer division, on random and on awkward operands. */
import { expect, test } from 'vitest';
import divideText from '../../shaders/lib/divide.wgsl?raw';
import { defineOp } from '../../src/graph/define-op.ts';
import type { Variant } from '../../src/graph/types.ts';
import { compile } from '../../src/train/program.ts';
import { device } from '../support/device.ts';
import { Random } from '../support/random.ts';

const text = `//#include "lib/divide.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> a: array<u32>;
@group(0) @binding(1) var<storage, read> b: array<u32>;
@group(0) @binding(2) var<storage, read_write> q: array<u32>;
@group(0) @binding(3) var<storage, read_write> small: array<u32>;
@group(0) @binding(4) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  q[id.x] = divide(a[id.x], b[id.x]);
  small[id.x] = u32(divide_small(i32(a[id.x] & 0xfffffu), i32(b[id.x])));
}`;

const divideOp = defineOp<Readonly<Record<string, never>>>({
  name: 'divide',
  infer: ([a]) => [
    { shape: a!.shape, dtype: 'u32' },
    { shape: a!.shape, dtype: 'u32' },
  ],
  variants({ inputs: [a, b], outputs: [q, small] }): Variant[] {
    const count = a!.shape[0]!;
    const shader = { file: 'divide-test.wgsl', text, includes: { 'lib/divide.wgsl': divideText } };
    const bind = { a: a!, b: b!, q: q!, small: small! };
    return [{ id: 'only', kernels: [{ shader, bind, params: { count }, workgroups: [Math.ceil(count / 64), 1, 1] }] }];
  },
});

/** Pairs with random magnitudes, many of them multiples of the divisor, give or take one. */
function operands(count: number): { a: Uint32Array<ArrayBuffer>; b: Uint32Array<ArrayBuffer> } {
  const random = new Random(1);
  const a = new Uint32Array(count);
  const b = new Uint32Array(count);
  for (let i = 0; i < count; i++) {
    const divisor = 1 + Math.floor((2 ** random.integer(0, 20) - 1) * random.next());
    const top = Math.floor(2 ** random.integer(0, 31) * random.next());
    const near = Math.floor(top / divisor) * divisor + random.integer(-1, 1);
    b[i] = divisor;
    a[i] = i % 2 === 0 ? top : Math.min(2 ** 31 - 1, Math.max(0, near));
  }
  return { a, b };
}

test('the quotients are exact', async () => {
  const { a, b } = operands(60_000);
  const spec = { shape: [a.length], dtype: 'u32' as const };
  const program = await compile(await device(), { a: spec, b: spec }, (v) => {
    const [q, small] = divideOp([v.a, v.b], {});
    return { q, small: small! };
  });
  const { q, small } = await program.run({ a, b });
  program.dispose();
  const wrong = [...a].flatMap((value, i) => {
    const divisor = b[i]!;
    const right = q![i] === Math.floor(value / divisor) && small![i] === Math.floor((value & 0xfffff) / divisor);
    return right ? [] : [`${value} / ${divisor}: ${q![i]}, ${small![i]}`];
  });
  expect(wrong).toEqual([]);
});
