/** Epilogue fusion: a pointwise function of a single-use result moves into the kernel that stores it. Pure; imports graph. */
import { padChannels } from '../graph/layout.ts';
import { type Ir, type IrNode, useCounts } from './ir.ts';

/** conv2d + bias + relu become one node; every node that accepts an epilogue takes one at most. */
export function fuse(ir: Ir): Ir {
  const uses = useCounts(ir);
  const readers = new Map<number, IrNode>();
  for (const node of ir.nodes) for (const id of node.inputs) readers.set(id, node);
  const absorbed = new Set<IrNode>();
  const nodes: IrNode[] = [];
  for (const node of ir.nodes) {
    if (absorbed.has(node)) continue;
    const result = node.outputs[0]!;
    const reader = uses.get(result) === 1 ? readers.get(result) : undefined;
    const epilogue = reader?.impl.epilogue;
    if (!node.impl.acceptsEpilogue || !reader || !epilogue) {
      nodes.push(node);
      continue;
    }
    const { shape } = ir.values.get(result)!;
    // Padding lanes must stay zero, and the kernels do not mask them after an epilogue.
    const padded = shape.length === 4 && padChannels(shape[1]!) !== shape[1];
    if (padded && !epilogue.zeroPreserving) {
      nodes.push(node);
      continue;
    }
    absorbed.add(reader);
    nodes.push({ ...node, outputs: [reader.outputs[0]!, ...node.outputs.slice(1)], epilogue });
  }
  return { ...ir, nodes };
}
