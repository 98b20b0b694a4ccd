/**
 * Fusion into the kernel that stores a result which nobody else reads. A pointwise function moves there, with one more operand
 * where it has one: conv2d + bias + add(shortcut) + relu is one node, and so is a gradient with the mask of the relu before
 * it; and with numbers of the channels: normalisation by running statistics moves into the convolution before it. So does a
 * pool without overlap where the kernel computes whole windows. Pure; imports graph and util.
 */
import { padChannels } from '../graph/layout.ts';
import type { ByChannel, EpilogueRule, WindowRule } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { sameShape } from '../util/shape.ts';
import { type Ir, type IrNode, readsOf, useCounts } from './ir.ts';

interface Fusion {
  readonly rule: EpilogueRule;
  /** The node that stores, and where it stands. */
  readonly into: IrNode;
  readonly at: number;
  /** Where the view stands that lies between both; null: none. */
  readonly view: number | null;
  readonly operand: number | null;
  readonly channels: ByChannel<number> | null;
}

/** A node and where it stands. */
interface Made {
  readonly node: IrNode;
  readonly at: number;
}

/** Storage buffers that a kernel may bind on any device (maxStorageBuffersPerShaderStage at its default). */
const MOST_BUFFERS = 8;

class Fuser {
  readonly #ir: Ir;
  readonly #uses: ReadonlyMap<number, number>;
  readonly #caps: DeviceCaps;
  readonly #nodes: (IrNode | null)[] = [];
  /** Where the node that makes a value stands. */
  readonly #makers = new Map<number, number>();

  constructor(ir: Ir, caps: DeviceCaps) {
    this.#ir = ir;
    this.#caps = caps;
    this.#uses = useCounts(ir);
  }

  run(): IrNode[] {
    for (const node of this.#ir.nodes) {
      const fusion = node.inputs.map((_, i) => this.#into(node, i)).find((found) => found !== null);
      if (fusion) this.#merge(node, fusion);
      else if (node.impl.window) this.#pool(node, node.impl.window);
      else this.#put(node, this.#nodes.length);
    }
    return this.#nodes.filter((node) => node !== null);
  }

  #put(node: IrNode, at: number): void {
    this.#nodes[at] = node;
    for (const id of node.outputs) this.#makers.set(id, at);
  }

  /** The node whose first output a value is, where nobody but one node reads it. */
  #maker(id: number): Made | null {
    const at = this.#makers.get(id);
    const node = at === undefined ? null : this.#nodes[at];
    return node && at !== undefined && node.outputs[0] === id && this.#uses.get(id) === 1 ? { node, at } : null;
  }

  /** How the node could move into the kernel that makes its input number `i`. */
  #into(node: IrNode, i: number): Fusion | null {
    const rule = node.impl.epilogue(i);
    const id = node.inputs[i]!;
    const seen = rule && this.#maker(id);
    if (!seen) return null;
    // The function of one value commutes with a view of all elements.
    const { impl } = seen.node;
    const alone = rule.operand === null && !rule.channels;
    const view = impl.view && impl.picks === 'all' && alone ? seen.at : null;
    const made = view === null ? seen : this.#maker(seen.node.inputs[0]!);
    if (!made?.node.impl.acceptsEpilogue) return null;
    const { node: into, at } = made;
    const operand = rule.operand === null ? null : node.inputs[rule.operand]!;
    const channels = rule.channels
      ? { ...rule.channels, values: rule.channels.values.map((input) => node.inputs[input]!) }
      : null;
    const found = { rule, into, at, view, operand, channels };
    const { shape } = this.#ir.values.get(into.outputs[0]!)!;
    // Padding lanes must stay zero, and the kernels do not mask them after an epilogue.
    if (!rule.zeroPreserving && shape.length === 4 && padChannels(shape[1]!) !== shape[1]) return null;
    if (operand !== null) {
      const fits =
        sameShape(this.#ir.values.get(operand)!.shape, shape) &&
        sameShape(this.#ir.values.get(node.outputs[0]!)!.shape, shape);
      const accepts = into.impl.acceptsEpilogue === 'operand' || into.impl.acceptsEpilogue === 'channels';
      if (!accepts || into.epilogue?.operand != null || !fits) return null;
    }
    if (channels && !this.#takesChannels(into)) return null;
    if (!this.#binds(found)) return null;
    // The kernel has to wait for what it reads, which it cannot where others wait for its further outputs.
    if (this.#waits(found) && into.outputs.slice(1).some((output) => this.#uses.has(output))) return null;
    return found;
  }

  #takesChannels({ impl, epilogue, window }: IrNode): boolean {
    return impl.acceptsEpilogue === 'channels' && !epilogue?.channels && !window;
  }

  /** With numbers of the channels a kernel may come to bind more than any device allows. */
  #binds({ into, operand, channels }: Fusion): boolean {
    const before = into.epilogue;
    const ofChannels = (channels ?? before?.channels)?.values.length ?? 0;
    const operands = operand === null && before?.operand == null ? 0 : 1;
    return ofChannels === 0 || into.inputs.length + into.outputs.length + operands + ofChannels <= MOST_BUFFERS;
  }

  /** Something that it reads is made behind the kernel that it moves into. */
  #waits({ at, operand, channels }: Fusion): boolean {
    const read = [...(operand === null ? [] : [operand]), ...(channels?.values ?? [])];
    return read.some((id) => (this.#makers.get(id) ?? -1) > at);
  }

  #merge(node: IrNode, fusion: Fusion): void {
    const { rule, into, at, view, operand, channels } = fusion;
    const before = into.epilogue;
    const epilogue = {
      name: before ? `${before.name}+${rule.name}` : rule.name,
      statements: `${before?.statements ?? ''}v = ${rule.expression};`,
      operand: operand ?? before?.operand ?? null,
      channels: channels ?? before?.channels ?? null,
    };
    if (view !== null) {
      this.#put({ ...into, epilogue }, at);
      this.#put({ ...this.#nodes[view]!, outputs: node.outputs }, view);
      return;
    }
    this.#nodes[at] = null;
    this.#put(
      { ...into, outputs: [node.outputs[0]!, ...into.outputs.slice(1)], epilogue },
      this.#waits(fusion) ? this.#nodes.length : at,
    );
  }

  /** A pool moves into the kernel that makes its input, unless somebody wants more of it than the codes of its rule. */
  #pool(node: IrNode, rule: WindowRule): void {
    const made = this.#maker(node.inputs[0]!);
    const wanted = node.outputs.every((id, i) => i === 0 || i === rule.codes || !this.#uses.has(id));
    if (!made || !wanted || !this.#takes(made.node, rule)) {
      this.#put(node, this.#nodes.length);
      return;
    }
    this.#put({ ...made.node, outputs: [node.outputs[0]!, node.outputs[rule.codes]!], window: rule }, made.at);
  }

  #takes({ impl, inputs, outputs, epilogue, window }: IrNode, rule: WindowRule): boolean {
    const specs = inputs.map((id) => this.#ir.values.get(id)!);
    return outputs.length === 1 && !epilogue && !window && impl.acceptsWindow(rule, specs, this.#caps);
  }
}

/** Gradients of pools are worked out as they are loaded, where all kernels that read them can. */
function spread(nodes: readonly IrNode[], ir: Ir, caps: DeviceCaps): IrNode[] {
  const uses = useCounts({ ...ir, nodes });
  const spreads = new Map(
    nodes.filter(({ impl, epilogue }) => impl.spread && !epilogue).map((node) => [node.outputs[0]!, node]),
  );
  const specs = ({ inputs }: IrNode) => inputs.map((id) => ir.values.get(id)!);
  const takes = (node: IrNode, id: number): boolean => {
    const input = node.inputs.indexOf(id);
    return (
      node.spread === null && input === node.inputs.lastIndexOf(id) && node.impl.acceptsSpread(input, specs(node), caps)
    );
  };
  const fused = new Set<number>();
  for (const id of spreads.keys()) {
    const readers = nodes.filter((node) => readsOf(node).includes(id));
    if (readers.length === uses.get(id) && readers.every((node) => node.inputs.includes(id) && takes(node, id)))
      fused.add(id);
  }
  return nodes.flatMap((node): IrNode[] => {
    if (fused.has(node.outputs[0]!)) return [];
    const input = node.inputs.findIndex((id) => fused.has(id));
    if (input < 0) return [node];
    const [dy, codes] = spreads.get(node.inputs[input]!)!.inputs;
    return [{ ...node, inputs: [...node.inputs.with(input, dy!), codes!], spread: input }];
  });
}

/** Nodes whose kernels accept an epilogue, a window or a spread take those that have one. */
export const fuse = (ir: Ir, caps: DeviceCaps): Ir => ({ ...ir, nodes: spread(new Fuser(ir, caps).run(), ir, caps) });
