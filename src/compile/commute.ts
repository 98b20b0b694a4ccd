/**
 * Pointwise functions change places with what only picks elements: relu(x) pooled is relu of x pooled, on a quarter of the
 * values, and so is its gradient. Works on values, before differentiation. Pure; imports graph.
 */
import { ancestors } from '../graph/ancestors.ts';
import type { Node, Value } from '../graph/types.ts';

/** How often each value is read: by nodes that the roots depend on, and as a root. */
function readCounts(roots: readonly Value[], nodes: readonly Node[]): Map<number, number> {
  const counts = new Map<number, number>();
  for (const { id } of [...roots, ...nodes.flatMap(({ inputs }) => inputs)]) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

class Commuter {
  readonly #nodes: readonly Node[];
  readonly #counts: Map<number, number>;
  /** What stands in for a value. */
  readonly #now = new Map<number, Value>();

  constructor(roots: readonly Value[]) {
    this.#nodes = ancestors(roots);
    this.#counts = readCounts(roots, this.#nodes);
  }

  run(): void {
    for (const node of this.#nodes) {
      const inputs = node.inputs.map((value) => this.now(value));
      if (this.#innerOf(node, inputs[0]) || inputs.some((value, i) => value !== node.inputs[i]))
        this.#replace(node.outputs, this.#outputsOf(node, inputs));
    }
  }

  now(value: Value): Value {
    return this.#now.get(value.id) ?? value;
  }

  #replace(before: readonly Value[], after: readonly Value[]): void {
    for (const [i, value] of before.entries()) {
      this.#now.set(value.id, after[i]!);
      this.#counts.set(after[i]!.id, this.#reads(value));
    }
  }

  #reads(value: Value): number {
    return this.#counts.get(value.id) ?? 0;
  }

  /** The pointwise function before a node that picks elements, where they may change places. */
  #innerOf({ impl: { picks }, outputs }: Node, x: Value | undefined): Node | null {
    if (!picks || x?.source.kind !== 'node' || this.#reads(x) !== 1) return null;
    const inner = x.source.node;
    const fits = picks === 'all' ? inner.impl.pointwise !== null : inner.impl.pointwise === 'monotone';
    // Where the elements lie is told by further outputs, and may differ: relu makes equal what was not.
    return fits && outputs.slice(1).every((output) => this.#reads(output) === 0) ? inner : null;
  }

  #outputsOf(node: Node, inputs: readonly Value[]): readonly Value[] {
    const inner = this.#innerOf(node, inputs[0]);
    if (!inner) return node.impl.apply(inputs);
    const [picked, ...rest] = this.#outputsOf(node, inner.inputs);
    this.#counts.set(picked!.id, 1);
    return [...inner.impl.apply([picked!]), ...rest];
  }
}

/**
 * Outputs with values that compute the same. A pointwise function stays where it is if its result is read more than once, so
 * what somebody looks at besides is still computed.
 */
export function commute<T extends { readonly value: Value }>(outputs: readonly T[]): T[] {
  const commuter = new Commuter(outputs.map(({ value }) => value));
  commuter.run();
  return outputs.map((output) => ({ ...output, value: commuter.now(output.value) }));
}
