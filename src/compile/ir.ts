/** The flat form of a graph that the passes after differentiation work on: plain lists, values by number. Imports graph. */
import { ancestors } from '../graph/ancestors.ts';
import type { Layout } from '../graph/layout.ts';
import type { Attrs, BoundOp, ByChannel, PlanValue, Value, WindowRule } from '../graph/types.ts';

/** The pointwise functions that a node's kernels apply, with the values that they read besides. */
export interface IrEpilogue {
  readonly name: string;
  readonly statements: string;
  readonly operand: number | null;
  readonly channels: ByChannel<number> | null;
}

export interface IrNode {
  readonly op: string;
  readonly scope: string;
  readonly attrs: Attrs;
  readonly impl: BoundOp;
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
  readonly epilogue: IrEpilogue | null;
  /** The pool that its kernels apply to their results, before the epilogue. */
  readonly window: WindowRule | null;
  /** Number of the input that its kernels load as the gradient of a pool, whose codes are the last input. */
  readonly spread: number | null;
}

/** Where a result must end up. */
export type Sink =
  /** Readable after a run, in the plain layout. */
  | { readonly kind: 'read'; readonly name: string }
  /** The gradient arena, at the place of this parameter. */
  | { readonly kind: 'gradient'; readonly parameter: string; readonly layout: Layout }
  /** The state arena: the new value of this state. */
  | { readonly kind: 'state'; readonly name: string };

export interface Output {
  readonly value: number;
  readonly sink: Sink;
}

export interface Ir {
  readonly values: ReadonlyMap<number, PlanValue>;
  readonly nodes: readonly IrNode[];
  readonly outputs: readonly Output[];
}

/** How the layout pass adds a conversion; the op itself is passed in because this folder knows no ops. */
export type Relayout = (value: PlanValue, layout: Layout) => { impl: BoundOp; op: string; attrs: Attrs };

const planValue = (value: Value): PlanValue => ({
  id: value.id,
  shape: value.shape,
  dtype: value.dtype,
  layout: value.layout ?? 'plain',
  source: value.source.kind === 'node' ? { kind: 'node' } : value.source,
});

/** The nodes that the outputs depend on, in the order they were made. */
export function capture(outputs: readonly { readonly value: Value; readonly sink: Sink }[]): Ir {
  const nodes = ancestors(outputs.map((output) => output.value));
  const values = new Map<number, PlanValue>();
  const see = (value: Value): number => {
    if (!values.has(value.id)) values.set(value.id, planValue(value));
    return value.id;
  };
  const irNodes = nodes.map(
    (node): IrNode => ({
      op: node.op,
      scope: node.scope,
      attrs: node.attrs,
      impl: node.impl,
      inputs: node.inputs.map(see),
      outputs: node.outputs.map(see),
      epilogue: null,
      window: null,
      spread: null,
    }),
  );
  return { values, nodes: irNodes, outputs: outputs.map(({ value, sink }) => ({ value: see(value), sink })) };
}

/** The values that a node reads: its inputs and what its epilogue reads. */
export function readsOf({ inputs, epilogue }: IrNode): readonly number[] {
  if (!epilogue) return inputs;
  const { operand, channels } = epilogue;
  return [...inputs, ...(operand === null ? [] : [operand]), ...(channels?.values ?? [])];
}

/** How often each value is read by nodes and outputs. */
export function useCounts(ir: Ir): Map<number, number> {
  const counts = new Map<number, number>();
  const count = (id: number): unknown => counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const node of ir.nodes) readsOf(node).forEach(count);
  for (const output of ir.outputs) count(output.value);
  return counts;
}
