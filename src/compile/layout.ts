/** Chooses the layout of every value and inserts conversions where a node wants another one. Pure; imports graph. */
import { type Layout, sameMemory } from '../graph/layout.ts';
import type { PlanValue } from '../graph/types.ts';
import { type Ir, type IrNode, type Output, type Relayout, readsOf, useCounts } from './ir.ts';

const ALONE = { epilogue: null, window: null, spread: null } as const;

/** Fresh value numbers, above all that exist. */
function numbering(ir: Ir): () => number {
  let next = Math.max(0, ...ir.values.keys()) + 1;
  return () => next++;
}

/** Values get layouts as their producers give them; a conversion is made once for each value and layout. */
export function assignLayouts(ir: Ir, relayout: Relayout): Ir {
  const values = new Map(ir.values);
  const fresh = numbering(ir);
  const nodes: IrNode[] = [];
  const converted = new Map<string, number>();

  const addConversion = (value: PlanValue, layout: Layout, scope: string): number => {
    const id = fresh();
    values.set(id, { ...value, id, layout, source: { kind: 'node' } });
    nodes.push({ ...relayout(value, layout), scope, inputs: [value.id], outputs: [id], ...ALONE });
    return id;
  };
  const inLayout = (id: number, layout: Layout, scope: string): number => {
    const value = values.get(id)!;
    if (sameMemory(value.shape, value.layout, layout)) return id;
    const key = `${id} ${layout}`;
    const known = converted.get(key) ?? addConversion(value, layout, scope);
    converted.set(key, known);
    return known;
  };

  for (const node of ir.nodes) {
    const choice = node.impl.layout(node.inputs.map((id) => values.get(id)!));
    const inputs = node.inputs.map((id, i) => inLayout(id, choice.inputs[i] ?? 'plain', node.scope));
    // The codes of a window or spread are plain.
    for (const [i, id] of node.outputs.entries())
      values.set(id, { ...values.get(id)!, layout: choice.outputs[i] ?? 'plain' });
    const { epilogue } = node;
    const operand = epilogue?.operand == null ? null : inLayout(epilogue.operand, choice.outputs[0]!, node.scope);
    const plain = (id: number): number => inLayout(id, 'plain', node.scope);
    const channels = epilogue?.channels && { ...epilogue.channels, values: epilogue.channels.values.map(plain) };
    nodes.push({ ...node, inputs, epilogue: epilogue && { ...epilogue, operand, channels: channels ?? null } });
  }
  const outputs = ir.outputs.map(({ value, sink }): Output => {
    if (sink.kind === 'read') return { value, sink };
    return { value: inLayout(value, sink.kind === 'gradient' ? sink.layout : 'plain', ''), sink };
  });
  return separateSinks(storeDirectly({ values, nodes, outputs }, new Set(converted.values())), relayout);
}

/** A conversion of a result that nobody else reads is left out where the kernel that makes the result can store it so. */
function storeDirectly(ir: Ir, conversions: ReadonlySet<number>): Ir {
  const uses = useCounts(ir);
  const nodes: IrNode[] = [];
  const makers = new Map<number, number>();
  for (const node of ir.nodes) {
    const [from, to] = [node.inputs[0]!, node.outputs[0]!];
    const at = conversions.has(to) ? makers.get(from) : undefined;
    const maker = at === undefined ? undefined : nodes[at];
    const direct =
      maker &&
      uses.get(from) === 1 &&
      maker.epilogue?.operand == null &&
      maker.impl.stores(maker.window).includes(ir.values.get(to)!.layout);
    if (direct) nodes[at!] = { ...maker, outputs: [to, ...maker.outputs.slice(1)] };
    else nodes.push(node);
    makers.set(to, direct ? at! : nodes.length - 1);
  }
  return { ...ir, nodes };
}

/** Values that lie in the state arena before anything is written: states, and views of them. */
function oldStates(ir: Ir): Set<number> {
  const old = new Set([...ir.values.values()].filter(({ source }) => source.kind === 'state').map(({ id }) => id));
  for (const { impl, inputs, outputs } of ir.nodes) if (impl.view && old.has(inputs[0]!)) old.add(outputs[0]!);
  return old;
}

/**
 * New states that their node writes over the old ones: it says that it can, reads no other state, and nobody else reads
 * these. The rest of a graph that reads old states writes new ones by copies at its end.
 */
function writtenInPlace(ir: Ir, old: ReadonlySet<number>): Set<number> {
  const uses = useCounts(ir);
  const sinkOf = new Map(ir.outputs.map(({ value, sink }) => [value, sink.kind === 'state' ? sink.name : null]));
  const found = new Set<number>();
  for (const node of ir.nodes) {
    const pairs = node.impl.inPlace.map(({ output, input }) => {
      const { id, source } = ir.values.get(node.inputs[input]!)!;
      return { id, output: node.outputs[output]!, name: source.kind === 'state' ? source.name : null };
    });
    const own = new Set(pairs.map(({ id }) => id));
    const fits =
      pairs.every(({ id, output, name }) => name !== null && uses.get(id) === 1 && sinkOf.get(output) === name) &&
      readsOf(node).every((id) => own.has(id) || !old.has(id));
    if (fits) for (const { output } of pairs) found.add(output);
  }
  return found;
}

/**
 * A result that goes to an arena is written there by its own kernel. Where that cannot be (it is an input, a view, read by
 * another node, or wanted at two places), a copy is; so are new states of a graph that reads old ones, at its end, but for
 * those written in place.
 */
function separateSinks(ir: Ir, relayout: Relayout): Ir {
  const values = new Map(ir.values);
  const nodes = [...ir.nodes];
  const late: IrNode[] = [];
  const fresh = numbering(ir);
  const uses = useCounts(ir);
  const old = oldStates(ir);
  const inPlace = writtenInPlace(ir, old);
  const readsState =
    ir.nodes.some(({ impl, inputs }) => !impl.view && inputs.some((id) => old.has(id))) ||
    ir.outputs.some(({ value, sink }) => sink.kind !== 'read' && old.has(value));
  const made = new Set(ir.nodes.filter((node) => !node.impl.view).flatMap((node) => node.outputs));
  const copy = (value: number, to: IrNode[]): number => {
    const source = values.get(value)!;
    const id = fresh();
    values.set(id, { ...source, id, source: { kind: 'node' } });
    to.push({ ...relayout(source, source.layout), scope: '', inputs: [value], outputs: [id], ...ALONE });
    return id;
  };
  const outputs = ir.outputs.map(({ value, sink }): Output => {
    const waits = sink.kind === 'state' && readsState && !inPlace.has(value);
    const direct = made.has(value) && uses.get(value) === 1 && !waits;
    if (sink.kind === 'read' || direct) return { value, sink };
    // No dispatch may read and write the state arena.
    const source = sink.kind === 'state' && old.has(value) ? copy(value, nodes) : value;
    return { value: copy(source, sink.kind === 'state' ? late : nodes), sink };
  });
  return { values, nodes: [...nodes, ...late], outputs };
}
