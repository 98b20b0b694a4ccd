/**
 * Kernels of the losses over classes (crossEntropy, nllLoss, crossEntropyProbs): which rows, which shares, which variants.
 * Imports graph, util, the shaders and other ops.
 */
import commonText from '../../shaders/cross-entropy/common.wgsl?raw';
import finishText from '../../shaders/cross-entropy/finish.wgsl?raw';
import labelsText from '../../shaders/cross-entropy/labels.wgsl?raw';
import outputsText from '../../shaders/cross-entropy/outputs.wgsl?raw';
import rowsText from '../../shaders/cross-entropy/rows.wgsl?raw';
import totalText from '../../shaders/cross-entropy/total.wgsl?raw';
import wideText from '../../shaders/cross-entropy/wide.wgsl?raw';
import probsText from '../../shaders/cross-entropy-probs/probs.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import { isOne } from '../graph/define-op.ts';
import { padChannels, stridesOf } from '../graph/layout.ts';
import type {
  Kernel,
  KernelContext,
  LaidOut,
  LayoutChoice,
  PlanValue,
  Scratch,
  ShaderSource,
  Value,
  Variant,
} from '../graph/types.ts';
import { type DeviceCaps, softwareLanes } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, type Shape, sameShape, show, sizeOf } from '../util/shape.ts';
import { mul } from './binary.ts';
import { reshape } from './reshape.ts';

export type Reduction = 'none' | 'mean' | 'sum';

export type ClassLossAttrs = {
  readonly reduction: Reduction;
  /** Label that counts for nothing; only for labels. */
  readonly ignoreIndex: number;
  readonly labelSmoothing: number;
  /** The inputs are log-probabilities. */
  readonly normalized: boolean;
};

const includes = {
  'cross-entropy/common.wgsl': commonText,
  'cross-entropy/labels.wgsl': labelsText,
  'cross-entropy/outputs.wgsl': outputsText,
  'cross-entropy-probs/probs.wgsl': probsText,
  'lib/math.wgsl': mathText,
};
const shader = (file: string, text: string): ShaderSource => ({ file: `cross-entropy/${file}`, text, includes });
const rowsShader = shader('rows.wgsl', rowsText);
const wideShader = shader('wide.wgsl', wideText);
const totalShader = shader('total.wgsl', totalText);
const finishShader = shader('finish.wgsl', finishText);

/** Up to so many rows every workgroup sums the weights of all of them itself, which saves a dispatch. */
const LOCAL_TOTAL_ROWS = 4096;

/** The shape of one value a row: [n, c, ...] without its classes. */
export const rowShape = (logits: Shape): number[] => [logits[0]!, ...logits.slice(2)];

/** Common checks: [n, c, ...] logits with at least one class, weight [c]. Throws ShapeError. */
export function checkLogits(logits: Value, weight: Value | undefined, at: string): void {
  const { shape } = logits;
  if (shape.length < 2 || sizeOf(shape) === 0) {
    throw new ShapeError(
      `${at}: logits of shape ${show(shape)} have no classes or no rows. Pass [n,c] or [n,c,d1,...], all at least 1.`,
    );
  }
  if (logits.dtype !== 'f32') throw new ShapeError(`${at}: logits are ${logits.dtype} (${show(shape)}). Pass f32.`);
  if (weight && !sameShape(weight.shape, [shape[1]!])) {
    throw new ShapeError(
      `${at}: weight of shape ${show(weight.shape)} for ${shape[1]} classes (logits ${show(shape)}). Pass [${shape[1]}].`,
    );
  }
}

/** Label smoothing must be a share. Throws ShapeError. */
export function checkSmoothing({ labelSmoothing }: ClassLossAttrs, at: string): void {
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1))
    throw new ShapeError(`${at}: labelSmoothing is ${labelSmoothing}. Pass a number from 0 to 1.`);
}

/** Logits (and probabilities) as they lie; labels and weights plain. The gradient lies as the logits do. */
export function classLossLayout(inputs: readonly LaidOut[]): LayoutChoice {
  const own = (v: LaidOut, i: number) => ((i === 0 || v.dtype === 'f32') && v.layout === 'nhwc' ? 'nhwc' : 'plain');
  const layouts = inputs.map(own);
  return { inputs: layouts, outputs: ['plain', layouts[0]!, 'plain'] };
}

/** Distances between samples, pixels and classes, in elements. Pixels lie evenly in both layouts. */
function rowStrides({ shape, layout }: PlanValue): { sample: number; pixel: number; class: number } {
  const strides = stridesOf(shape, layout);
  return { sample: strides[0]!, pixel: shape.length > 2 ? strides.at(-1)! : 0, class: strides[1]! };
}

interface Loss {
  readonly logits: PlanValue;
  readonly target: PlanValue;
  readonly weight: PlanValue | undefined;
  readonly outputs: { readonly loss: PlanValue; readonly dLogits: PlanValue; readonly correct: PlanValue };
  readonly gradient: boolean;
  readonly attrs: ClassLossAttrs;
  readonly rows: number;
  readonly classes: number;
  /** The mean divides by the sum of the weights of the labels. */
  readonly byWeight: boolean;
  readonly mostGroups: number;
}

function paramsOf(loss: Loss, size: number, partCount = 0): Record<string, number> {
  const { logits, target, attrs, rows, classes, byWeight } = loss;
  const own = rowStrides(logits);
  const common = {
    rows,
    pixels: sizeOf(logits.shape.slice(2)),
    classes,
    padded: logits.layout === 'nhwc' ? padChannels(classes) : classes,
    sample_stride: own.sample,
    pixel_stride: own.pixel,
    class_stride: own.class,
    scale: attrs.reduction === 'mean' && !byWeight ? 1 / rows : 1,
    hot: 1 - attrs.labelSmoothing,
    cold: attrs.labelSmoothing / classes,
    part_count: partCount,
    tree_half: size / 2,
  };
  if (target.dtype === 'i32') return { ...common, ignore_index: attrs.ignoreIndex };
  const probs = rowStrides(target);
  return { ...common, probs_sample: probs.sample, probs_pixel: probs.pixel, probs_class: probs.class };
}

/** How a variant visits the rows. */
interface Walk {
  readonly id: string;
  readonly shader: ShaderSource;
  /** Threads of a workgroup. */
  readonly size: number;
  readonly groups: number;
  /** One workgroup does everything. */
  readonly fused: boolean;
  /** A workgroup is one subgroup. */
  readonly one?: boolean;
}

function variantOf(loss: Loss, walk: Walk): Variant {
  const { logits, target, weight, outputs, attrs, rows, byWeight, gradient } = loss;
  const labels = target.dtype === 'i32';
  const none = attrs.reduction === 'none';
  const needsTotal = byWeight && gradient;
  const given = needsTotal && !walk.fused && rows > LOCAL_TOTAL_ROWS;
  const totalGroups = Math.min(256, loss.mostGroups, ceilDiv(rows, 256));
  const totals: Scratch = { scratch: 'totals', elements: totalGroups };
  const partials: Scratch = { scratch: 'partials', elements: 4 * walk.groups };
  const wanted = { [labels ? 'labels' : 'probs']: target, ...(weight && { weight }) };
  const defines = { LABELS: labels, WEIGHTED: weight !== undefined, BY_WEIGHT: byWeight, NONE: none, ONE: false };
  const total: Kernel = {
    shader: totalShader,
    defines: { ...defines, SIZE: 256 },
    bind: { ...wanted, totals },
    params: paramsOf(loss, 256),
    workgroups: [totalGroups, 1, 1],
  };
  const visit: Kernel = {
    shader: walk.shader,
    defines: {
      ...defines,
      ONE: walk.one === true,
      SIZE: walk.size,
      FUSED: walk.fused,
      GRAD: gradient,
      TOTAL: given ? 'given' : needsTotal ? 'local' : 'none',
      NORMALIZED: attrs.normalized,
    },
    bind: {
      ...wanted,
      logits,
      ...(gradient && { d_logits: outputs.dLogits }),
      ...(walk.fused ? { correct: outputs.correct } : { partials }),
      ...((walk.fused || none) && { loss: outputs.loss }),
      ...(given && { totals }),
    },
    params: paramsOf(loss, walk.size, given ? totalGroups : 0),
    workgroups: [walk.groups, 1, 1],
  };
  const finish: Kernel = {
    shader: finishShader,
    defines: { LABELS: labels, BY_WEIGHT: byWeight, NONE: none, ONE: false, SIZE: 256 },
    bind: { partials, correct: outputs.correct, ...(!none && { loss: outputs.loss }) },
    params: paramsOf(loss, 256, walk.groups),
    workgroups: [1, 1, 1],
  };
  return { id: walk.id, kernels: [...(given ? [total] : []), visit, ...(walk.fused ? [] : [finish])] };
}

/**
 * `fused`: one workgroup, one dispatch, for the batches of usual classifiers. `rows`: a thread a row. `wide`: a workgroup a
 * row, for many classes; not where the processor plays GPU, to which a barrier is expensive.
 */
export function classLossVariants(context: KernelContext<ClassLossAttrs>, caps: DeviceCaps): readonly Variant[] {
  const { inputs, outputs, used, attrs } = context;
  const [logits, target, weight] = inputs;
  const [lossValue, dLogits, correct] = outputs;
  const rows = sizeOf(rowShape(logits!.shape));
  const classes = logits!.shape[1]!;
  const loss: Loss = {
    logits: logits!,
    target: target!,
    weight,
    outputs: { loss: lossValue!, dLogits: dLogits!, correct: correct! },
    gradient: used[1]!,
    attrs,
    rows,
    classes,
    byWeight: attrs.reduction === 'mean' && target!.dtype === 'i32',
    // Each workgroup ends with a tree of barriers: many are cheap on a GPU only.
    mostGroups: caps.software ? 16 : 1024,
  };
  const small = caps.software ? 64 : 256;
  const lanes = softwareLanes(caps);
  const whole = lanes > 0 ? { size: lanes, one: true } : { size: small };
  const fused = variantOf(loss, { id: 'fused', shader: rowsShader, ...whole, groups: 1, fused: true });
  const groups = (perGroup: number): number => Math.min(loss.mostGroups, ceilDiv(rows, perGroup));
  const split = variantOf(loss, { id: 'rows', shader: rowsShader, size: 64, groups: groups(64), fused: false });
  if (attrs.normalized) return rows <= 4096 ? [fused, split] : [split, fused];
  const wide = variantOf(loss, { id: 'wide', shader: wideShader, size: small, groups: groups(1), fused: false });
  if (!caps.software && classes >= 128) return [wide, split, fused];
  return rows * classes <= (caps.software ? 65536 : 16384) ? [fused, split, wide] : [split, wide, fused];
}

/** The gradient of the loss under a shape that broadcasts to the logits: a scalar, or one a row with an axis for the classes. */
const overClasses = (dLoss: Value, logits: Shape): number[] =>
  dLoss.shape.length === 0 ? [] : [logits[0]!, 1, ...logits.slice(2)];

/** A gradient of the shape of the logits times that of the loss: itself where that is 1. */
export const scaleByLoss = (d: Value, dLoss: Value): Value =>
  isOne(dLoss) ? d : mul(d, reshape(dLoss, overClasses(dLoss, d.shape)));

/** Class weights are given, not trained. Throws ShapeError. */
export function refuseWeightGradient(name: string, needs: readonly boolean[], logits: Shape): void {
  if (needs[2])
    throw new ShapeError(
      `${name}: weight has no gradient, but one is needed (logits ${show(logits)}). Make it from values that are not trained.`,
    );
}
