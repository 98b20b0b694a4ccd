/**
 * Strided copies: transpose, change of layout and expand (reduce.ts, beside its gradient) are one kernel with different strides.
 * Imports graph, util and its shader.
 */
import channelsText from '../../shaders/copy/channels.wgsl?raw';
import stridedText from '../../shaders/copy/strided.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { type Layout, memoryAxes, padChannels, physicalSize, stridesOf } from '../graph/layout.ts';
import type { BoundOp, Kernel, PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, show } from '../util/shape.ts';

const strided: ShaderSource = {
  file: 'copy/strided.wgsl',
  text: stridedText,
  includes: { 'lib/linear-id.wgsl': linearIdText },
};

interface Strided {
  /** For each logical axis of y. */
  readonly strides: readonly number[];
  readonly base?: number;
}

function stridedKernel(x: PlanValue, y: PlanValue, { strides, base = 0 }: Strided, unit: 1 | 4): Kernel {
  const axes = memoryAxes(y.shape, y.layout);
  const count = physicalSize(y.shape, y.layout) / unit;
  const params: Record<string, number> = { count, base: base / unit };
  for (const [d, { axis, size }] of axes.entries()) {
    const inner = d === axes.length - 1 ? unit : 1;
    params[`size${d}`] = size / inner;
    params[`real${d}`] = ceilDiv(y.shape[axis]!, inner);
    params[`stride${d}`] = inner === 1 ? strides[axis]! / unit : 1;
  }
  const numbers = y.shape[axes.at(-1)?.axis ?? 0] ?? 1;
  const mask = unit === 4 && numbers % 4 !== 0;
  return {
    shader: strided,
    defines: { RANK: axes.length, MASK: mask },
    slots: { element: `alias ELEMENT = ${unit === 1 ? y.dtype : `vec4<${y.dtype}>`};` },
    bind: { x, y },
    params: mask ? { ...params, numbers } : params,
    workgroups: linearGroups(count, 64),
  };
}

/** Kernels for y[index] = x[base + sum of index * strides]: four numbers a thread where they lie side by side, or one. */
export function stridedVariants(x: PlanValue, y: PlanValue, copy: Strided): Variant[] {
  const axes = memoryAxes(y.shape, y.layout);
  const inner = axes.at(-1);
  const packs =
    inner !== undefined &&
    inner.size % 4 === 0 &&
    copy.strides[inner.axis] === 1 &&
    (copy.base ?? 0) % 4 === 0 &&
    axes.every(({ axis }) => axis === inner.axis || copy.strides[axis]! % 4 === 0);
  const one = { id: 'strided', kernels: [stridedKernel(x, y, copy, 1)] };
  return packs ? [{ id: 'packed', kernels: [stridedKernel(x, y, copy, 4)] }, one] : [one];
}

const channels: ShaderSource = {
  file: 'copy/channels.wgsl',
  text: channelsText,
  includes: { 'lib/linear-id.wgsl': linearIdText },
};

/** Between nhwc and plain: vec4s of channels on one side. Null for other layouts and for single channels. */
function channelsVariant(x: PlanValue, y: PlanValue, { software }: DeviceCaps): Variant | null {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const toPlain = x.layout === 'nhwc' && y.layout === 'plain';
  if (c === 1 || !(toPlain || (x.layout === 'plain' && y.layout === 'nhwc'))) return null;
  const [columns, plane] = [padChannels(c) / 4, h * w];
  // As many pixels for each thread as leave work for every core.
  const each = Math.max(1, Math.min(16, Math.floor((n * columns * plane) / (software ? 2048 : 131072))));
  const parts = ceilDiv(plane, each);
  const count = n * columns * parts;
  const kernel: Kernel = {
    shader: channels,
    defines: { TO_PLAIN: toPlain },
    slots: { element: `alias ELEMENT = ${y.dtype};` },
    bind: { x, y },
    params: { count, channels: c, columns, plane, parts, each },
    workgroups: linearGroups(count, 64),
  };
  return { id: 'channels', kernels: [kernel] };
}

/** The layout pass's conversion: the same tensor in another layout. */
const relayoutOp = defineOp<{ layout: Layout }>({
  name: 'relayout',
  infer: ([x]) => [{ shape: x!.shape, dtype: x!.dtype }],
  layout: ([x], { layout }) => ({ inputs: [x!.layout], outputs: [layout] }),
  variants({ inputs: [x], outputs: [y] }, caps) {
    const general = stridedVariants(x!, y!, { strides: stridesOf(x!.shape, x!.layout) });
    const fast = x!.shape.length === 4 ? channelsVariant(x!, y!, caps) : null;
    return fast ? [fast, ...general] : general;
  },
});

/** A node that puts a value into another layout, for the layout pass. */
export function relayout(value: PlanValue, layout: Layout): { op: string; attrs: { layout: Layout }; impl: BoundOp } {
  // The op is asked for a node on a stand-in of the value; only the node's behaviour is kept.
  const stand: Value = { id: -1, shape: value.shape, dtype: value.dtype, source: { kind: 'input', name: '' } };
  const { source } = relayoutOp([stand], { layout })[0];
  if (source.kind !== 'node') throw new ShapeError('relayout: made no node.');
  return { op: 'relayout', attrs: { layout }, impl: source.node.impl };
}

/** Input layout kept where it has the rank of an image, plain otherwise; output plain. */
const fromAnyLayout = ([x]: readonly { layout: Layout }[]): { inputs: Layout[]; outputs: Layout[] } => ({
  inputs: [x!.layout],
  outputs: ['plain'],
});

const transposeOp: Op<{ perm: readonly number[] }> = defineOp<{ perm: readonly number[] }>({
  name: 'transpose',
  infer([x], { perm }, at) {
    if ([...perm].sort((a, b) => a - b).some((axis, i) => axis !== i) || perm.length !== x!.shape.length) {
      throw new ShapeError(
        `${at}: ${show(perm)} does not name each axis of ${show(x!.shape)} once. Pass a permutation of its axes.`,
      );
    }
    return [{ shape: perm.map((axis) => x!.shape[axis]!), dtype: x!.dtype }];
  },
  layout: (inputs) => fromAnyLayout(inputs),
  grad({ dOutputs: [dy], attrs: { perm } }) {
    const inverse = perm.map((_, axis) => perm.indexOf(axis));
    return transposeOp([dy!], { perm: inverse });
  },
  variants({ inputs: [x], outputs: [y], attrs: { perm } }) {
    const own = stridesOf(x!.shape, x!.layout);
    return stridedVariants(x!, y!, { strides: perm.map((axis) => own[axis]!) });
  },
});

/** Axes reordered: axis i of the result is axis perm[i] of x. (torch.permute, but a copy) */
export const transpose = (x: Value, perm: readonly number[]): Value => transposeOp([x], { perm })[0];
