/** Chooses one variant for each node. Pure; imports graph and util. */
import type { Attrs, KernelContext, Variant } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { DeviceError } from '../util/errors.ts';
import type { Ir, IrNode } from './ir.ts';
import type { Schedule } from './schedule.ts';

/** A node that a variant is to be chosen for. */
export interface Offer extends KernelContext<Attrs> {
  readonly op: string;
  readonly scope: string;
  readonly flops: number;
  /** Best first, as the op guesses. */
  readonly variants: readonly Variant[];
}

/** Picks among the variants of a node (by id, best first); the default takes the first. */
export type Chooser = (node: Offer, ids: readonly string[]) => string;

export interface Selected {
  readonly node: IrNode;
  readonly variant: Variant;
  /** All ids that were offered. */
  readonly candidates: readonly string[];
}

/** The node with its kernels; null for views, which need none. */
export type Selection = readonly (Selected | null)[];

/** Throws DeviceError where an op offers nothing for this device. */
export function select(ir: Ir, { nodes, used }: Schedule, caps: DeviceCaps, choose?: Chooser): Selection {
  return nodes.map((node) => {
    if (node.impl.view) return null;
    const context = {
      inputs: node.inputs.map((id) => ir.values.get(id)!),
      outputs: node.outputs.map((id) => ir.values.get(id)!),
      used: node.outputs.map((id) => used.has(id)),
      window: node.window,
      epilogue: node.epilogue && {
        ...node.epilogue,
        operand: node.epilogue.operand === null ? null : ir.values.get(node.epilogue.operand)!,
        channels: node.epilogue.channels && {
          ...node.epilogue.channels,
          values: node.epilogue.channels.values.map((id) => ir.values.get(id)!),
        },
      },
    };
    const variants = node.impl.variants(context, caps);
    const candidates = variants.map((variant) => variant.id);
    const { op, scope, attrs } = node;
    const flops = node.impl.flops(context.inputs, context.outputs);
    const wanted = choose?.({ ...context, op, scope, attrs, flops, variants }, candidates) ?? candidates[0];
    const variant = variants.find(({ id }) => id === wanted);
    if (!variant) {
      throw new DeviceError(
        `${node.op} "${node.scope}": no kernel for this device (offered: ${candidates.join(', ') || 'none'}; wanted: ${wanted ?? 'any'}). ` +
          'Use a device with larger limits or a smaller shape.',
      );
    }
    return { node, variant, candidates };
  });
}
