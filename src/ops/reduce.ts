/** Sums and means over axes, and expand, whose gradient a sum is and the other way round. Imports graph, util, copy and its shaders. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import channelsText from '../../shaders/reduce/channels.wgsl?raw';
import sumText from '../../shaders/reduce/sum.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { padChannels, stridesOf } from '../graph/layout.ts';
import type { PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, normalizeAxis, type Shape, sameShape, show, sizeOf } from '../util/shape.ts';
import { stridedVariants } from './copy.ts';
import { mulScalar } from './pointwise.ts';
import { reshape } from './reshape.ts';

const sumShader: ShaderSource = {
  file: 'reduce/sum.wgsl',
  text: sumText,
  includes: { 'lib/linear-id.wgsl': linearIdText, 'lib/tree.wgsl': treeText },
};

/** Sizes and strides in x of the kept and the reduced axes, padded to the rank with axes of size 1. */
export function axisParams(x: PlanValue, axes: readonly number[]): Record<string, number> {
  const strides = stridesOf(x.shape, x.layout);
  const rank = Math.max(1, x.shape.length);
  const all = x.shape.map((_, axis) => axis);
  const params: Record<string, number> = {};
  for (const [name, list] of [
    ['kept', all.filter((a) => !axes.includes(a))],
    ['red', axes],
  ] as const) {
    for (let d = 0; d < rank; d++) {
      const axis = list[d];
      params[`${name}${d}`] = axis === undefined ? 1 : x.shape[axis]!;
      params[`${name}_stride${d}`] = axis === undefined ? 0 : strides[axis]!;
    }
  }
  return params;
}

const channelsShader: ShaderSource = { file: 'reduce/channels.wgsl', text: channelsText, includes: {} };

/** Rows that one workgroup adds: enough workgroups for every core, few enough for a short second pass. */
const SHARE = 512;

/** Sum over n, h, w of an nhwc value (the gradient of a bias): vec4 along the channels, two passes. */
function channelsVariant(x: PlanValue, y: PlanValue, scale: number): Variant {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const rows = n * h * w;
  const padded = padChannels(c);
  const shares = ceilDiv(rows, SHARE);
  const parts = { scratch: 'parts', elements: shares * padded };
  return {
    id: 'channels',
    kernels: [
      {
        shader: channelsShader,
        defines: { SIZE: 64 },
        bind: { x, parts },
        params: { rows, c4: padded / 4, share: SHARE },
        workgroups: [shares, ceilDiv(padded / 4, 64), 1],
      },
      {
        shader: sumShader,
        defines: { RANK: 1, SIZE: 32 },
        bind: { x: parts, y },
        params: { count: c, reduced: shares, scale, kept0: c, kept_stride0: 1, red0: shares, red_stride0: padded },
        workgroups: linearGroups(c, 1),
      },
    ],
  };
}

function sumVariants(
  x: PlanValue,
  y: PlanValue,
  { axes, scale }: { axes: readonly number[]; scale: number },
): Variant[] {
  const count = sizeOf(y.shape);
  const reduced = sizeOf(axes.map((axis) => x.shape[axis]!));
  const variant = (size: number): Variant => ({
    id: `tree${size}`,
    kernels: [
      {
        shader: sumShader,
        defines: { RANK: Math.max(1, x.shape.length), SIZE: size },
        bind: { x, y },
        params: { count, reduced, scale, ...axisParams(x, axes) },
        workgroups: linearGroups(count, 1),
      },
    ],
  });
  const trees = reduced >= 1024 ? [variant(256), variant(32)] : [variant(32), variant(256)];
  const perChannel =
    x.layout === 'nhwc' && axes.join() === '0,2,3' && x.shape[1] !== 1 && ceilDiv(reduced, SHARE) < 65536;
  if (!perChannel) return trees;
  return reduced >= SHARE ? [channelsVariant(x, y, scale), ...trees] : [...trees, channelsVariant(x, y, scale)];
}

type ReduceAttrs = { readonly axes: readonly number[]; readonly keepdims: boolean; readonly scale: number };

/** The shape with the axes kept as size 1. */
export const withOnes = (shape: Shape, axes: readonly number[]): number[] =>
  shape.map((size, axis) => (axes.includes(axis) ? 1 : size));

const sumOp: Op<ReduceAttrs> = defineOp<ReduceAttrs>({
  name: 'sum',
  infer([x], { axes, keepdims }, at) {
    if (x!.dtype !== 'f32') throw new ShapeError(`${at}: x is ${x!.dtype} ${show(x!.shape)}. Pass f32 values.`);
    const shape = keepdims ? withOnes(x!.shape, axes) : x!.shape.filter((_, axis) => !axes.includes(axis));
    return [{ shape, dtype: 'f32' }];
  },
  layout: ([x]) => ({ inputs: [x!.layout], outputs: ['plain'] }),
  grad: ({ inputs: [x], dOutputs: [dy], attrs: { axes, scale } }) => {
    const d = expand(reshape(dy!, withOnes(x!.shape, axes)), x!.shape);
    return [scale === 1 ? d : mulScalar(d, scale)];
  },
  variants: ({ inputs: [x], outputs: [y], attrs }) => sumVariants(x!, y!, attrs),
  flops: ([x]) => sizeOf(x!.shape),
});

export interface ReduceOptions {
  /** Axes to reduce; negative ones count from the end. Default: all. */
  readonly axes?: readonly number[] | null;
  /** Keep reduced axes with size 1; default false. */
  readonly keepdims?: boolean;
}

/** Axes as sorted numbers 0..rank-1; all where none are given. */
export function resolveAxes(x: Value, axes: readonly number[] | null | undefined, at: string): number[] {
  if (!axes) return x.shape.map((_, axis) => axis);
  const all = axes.map((axis) => normalizeAxis(axis, x.shape.length, at)).sort((a, b) => a - b);
  if (new Set(all).size < all.length)
    throw new ShapeError(`${at}: axes ${show(axes)} of ${show(x.shape)} name an axis twice. Name each once.`);
  return all;
}

/** Sum over axes. (torch.sum) */
export const sum = (x: Value, { axes, keepdims = false }: ReduceOptions = {}): Value =>
  sumOp([x], { axes: resolveAxes(x, axes, 'sum'), keepdims, scale: 1 })[0];

/** Mean over axes. (torch.mean) */
export function mean(x: Value, { axes, keepdims = false }: ReduceOptions = {}): Value {
  const over = resolveAxes(x, axes, 'mean');
  return sumOp([x], { axes: over, keepdims, scale: 1 / sizeOf(over.map((axis) => x.shape[axis]!)) })[0];
}

/** Sums the axes along which `shape` was broadcast to x's shape: the gradient of broadcasting. */
export function sumTo(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  const lead = x.shape.length - shape.length;
  const axes = x.shape
    .map((_, axis) => axis)
    .filter((axis) => axis < lead || (shape[axis - lead] === 1 && x.shape[axis] !== 1));
  return reshape(sum(x, { axes, keepdims: true }), shape);
}

const expandOp = defineOp<{ shape: Shape }>({
  name: 'expand',
  infer([x], { shape }, at) {
    const lead = shape.length - x!.shape.length;
    if (lead < 0 || x!.shape.some((size, i) => size !== 1 && size !== shape[lead + i])) {
      throw new ShapeError(
        `${at}: ${show(x!.shape)} cannot be expanded to ${show(shape)}. Only axes of size 1 can grow.`,
      );
    }
    return [{ shape, dtype: x!.dtype }];
  },
  layout: ([x]) => ({ inputs: [x!.layout], outputs: ['plain'] }),
  grad: ({ inputs: [x], dOutputs: [dy] }) => [sumTo(dy!, x!.shape)],
  variants({ inputs: [x], outputs: [y] }) {
    const own = stridesOf(x!.shape, x!.layout);
    const lead = y!.shape.length - x!.shape.length;
    const strides = y!.shape.map((_, axis) => (axis < lead || x!.shape[axis - lead] === 1 ? 0 : own[axis - lead]!));
    return stridedVariants(x!, y!, { strides });
  },
});

/** The value repeated along axes of size 1 (and new leading axes) to `shape`. (torch.Tensor.expand, but a copy) */
export const expand = (x: Value, shape: Shape): Value => (sameShape(x.shape, shape) ? x : expandOp([x], { shape })[0]);
