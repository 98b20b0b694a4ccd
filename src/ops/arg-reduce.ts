/** Maxima and minima over axes, and where they are. Imports graph, util, other ops and its shaders. */
import backwardText from '../../shaders/arg-reduce/backward.wgsl?raw';
import forwardText from '../../shaders/arg-reduce/forward.wgsl?raw';
import broadcastText from '../../shaders/lib/broadcast.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { memoryAxes, physicalSize } from '../graph/layout.ts';
import type { KernelContext, PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { normalizeAxis, type Shape, show, sizeOf } from '../util/shape.ts';
import { broadcastAxes } from './broadcast.ts';
import { axisParams, type ReduceOptions, resolveAxes, withOnes } from './reduce.ts';
import { reshape } from './reshape.ts';

const includes = { 'lib/broadcast.wgsl': broadcastText, 'lib/linear-id.wgsl': linearIdText, 'lib/tree.wgsl': treeText };
const forward: ShaderSource = { file: 'arg-reduce/forward.wgsl', text: forwardText, includes };
const backward: ShaderSource = { file: 'arg-reduce/backward.wgsl', text: backwardText, includes };

/** Who gets the gradient: all elements that are equal to the result, evenly; the first of them; nobody. */
type Winner = 'all' | 'first' | 'none';

type Attrs = { readonly axes: readonly number[]; readonly keepdims: boolean; readonly winner: Winner };

interface BackwardKernel {
  readonly dx: PlanValue;
  /** dy and what was saved, the reduced axes kept with size 1; x lies as dx does. */
  readonly bind: { readonly dy: PlanValue; readonly [name: string]: PlanValue };
  readonly axes: readonly number[];
}

function backwardVariants({ dx, bind, axes }: BackwardKernel): Variant[] {
  const count = physicalSize(dx.shape, dx.layout);
  const { rank, params } = broadcastAxes(dx, { a: dx, b: bind.dy });
  const reduced = Array.from({ length: rank }, (_, d) => {
    const place = memoryAxes(dx.shape, dx.layout)[d];
    return [`c${d}`, place && axes.includes(place.axis) ? 1 : 0];
  });
  const kernel = {
    shader: backward,
    defines: { RANK: rank, TIES: 'ties' in bind },
    bind: { ...bind, dx },
    params: { count, ...params, ...Object.fromEntries(reduced) },
    workgroups: linearGroups(count, 64),
  };
  return [{ id: 'element', kernels: [kernel] }];
}

/** dx where equal elements share the gradient. */
const sharedBackward = defineOp<{ readonly axes: readonly number[] }>({
  name: 'sharedMaximumBackward',
  infer: ([, x]) => [{ shape: x!.shape, dtype: 'f32' }],
  layout: ([, x]) => ({ inputs: ['plain', x!.layout, 'plain', 'plain'], outputs: [x!.layout] }),
  variants: ({ inputs: [dy, x, y, ties], outputs: [dx], attrs: { axes } }) =>
    backwardVariants({ dx: dx!, bind: { dy: dy!, x: x!, y: y!, ties: ties! }, axes }),
});

/** dx where the element that an index names takes all of the gradient. */
const indexedBackward = defineOp<{ readonly shape: Shape; readonly axes: readonly number[] }>({
  name: 'indexedMaximumBackward',
  infer: (_, { shape }) => [{ shape, dtype: 'f32' }],
  variants: ({ inputs: [dy, indices], outputs: [dx], attrs: { axes } }) =>
    backwardVariants({ dx: dx!, bind: { dy: dy!, indices: indices! }, axes }),
});

/** More results than this keep the cores busy with one thread for each. */
const MANY = 4096;

function forwardVariants(
  { inputs: [x], outputs, used, attrs: { axes } }: KernelContext<Attrs>,
  MIN: boolean,
): Variant[] {
  const [Y, TIES, INDICES] = used as [boolean, boolean, boolean];
  const [y, ties, indices] = outputs as [PlanValue, PlanValue, PlanValue];
  const count = sizeOf(y.shape);
  const reduced = sizeOf(axes.map((axis) => x!.shape[axis]!));
  const variant = (id: string, { SIZE, TREE }: { SIZE: number; TREE: boolean }): Variant => ({
    id,
    kernels: [
      {
        shader: forward,
        defines: { RANK: Math.max(1, x!.shape.length), SIZE, TREE, MIN, Y, TIES, INDICES },
        bind: { x: x!, ...(Y && { y }), ...(TIES && { ties }), ...(INDICES && { indices }) },
        params: { count, reduced, ...axisParams(x!, axes) },
        workgroups: linearGroups(count, TREE ? 1 : SIZE),
      },
    ],
  });
  const thread = variant('thread', { SIZE: 64, TREE: false });
  const [tree32, tree256] = [
    variant('tree32', { SIZE: 32, TREE: true }),
    variant('tree256', { SIZE: 256, TREE: true }),
  ];
  if (reduced <= 32 || count >= MANY) return [thread, tree32, tree256];
  return reduced >= 1024 ? [tree256, tree32, thread] : [tree32, tree256, thread];
}

/** Outputs: y, how many elements equal it (f32), the index of the first (i32); a plan makes only what is read. */
function defineExtremum(name: string, which: 'max' | 'min'): Op<Attrs> {
  return defineOp<Attrs>({
    name,
    infer([x], { axes, keepdims }, at) {
      if (x!.dtype !== 'f32') throw new ShapeError(`${at}: x is ${x!.dtype} ${show(x!.shape)}. Pass f32 values.`);
      if (axes.some((axis) => x!.shape[axis] === 0)) {
        throw new ShapeError(`${at}: x ${show(x!.shape)} has no elements along axes ${show(axes)}. Reduce others.`);
      }
      const shape = keepdims ? withOnes(x!.shape, axes) : x!.shape.filter((_, axis) => !axes.includes(axis));
      return [
        { shape, dtype: 'f32' },
        { shape, dtype: 'f32' },
        { shape, dtype: 'i32' },
      ];
    },
    layout: ([x]) => ({ inputs: [x!.layout], outputs: ['plain', 'plain', 'plain'] }),
    grad({ inputs: [x], outputs, dOutputs: [dy], attrs: { axes, winner } }) {
      if (!dy || winner === 'none') return [null];
      const [d, y, ties, indices] = [dy, ...outputs].map((value) => reshape(value, withOnes(x!.shape, axes)));
      if (winner === 'first') return indexedBackward([d!, indices!], { shape: x!.shape, axes });
      return sharedBackward([d!, x!, y!, ties!], { axes });
    },
    variants: (context) => forwardVariants(context, which === 'min'),
    flops: ([x]) => sizeOf(x!.shape),
  });
}

const ops = {
  amax: defineExtremum('amax', 'max'),
  amin: defineExtremum('amin', 'min'),
  max: defineExtremum('max', 'max'),
  min: defineExtremum('min', 'min'),
};

/** Largest element over axes; equal ones share the gradient evenly. (torch.amax) */
export const amax = (x: Value, { axes, keepdims = false }: ReduceOptions = {}): Value =>
  ops.amax([x], { axes: resolveAxes(x, axes, 'amax'), keepdims, winner: 'all' })[0];

/** Smallest element over axes; equal ones share the gradient evenly. (torch.amin) */
export const amin = (x: Value, { axes, keepdims = false }: ReduceOptions = {}): Value =>
  ops.amin([x], { axes: resolveAxes(x, axes, 'amin'), keepdims, winner: 'all' })[0];

/** Largest element over axes as a constant: no gradient flows. */
export const amaxConstant = (x: Value, { axes, keepdims = false }: ReduceOptions = {}): Value =>
  ops.amax([x], { axes: resolveAxes(x, axes, 'amax'), keepdims, winner: 'none' })[0];

export interface AxisOptions {
  /** The axis; negative ones count from the end. */
  readonly axis: number;
  /** Keep it with size 1; default false. */
  readonly keepdims?: boolean;
}

/** Extreme elements along an axis, and where they are. */
export interface Extremum {
  readonly y: Value;
  /** i32, of y's shape: the index along the axis. Of equal elements the first counts. Costs nothing where it is not used. */
  readonly indices: Value;
}

function along(name: 'max' | 'min', x: Value, { axis, keepdims = false }: AxisOptions): Extremum {
  const at = normalizeAxis(axis, x.shape.length, name);
  // A scalar has no axis; PyTorch lets it be asked for 0.
  const [y, , indices] = ops[name]([x], { axes: x.shape.length === 0 ? [] : [at], keepdims, winner: 'first' });
  return { y, indices: indices! };
}

/** Largest elements along an axis; of equal ones the first takes the whole gradient. (torch.max with dim) */
export const max = (x: Value, options: AxisOptions): Extremum => along('max', x, options);

/** Smallest elements along an axis; of equal ones the first takes the whole gradient. (torch.min with dim) */
export const min = (x: Value, options: AxisOptions): Extremum => along('min', x, options);

export interface ArgOptions {
  /** Default: all, the index is then that of the flattened tensor. */
  readonly axis?: number | null;
  /** Keep the axis (or all) with size 1; default false. */
  readonly keepdims?: boolean;
}

function argument(name: 'max' | 'min', x: Value, { axis = null, keepdims = false }: ArgOptions): Value {
  if (axis !== null) return along(name, x, { axis, keepdims }).indices;
  const { indices } = along(name, reshape(x, [sizeOf(x.shape)]), { axis: 0 });
  return keepdims
    ? reshape(
        indices,
        x.shape.map(() => 1),
      )
    : indices;
}

/** Index (i32) of the largest element along an axis or of all; of equal ones the first. (torch.argmax) */
export const argmax = (x: Value, options: ArgOptions = {}): Value => argument('max', x, options);

/** Index (i32) of the smallest element along an axis or of all; of equal ones the first. (torch.argmin) */
export const argmin = (x: Value, options: ArgOptions = {}): Value => argument('min', x, options);
