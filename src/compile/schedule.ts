/** Order of the nodes, which of them are needed, and how long each value lives. Pure; imports graph. */
import { type Ir, type IrNode, readsOf } from './ir.ts';

export interface Lifetime {
  /** Index of the node that makes the value; -1 for values that are there before. */
  readonly first: number;
  /** Index of the last node that reads it; the node count for values read after the run. */
  readonly last: number;
}

export interface Schedule {
  readonly nodes: readonly IrNode[];
  /** By the value whose memory it is: views count as uses of what they look at. */
  readonly lifetimes: ReadonlyMap<number, Lifetime>;
  /** The value whose memory a value is: itself, or what it is a view of. */
  readonly base: ReadonlyMap<number, number>;
  /** Values that some node or output reads. */
  readonly used: ReadonlySet<number>;
}

/** Drops the nodes that no output depends on. */
function needed(ir: Ir): IrNode[] {
  const wanted = new Set(ir.outputs.map((output) => output.value));
  const kept: IrNode[] = [];
  for (const node of [...ir.nodes].reverse()) {
    if (!node.outputs.some((id) => wanted.has(id))) continue;
    kept.push(node);
    for (const id of readsOf(node)) wanted.add(id);
  }
  return kept.reverse();
}

/** The order is the order of creation, which interleaves the gradients as differentiation met them. */
export function schedule(ir: Ir): Schedule {
  const nodes = needed(ir);
  const base = new Map<number, number>();
  const baseOf = (id: number): number => base.get(id) ?? id;
  const lifetimes = new Map<number, Lifetime>();
  const used = new Set<number>();
  const read = (id: number, at: number): void => {
    used.add(id);
    const owner = baseOf(id);
    const { first } = lifetimes.get(owner) ?? { first: -1 };
    lifetimes.set(owner, { first, last: Math.max(at, lifetimes.get(owner)?.last ?? at) });
  };
  for (const [i, node] of nodes.entries()) {
    for (const id of readsOf(node)) read(id, i);
    for (const id of node.outputs) {
      base.set(id, node.impl.view ? baseOf(node.inputs[0]!) : id);
      if (!node.impl.view) lifetimes.set(id, { first: i, last: i });
    }
  }
  for (const output of ir.outputs) read(output.value, nodes.length);
  return { nodes, lifetimes, base, used };
}
