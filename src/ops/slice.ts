/** Parts of a tensor: slice, and split and chunk, which are several slices. Imports graph, util, copy and its shader. */
import divideText from '../../shaders/lib/divide.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import backwardText from '../../shaders/slice/backward.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { memoryAxes, physicalSize, stridesOf } from '../graph/layout.ts';
import type { Kernel, LaidOut, LayoutChoice, PlanValue, ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, normalizeAxis, type Shape, show } from '../util/shape.ts';
import { stridedVariants } from './copy.ts';

const backward: ShaderSource = {
  file: 'slice/backward.wgsl',
  text: backwardText,
  includes: { 'lib/linear-id.wgsl': linearIdText, 'lib/divide.wgsl': divideText },
};

/** Which part of each axis: elements start, start + step, ... below end. */
type SliceAttrs = {
  readonly axes: readonly number[];
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly steps: readonly number[];
};

type BackwardAttrs = SliceAttrs & { readonly shape: Shape };

interface Part {
  readonly start: number;
  readonly step: number;
  readonly length: number;
}

/** The part of every axis, whole where it is not named; bounds as in Python. */
function partsOf(shape: Shape, { axes, starts, ends, steps }: SliceAttrs): Part[] {
  return shape.map((size, axis) => {
    const k = axes.indexOf(axis);
    if (k < 0) return { start: 0, step: 1, length: size };
    const bound = (v: number): number => Math.min(Math.max(v < 0 ? v + size : v, 0), size);
    const [start, step] = [bound(starts[k]!), steps[k]!];
    return { start, step, length: Math.max(0, ceilDiv(bound(ends[k]!) - start, step)) };
  });
}

function checkAttrs(shape: Shape, { axes, starts, ends, steps }: SliceAttrs, at: string): void {
  const fail = (why: string, fix: string): never => {
    throw new ShapeError(
      `${at}: ${why} (input ${show(shape)}, axes ${show(axes)}, starts ${show(starts)}, ends ${show(ends)}, steps ${show(steps)}). ${fix}`,
    );
  };
  if ([starts, ends, steps].some((list) => list.length !== axes.length))
    fail(`${axes.length} axes do not have a start, an end and a step each`, 'Pass lists of one length.');
  if (new Set(axes).size !== axes.length) fail('an axis is named twice', 'Name each once.');
  const odd = [...starts, ...ends].find((v) => Number.isNaN(v) || (Number.isFinite(v) && !Number.isInteger(v)));
  if (odd !== undefined) fail(`the bound ${odd} is no whole number`, 'Pass whole numbers.');
  const step = steps.find((v) => !Number.isInteger(v) || v < 1 || v >= 2 ** 20);
  if (step !== undefined) fail(`a step is ${step}`, 'Pass whole numbers from 1 to 2^20 - 1.');
  const empty = partsOf(shape, { axes, starts, ends, steps }).findIndex(({ length }) => length === 0);
  if (empty >= 0)
    fail(`nothing is left of axis ${empty}, which has ${shape[empty]} elements`, 'Let every end lie behind its start.');
}

/** Images in nhwc stay so; others become plain, from whatever layout they are in. */
const keepImages = ([x]: readonly LaidOut[]): LayoutChoice => ({
  inputs: [x!.layout],
  outputs: [x!.layout === 'nhwc' ? 'nhwc' : 'plain'],
});

function backwardKernel(dy: PlanValue, dx: PlanValue, parts: readonly Part[], unit: 1 | 4): Kernel {
  const axes = memoryAxes(dx.shape, dx.layout);
  const strides = stridesOf(dy.shape, dy.layout);
  const count = physicalSize(dx.shape, dx.layout) / unit;
  const params: Record<string, number> = { count };
  for (const [d, { axis, size }] of axes.entries()) {
    const inner = d === axes.length - 1 ? unit : 1;
    const { start, step, length } = parts[axis]!;
    params[`size${d}`] = size / inner;
    params[`start${d}`] = start / inner;
    params[`step${d}`] = step;
    params[`length${d}`] = ceilDiv(length, inner);
    params[`stride${d}`] = inner === 1 ? strides[axis]! / unit : 1;
  }
  return {
    shader: backward,
    defines: { RANK: axes.length, STEPPED: parts.some(({ step }) => step !== 1) },
    slots: { element: `alias ELEMENT = ${unit === 1 ? dx.dtype : `vec4<${dx.dtype}>`};` },
    bind: { dy, dx },
    params,
    workgroups: linearGroups(count, 64),
  };
}

/** Fours of dx are fours of dy: both lie so along the innermost axis, and the part starts at one. */
function packs(dy: PlanValue, dx: PlanValue, parts: readonly Part[]): boolean {
  const [ours, theirs] = [dx, dy].map(({ shape, layout }) => memoryAxes(shape, layout).at(-1)!);
  const { start, step } = parts[ours!.axis]!;
  return ours!.axis === theirs!.axis && ours!.size % 4 === 0 && theirs!.size % 4 === 0 && start % 4 === 0 && step === 1;
}

const sliceBackward: Op<BackwardAttrs> = defineOp<BackwardAttrs>({
  name: 'sliceBackward',
  infer: ([dy], { shape }) => [{ shape, dtype: dy!.dtype }],
  layout: keepImages,
  grad({ dOutputs: [d], attrs: { shape: _, ...attrs } }) {
    return sliceOp([d!], attrs);
  },
  variants({ inputs: [dy], outputs: [dx], attrs }) {
    const parts = partsOf(attrs.shape, attrs);
    const one = { id: 'single', kernels: [backwardKernel(dy!, dx!, parts, 1)] };
    if (!packs(dy!, dx!, parts)) return [one];
    return [{ id: 'packed', kernels: [backwardKernel(dy!, dx!, parts, 4)] }, one];
  },
  flops: () => 0,
});

const sliceOp: Op<SliceAttrs> = defineOp<SliceAttrs>({
  name: 'slice',
  infer([x], attrs, at) {
    checkAttrs(x!.shape, attrs, at);
    return [{ shape: partsOf(x!.shape, attrs).map(({ length }) => length), dtype: x!.dtype }];
  },
  layout: keepImages,
  grad({ inputs: [x], dOutputs: [dy], attrs }) {
    return sliceBackward([dy!], { ...attrs, shape: x!.shape });
  },
  variants({ inputs: [x], outputs: [y], attrs }) {
    const parts = partsOf(x!.shape, attrs);
    const own = stridesOf(x!.shape, x!.layout);
    const base = parts.reduce((sum, { start }, axis) => sum + start * own[axis]!, 0);
    return stridedVariants(x!, y!, { strides: parts.map(({ step }, axis) => step * own[axis]!), base });
  },
  flops: () => 0,
});

export interface SliceOptions {
  /** The axes to cut, negative ones from the end; default: the first ones. */
  readonly axes?: readonly number[];
  /** First element for each axis; negative: from the end. */
  readonly starts: readonly number[];
  /** The element behind the last one for each axis; negative: from the end; beyond the axis: all. */
  readonly ends: readonly number[];
  /** Default 1. */
  readonly steps?: readonly number[];
}

/** A part of x: `slice(x, { axes: [1], starts: [0], ends: [8] })` is x[:, 0:8]. (indexing of torch.Tensor, ONNX Slice) */
export function slice(x: Value, { axes, starts, ends, steps }: SliceOptions): Value {
  const named = (axes ?? starts.map((_, i) => i)).map((axis) => normalizeAxis(axis, x.shape.length, 'slice'));
  // Attributes are JSON, which has no infinities.
  const finite = (list: readonly number[]): number[] => list.map((v) => Math.max(-(2 ** 31), Math.min(v, 2 ** 31)));
  return sliceOp([x], {
    axes: named,
    starts: finite(starts),
    ends: finite(ends),
    steps: steps ?? starts.map(() => 1),
  })[0];
}

interface SplitOptions {
  /** Default 0, as in PyTorch; channels are axis 1. */
  readonly axis?: number;
}

/** Parts of the given sizes, or of one size (the last may be smaller), along an axis. (torch.split) */
export function split(x: Value, sizes: number | readonly number[], { axis = 0 }: SplitOptions = {}): Value[] {
  const along = normalizeAxis(axis, x.shape.length, 'split');
  const total = x.shape[along] ?? 1;
  const fail = (why: string): never => {
    throw new ShapeError(
      `split: ${why} (input ${show(x.shape)}, axis ${along}). Pass sizes from 1 with the sum ${total}.`,
    );
  };
  if (typeof sizes === 'number' && !(Number.isInteger(sizes) && sizes >= 1)) fail(`the size of a part is ${sizes}`);
  const list =
    typeof sizes === 'number'
      ? Array.from({ length: ceilDiv(total, sizes) }, (_, i) => Math.min(sizes, total - i * sizes))
      : sizes;
  const sum = list.reduce((a, b) => a + b, 0);
  if (list.some((size) => !Number.isInteger(size) || size < 1) || sum !== total)
    fail(`parts of ${show(list)} elements, ${sum} in all, do not make up ${total}`);
  let start = 0;
  return list.map((size) => {
    start += size;
    return slice(x, { axes: [along], starts: [start - size], ends: [start] });
  });
}

/** At most `count` parts of equal size (the last may be smaller) along an axis. (torch.chunk) */
export function chunk(x: Value, count: number, { axis = 0 }: SplitOptions = {}): Value[] {
  const along = normalizeAxis(axis, x.shape.length, 'chunk');
  if (!Number.isInteger(count) || count < 1)
    throw new ShapeError(`chunk: ${count} parts of ${show(x.shape)}. Pass a whole number of parts from 1.`);
  return split(x, ceilDiv(x.shape[along] ?? 1, count), { axis: along });
}
