/** Kernels of the losses that compare elements: layouts, weights by strides, variants. Imports graph, util and the shaders. */
import mathText from '../../shaders/lib/math.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import finishText from '../../shaders/pointwise-loss/finish.wgsl?raw';
import lossText from '../../shaders/pointwise-loss/loss.wgsl?raw';
import { memoryAxes, padChannels, physicalSize, stridesOf } from '../graph/layout.ts';
import type {
  Kernel,
  KernelContext,
  LaidOut,
  LayoutChoice,
  PlanValue,
  Scratch,
  ShaderSource,
  Variant,
} from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ceilDiv, sizeOf } from '../util/shape.ts';

const lossShader: ShaderSource = {
  file: 'pointwise-loss/loss.wgsl',
  text: lossText,
  includes: { 'lib/math.wgsl': mathText, 'lib/tree.wgsl': treeText },
};
const finishShader: ShaderSource = {
  file: 'pointwise-loss/finish.wgsl',
  text: finishText,
  includes: { 'lib/tree.wgsl': treeText },
};

/** Each workgroup ends with a tree of barriers: many are cheap on a GPU only. */
const mostGroups = (caps: DeviceCaps): number => (caps.software ? 16 : 1024);

/** A number as WGSL. */
const wgsl = (value: number): string => `(${value.toExponential()})`;

export type ElementReduction = 'none' | 'mean' | 'sum';

export type LossAttrs = {
  readonly reduction: ElementReduction | 'batchmean';
  readonly weighted: boolean;
  readonly positive: boolean;
  /** beta, delta or whatever the row needs. */
  readonly constant: number;
};

export interface Row {
  /** WGSL of `x`, `t` and (positive weight) `p`; `k` is the row's constant, in WGSL. */
  readonly loss: (k: string) => string;
  /** Derivative by x. */
  readonly slope: (k: string) => string;
  /** A function of x - t alone: the derivative by t is minus that by x. Otherwise the target gets no gradient. */
  readonly distance: boolean;
}

/** x keeps its layout, if its padding is in one axis; target, losses and gradient follow; weights are read by strides. */
export function elementLossLayout(inputs: readonly LaidOut[], { reduction }: LossAttrs): LayoutChoice {
  const layout = inputs[0]!.layout === 'nhwc' ? 'nhwc' : 'plain';
  const weights = inputs.slice(2).map((weight) => weight.layout);
  return { inputs: [layout, layout, ...weights], outputs: [reduction === 'none' ? layout : 'plain', layout] };
}

/** Sizes of the axes in memory order, and strides of the weights along them, 0 where they broadcast. */
function weightParams(x: PlanValue, weights: { readonly w?: PlanValue; readonly p?: PlanValue }) {
  const params: Record<string, number> = {};
  if (!weights.w && !weights.p) return { rank: 0, params };
  const axes = x.shape.length === 0 ? [{ axis: 0, size: 1 }] : memoryAxes(x.shape, x.layout);
  for (const [d, { axis, size }] of axes.entries()) {
    params[`size${d}`] = size;
    for (const name of ['w', 'p'] as const) {
      const weight = weights[name];
      const own = weight ? axis - x.shape.length + weight.shape.length : -1;
      const repeats = !weight || own < 0 || (weight.shape[own] ?? 1) === 1;
      params[`${name}${d}`] = repeats ? 0 : stridesOf(weight.shape, weight.layout)[own]!;
    }
  }
  return { rank: axes.length, params };
}

/** What the sum of the losses is multiplied by. */
function scaleOf(x: PlanValue, { reduction }: LossAttrs): number {
  if (reduction === 'mean') return 1 / sizeOf(x.shape);
  return reduction === 'batchmean' ? 1 / (x.shape[0] ?? 1) : 1;
}

/** `fused`: one workgroup, one dispatch. `split`: many workgroups, then one that adds their sums. */
export function elementLossVariants(
  row: Row,
  { inputs, outputs, used, attrs }: KernelContext<LossAttrs>,
  caps: DeviceCaps,
): readonly Variant[] {
  const [x, wanted, ...weights] = inputs as [PlanValue, PlanValue, ...PlanValue[]];
  const [loss, dx] = outputs as [PlanValue, PlanValue];
  const w = attrs.weighted ? weights[0] : undefined;
  const p = attrs.positive ? weights.at(-1) : undefined;
  const none = attrs.reduction === 'none';
  const scale = scaleOf(x, attrs);
  const count = physicalSize(x.shape, x.layout);
  const { rank, params } = weightParams(x, { w, p });
  const nhwc = x.layout === 'nhwc';
  const constant = wgsl(attrs.constant);
  const variant = (id: string, { size, groups }: { size: number; groups: number }): Variant => {
    const fused = id === 'fused';
    const partials: Scratch = { scratch: 'partials', elements: groups };
    const main: Kernel = {
      shader: lossShader,
      defines: {
        SIZE: size,
        RANK: rank,
        NONE: none,
        FUSED: fused,
        GRAD: used[1]!,
        WEIGHTED: w !== undefined,
        POSITIVE: p !== undefined,
      },
      slots: {
        loss: `fn loss(x: f32, t: f32, p: f32) -> f32 { return ${row.loss(constant)}; }`,
        slope: `fn slope(x: f32, t: f32, p: f32) -> f32 { return ${row.slope(constant)}; }`,
      },
      bind: {
        x,
        wanted,
        ...(w && { weight: w }),
        ...(p && { pos_weight: p }),
        ...(used[1] && { dx }),
        ...(none ? { losses: loss } : fused ? { total: loss } : { partials }),
      },
      params: {
        count,
        channels: nhwc ? x.shape[1]! : 1,
        padded: nhwc ? padChannels(x.shape[1]!) : 1,
        scale,
        ...params,
      },
      workgroups: [groups, 1, 1],
    };
    const finish: Kernel = {
      shader: finishShader,
      bind: { partials, total: loss },
      params: { count: groups, scale },
      workgroups: [1, 1, 1],
    };
    return { id, kernels: none || fused ? [main] : [main, finish] };
  };
  const size = caps.software ? 64 : 256;
  const split = variant('split', { size, groups: Math.min(none ? 1024 : mostGroups(caps), ceilDiv(count, 4 * size)) });
  if (none) return [split];
  const fused = variant('fused', { size, groups: 1 });
  return count <= 32 * size ? [fused, split] : [split, fused];
}
