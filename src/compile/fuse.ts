/**
 * Epilogue fusion: a pointwise function of a result that nobody else reads moves into the kernel that stores it, with one
 * more operand where it has one: conv2d + bias + add(shortcut) + relu is one node, and so is a gradient with the mask of
 * the relu before it. Pure; imports graph and util.
 */
import { padChannels } from '../graph/layout.ts';
import type { EpilogueRule } from '../graph/types.ts';
import { sameShape } from '../util/shape.ts';
import { type Ir, type IrNode, useCounts } from './ir.ts';

interface Fusion {
  readonly rule: EpilogueRule;
  /** The node that stores, and where it stands. */
  readonly into: IrNode;
  readonly at: number;
  readonly operand: number | null;
}

class Fuser {
  readonly #ir: Ir;
  readonly #uses: ReadonlyMap<number, number>;
  readonly #nodes: (IrNode | null)[] = [];
  /** Where the node that makes a value stands. */
  readonly #makers = new Map<number, number>();

  constructor(ir: Ir) {
    this.#ir = ir;
    this.#uses = useCounts(ir);
  }

  run(): IrNode[] {
    for (const node of this.#ir.nodes) {
      const fusion = node.inputs.map((_, i) => this.#into(node, i)).find((found) => found !== null);
      if (fusion) this.#merge(node, fusion);
      else this.#put(node, this.#nodes.length);
    }
    return this.#nodes.filter((node) => node !== null);
  }

  #put(node: IrNode, at: number): void {
    this.#nodes[at] = node;
    for (const id of node.outputs) this.#makers.set(id, at);
  }

  /** How the node could move into the kernel that makes its input number `i`. */
  #into(node: IrNode, i: number): Fusion | null {
    const id = node.inputs[i]!;
    const at = this.#makers.get(id);
    const into = at === undefined ? null : this.#nodes[at];
    const rule = node.impl.epilogue(i);
    if (
      !into ||
      at === undefined ||
      !rule ||
      into.outputs[0] !== id ||
      this.#uses.get(id) !== 1 ||
      !into.impl.acceptsEpilogue
    )
      return null;
    const operand = rule.operand === null ? null : node.inputs[rule.operand]!;
    const { shape } = this.#ir.values.get(id)!;
    // Padding lanes must stay zero, and the kernels do not mask them after an epilogue.
    if (!rule.zeroPreserving && shape.length === 4 && padChannels(shape[1]!) !== shape[1]) return null;
    if (operand !== null) {
      const fits =
        sameShape(this.#ir.values.get(operand)!.shape, shape) &&
        sameShape(this.#ir.values.get(node.outputs[0]!)!.shape, shape);
      if (into.impl.acceptsEpilogue !== 'operand' || into.epilogue?.operand != null || !fits) return null;
      // The kernel has to wait for its operand, which it cannot where others wait for its further outputs.
      const waits = (this.#makers.get(operand) ?? -1) > at;
      if (waits && into.outputs.slice(1).some((output) => this.#uses.has(output))) return null;
    }
    return { rule, into, at, operand };
  }

  #merge(node: IrNode, { rule, into, at, operand }: Fusion): void {
    const before = into.epilogue;
    const epilogue = {
      name: before ? `${before.name}+${rule.name}` : rule.name,
      statements: `${before?.statements ?? ''}v = ${rule.expression};`,
      operand: operand ?? before?.operand ?? null,
    };
    const waits = operand !== null && (this.#makers.get(operand) ?? -1) > at;
    this.#nodes[at] = null;
    this.#put(
      { ...into, outputs: [node.outputs[0]!, ...into.outputs.slice(1)], epilogue },
      waits ? this.#nodes.length : at,
    );
  }
}

/** Nodes whose kernels accept an epilogue take those that have one. */
export const fuse = (ir: Ir): Ir => ({ ...ir, nodes: new Fuser(ir).run() });
