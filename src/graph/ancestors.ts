/** What values of a graph depend on. Imports types only. */
import type { Node, Value } from './types.ts';

/** All nodes that the values depend on, inputs before users. */
export function ancestors(values: readonly Value[]): Node[] {
  const found = new Map<number, Node>();
  const stack = [...values];
  while (stack.length > 0) {
    const { source } = stack.pop()!;
    if (source.kind !== 'node' || found.has(source.node.id)) continue;
    found.set(source.node.id, source.node);
    stack.push(...source.node.inputs);
  }
  // A node is made after its inputs, so the order of the ids is a topological order.
  return [...found.values()].sort((a, b) => a.id - b.id);
}
