/** Softmax and its logarithm along any axis. Imports graph, util and its shaders. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import backwardText from '../../shaders/softmax/backward.wgsl?raw';
import forwardText from '../../shaders/softmax/forward.wgsl?raw';
import rowText from '../../shaders/softmax/row.wgsl?raw';
import { defineOp } from '../graph/define-op.ts';
import { type Layout, memoryAxes, padChannels } from '../graph/layout.ts';
import type { LaidOut, LayoutChoice, PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { normalizeAxis, show, sizeOf } from '../util/shape.ts';

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'lib/tree.wgsl': treeText,
  'softmax/row.wgsl': rowText,
};
const forward: ShaderSource = { file: 'softmax/forward.wgsl', text: forwardText, includes };
const backward: ShaderSource = { file: 'softmax/backward.wgsl', text: backwardText, includes };

type SoftmaxAttrs = { readonly axis: number; readonly log: boolean };

/** Rows that one thread sums alone are at most so long: rounding grows with the length. */
const LONGEST_THREAD_ROW = 4096;

/** All values share the first one's layout, if its padding is in one axis at most. */
function sameLayout(inputs: readonly LaidOut[]): LayoutChoice {
  const layout: Layout = inputs[0]!.layout === 'nhwc' ? 'nhwc' : 'plain';
  return { inputs: inputs.map(() => layout), outputs: [layout] };
}

function rowParams({ shape, layout }: PlanValue, axis: number): Record<string, number> {
  if (shape.length === 0) return { rows: 1, inner: 1, length: 1, padded: 1, lanes: 1, padded_lanes: 1 };
  const axes = memoryAxes(shape, layout);
  const at = axes.findIndex((a) => a.axis === axis);
  const sizes = axes.map((a) => a.size);
  const inner = sizeOf(sizes.slice(at + 1));
  const otherLanes = layout === 'nhwc' && axis !== 1;
  return {
    rows: sizeOf(sizes.slice(0, at)) * inner,
    inner,
    length: shape[axis]!,
    padded: sizes[at]!,
    lanes: otherLanes ? shape[1]! : 1,
    padded_lanes: otherLanes ? padChannels(shape[1]!) : 1,
  };
}

interface SoftmaxKernel {
  readonly shader: ShaderSource;
  readonly bind: { readonly [name: string]: PlanValue };
  readonly attrs: SoftmaxAttrs;
  readonly caps: DeviceCaps;
}

/** `thread`: a thread a row. `wide`: a workgroup a row. */
function softmaxVariants(y: PlanValue, { shader, bind, attrs, caps }: SoftmaxKernel): Variant[] {
  const params = rowParams(y, attrs.axis);
  const { rows, length } = params as { rows: number; length: number };
  const variant = (id: string, { size, perGroup }: { size: number; perGroup: number }): Variant => {
    const defines = { SIZE: size, WIDE: perGroup === 1, LOG: attrs.log };
    return { id, kernels: [{ shader, defines, bind, params, workgroups: linearGroups(rows, perGroup) }] };
  };
  const wide = variant('wide', { size: caps.software || length <= 256 ? 64 : 256, perGroup: 1 });
  if (length > LONGEST_THREAD_ROW) return [wide];
  const thread = variant('thread', { size: 64, perGroup: 64 });
  return length > (caps.software ? 1024 : 64) ? [wide, thread] : [thread, wide];
}

const softmaxBackward = defineOp<SoftmaxAttrs>({
  name: 'softmaxBackward',
  infer: ([dy]) => [{ shape: dy!.shape, dtype: 'f32' }],
  layout: sameLayout,
  variants: ({ inputs: [dy, y], outputs: [dx], attrs }, caps) =>
    softmaxVariants(dx!, { shader: backward, bind: { dy: dy!, y: y!, dx: dx! }, attrs, caps }),
  flops: ([dy]) => 4 * sizeOf(dy!.shape),
});

function defineSoftmax(name: string) {
  return defineOp<SoftmaxAttrs>({
    name,
    infer([x], _, at) {
      if (x!.dtype !== 'f32' || sizeOf(x!.shape) === 0)
        throw new ShapeError(`${at}: x is ${x!.dtype} ${show(x!.shape)}. Pass f32 values, at least one.`);
      return [{ shape: x!.shape, dtype: 'f32' }];
    },
    layout: sameLayout,
    grad: ({ outputs: [y], dOutputs: [dy], attrs }) => [softmaxBackward([dy!, y!], attrs)[0]],
    variants: ({ inputs: [x], outputs: [y], attrs }, caps) =>
      softmaxVariants(y!, { shader: forward, bind: { x: x!, y: y! }, attrs, caps }),
    flops: ([x]) => 4 * sizeOf(x!.shape),
  });
}

const softmaxOp = defineSoftmax('softmax');
const logSoftmaxOp = defineSoftmax('logSoftmax');

export interface SoftmaxOptions {
  /** Axis whose values sum to 1; negative ones count from the end. Default -1, the last. */
  readonly axis?: number;
}

/** exp(x) divided by its sum along an axis, safe for large x. (torch.softmax) */
export const softmax = (x: Value, { axis = -1 }: SoftmaxOptions = {}): Value =>
  softmaxOp([x], { axis: normalizeAxis(axis, x.shape.length, 'softmax'), log: false })[0];

/** Logarithm of softmax, accurate where the softmax is near 0 or 1. (torch.log_softmax) */
export const logSoftmax = (x: Value, { axis = -1 }: SoftmaxOptions = {}): Value =>
  logSoftmaxOp([x], { axis: normalizeAxis(axis, x.shape.length, 'logSoftmax'), log: true })[0];
