/** An op with variants that are right, wrong or slow, for tests of who chooses among them. May import src. */
import type { Offer } from '../../src/compile/select.ts';
import { defineOp } from '../../src/graph/define-op.ts';
import type { KernelContext, Value, Variant } from '../../src/graph/types.ts';
import { linearGroups } from '../../src/graph/workgroups.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';

const NONE = {};
type None = Readonly<Record<string, never>>;

/** y = 2 x by a shader with `body` for each element; `work` repeats the sum without changing it. */
function doubling(body: string): string {
  return `// Doubles.
struct Params { count: u32, work: u32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let i = id.x;
  if (i >= params.count) { return; }
  var v = x[i];
  for (var k = 0u; k < params.work; k++) { v = max(v + f32(k & 1u) * 0.0, v); }
  ${body}
}
`;
}

export const RIGHT = 'y[i] = 2.0 * v;';

/** An op whose variants are named after what they do. */
export function doublingOp(
  variants: readonly { readonly id: string; readonly body?: string; readonly work?: number }[],
) {
  const kernels = ({ inputs: [x], outputs: [y] }: KernelContext<None>): readonly Variant[] =>
    variants.map(({ id, body = RIGHT, work = 0 }) => ({
      id,
      kernels: [
        {
          shader: { file: `test/${id}.wgsl`, text: doubling(body), includes: {} },
          bind: { x: x!, y: y! },
          params: { count: y!.shape[0]!, work },
          workgroups: linearGroups(y!.shape[0]!, 64),
        },
      ],
    }));
  const op = defineOp<None>({ name: 'doubling', infer: ([x]) => [x!], variants: kernels });
  return (x: Value): Value => op([x], NONE)[0];
}

/** What select would offer for one doubling. */
export function offerOf(double: (x: Value) => Value, count: number): Offer {
  const spec = { shape: [count], dtype: 'f32', layout: 'plain' } as const;
  const input = { ...spec, id: 1, source: { kind: 'input', name: 'x' } } as const;
  const output = { ...spec, id: 2, source: { kind: 'node' } } as const;
  const source = double({ ...spec, id: 1, source: { kind: 'input', name: 'x' } }).source;
  if (source.kind !== 'node') throw new Error('no node');
  const context = { inputs: [input], outputs: [output], used: [true], epilogue: null, window: null };
  const { impl, op, scope, attrs } = source.node;
  return { ...context, op, scope, attrs, flops: count, variants: impl.variants(context, DEFAULT_CAPS) };
}
