/** Small ops for tests of the passes: what they compute is told by their names, and `compute` knows it too. May import src/graph and src/compile. */
import { capture, type Ir, type Sink } from '../../src/compile/ir.ts';
import { defineOp, type Op } from '../../src/graph/define-op.ts';
import type { Layout } from '../../src/graph/layout.ts';
import type { Kernel, PlanValue, ShaderSource, Value } from '../../src/graph/types.ts';

const shader: ShaderSource = { file: 'toy.wgsl', text: 'fn main() {}', includes: {} };

/** A kernel that binds what is given and no more. */
export const kernelOf = (bind: Kernel['bind']): Kernel => ({ shader, bind, workgroups: [1, 1, 1] });

const bindAll = (inputs: readonly PlanValue[], outputs: readonly PlanValue[]): Kernel['bind'] =>
  Object.fromEntries([...inputs.map((v, i) => [`in${i}`, v]), ...outputs.map((v, i) => [`out${i}`, v])]);

type None = Readonly<Record<string, never>>;

export const add: Op<None> = defineOp<None>({
  name: 'add',
  infer: ([a]) => [a!],
  grad: ({ dOutputs: [dy] }) => [dy!, dy!],
  variants: ({ inputs, outputs }) => [{ id: 'only', kernels: [kernelOf(bindAll(inputs, outputs))] }],
});

export const plus = (a: Value, b: Value): Value => add([a, b], {})[0];

export const mul: Op<None> = defineOp<None>({
  name: 'mul',
  infer: ([a]) => [a!],
  grad: ({ inputs: [a, b], dOutputs: [dy], needs }) => [
    needs[0] ? mul([dy!, b!], {})[0] : null,
    needs[1] ? mul([dy!, a!], {})[0] : null,
  ],
});

/** Two outputs: 2 x and 3 x. */
export const fork: Op<None> = defineOp<None>({
  name: 'fork',
  infer: ([x]) => [x!, x!],
  grad({ dOutputs: [a, b] }) {
    const parts = [a ? scale([a], { by: 2 })[0] : null, b ? scale([b], { by: 3 })[0] : null].filter((g) => g !== null);
    return [parts.length === 2 ? plus(parts[0]!, parts[1]!) : parts[0]!];
  },
});

export const scale: Op<{ readonly by: number }> = defineOp<{ readonly by: number }>({
  name: 'scale',
  infer: ([x]) => [x!],
  grad: ({ dOutputs: [dy], attrs }) => scale([dy!], attrs),
});

/** Not differentiable. */
export const sign: Op<None> = defineOp<None>({ name: 'sign', infer: ([x]) => [x!] });

/** The number of a scalar value, worked out from the numbers of the leaves. */
export function compute(value: Value, leaf: (value: Value) => number): number {
  if (value.source.kind === 'constant') return Number(value.source.value);
  if (value.source.kind !== 'node') return leaf(value);
  const { node, index } = value.source;
  const [a = 0, b = 0] = node.inputs.map((input) => compute(input, leaf));
  switch (node.op) {
    case 'add':
      return a + b;
    case 'mul':
      return a * b;
    case 'fork':
      return (index === 0 ? 2 : 3) * a;
    case 'scale':
      return a * Number(node.attrs.by);
    default:
      throw new Error(`no rule for ${node.op}`);
  }
}

export type FreeAttrs = {
  /** Layout it wants for all inputs and gives to all outputs; null: those of the first input. */
  readonly layout: Layout | null;
  readonly outputs: number;
  readonly channels: number;
  readonly scratch: number;
  readonly view: boolean;
};

const freeOp = (view: boolean): Op<FreeAttrs> =>
  defineOp<FreeAttrs>({
    name: view ? 'freeView' : 'free',
    view,
    infer: ([x], { outputs, channels }) =>
      Array.from({ length: view ? 1 : outputs }, () => ({
        shape: view ? x!.shape : [2, channels, 3, 3],
        dtype: 'f32' as const,
      })),
    layout(inputs, { layout, outputs }) {
      const all = layout ?? inputs[0]?.layout ?? 'plain';
      return { inputs: inputs.map(() => all), outputs: new Array<Layout>(view ? 1 : outputs).fill(all) };
    },
    variants({ inputs, outputs }, caps) {
      return caps.maxInvocations < 1 ? [] : [{ id: 'only', kernels: [kernelOf(bindAll(inputs, outputs))] }];
    },
  });

const plainFree = freeOp(false);
const viewFree = freeOp(true);

/** An op of any form. */
export const free = (inputs: readonly Value[], attrs: FreeAttrs): readonly [Value, ...Value[]] =>
  (attrs.view ? viewFree : plainFree)(inputs, attrs);

/** [x, a, b] -> y, and new a and b that may lie over the old ones. */
export const track: Op<None> = defineOp<None>({
  name: 'track',
  infer: ([x, a, b]) => [x!, a!, b!],
  variants: ({ inputs, outputs }) => [{ id: 'only', kernels: [kernelOf(bindAll(inputs, outputs))] }],
  inPlace: () => [
    { output: 1, input: 1 },
    { output: 2, input: 2 },
  ],
});

/** The Ir of values that are to be read. */
export const irOf = (
  values: { readonly [name: string]: Value },
  sinks: readonly { value: Value; sink: Sink }[] = [],
): Ir =>
  capture([
    ...Object.entries(values).map(([name, value]) => ({ value, sink: { kind: 'read', name } as const })),
    ...sinks,
  ]);
