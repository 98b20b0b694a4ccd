/**
 * Normalisation of images by statistics of channels: the one op behind batch, group and instance normalisation, which
 * differ only in which elements share a mean and a variance. Imports graph, util and its kernels.
 */
import { defineOp, type Op } from '../graph/define-op.ts';
import type { Layout } from '../graph/layout.ts';
import type { EpilogueRule, InPlace, KernelContext, PlanValue, Value, ValueSpec, Variant } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { sameShape, show, sizeOf } from '../util/shape.ts';
import { backwardVariants, forwardVariants, normaliseKernel, normFlops, type Tracked } from './channel-norm-kernels.ts';
import { type BoundStatistics, normGeometry, type Statistics, statsShape } from './channel-norm-parts.ts';

type NormAttrs = {
  readonly statistics: Statistics;
  /** Groups of channels that share their statistics; as many as channels for batch and instance normalisation. */
  readonly groups: number;
  readonly eps: number;
  /** Share of the batch in new running statistics. */
  readonly momentum: number;
  /** Which of the optional inputs are given: weight, bias, running mean and variance, in this order behind x. */
  readonly weight: boolean;
  readonly bias: boolean;
  readonly running: boolean;
};

interface Operands<T> {
  readonly weight: T | null;
  readonly bias: T | null;
  readonly mean: T | null;
  readonly variance: T | null;
}

/** The optional inputs by name. */
function operands<T>(inputs: readonly T[], { weight, bias, running }: NormAttrs): Operands<T> {
  const rest = inputs.slice(1);
  const next = (given: boolean): T | null => (given ? (rest.shift() ?? null) : null);
  return { weight: next(weight), bias: next(bias), mean: next(running), variance: next(running) };
}

function checkInputs(inputs: readonly Value[], attrs: NormAttrs, at: string): void {
  const x = inputs[0]!;
  const shapes = `x ${show(x.shape)}`;
  if (x.shape.length !== 4 || sizeOf(x.shape) === 0 || x.dtype !== 'f32')
    throw new ShapeError(`${at}: x is ${x.dtype} ${show(x.shape)}. Pass f32 [n,c,h,w], all sizes at least 1.`);
  const channels = x.shape[1]!;
  const { groups, eps, momentum } = attrs;
  if (!Number.isInteger(groups) || groups < 1 || channels % groups !== 0)
    throw new ShapeError(
      `${at}: ${channels} channels cannot be parted into ${groups} groups (${shapes}). Use a number of groups that divides the channels.`,
    );
  if (!(eps >= 0)) throw new ShapeError(`${at}: eps is ${eps} (${shapes}). Pass a number from 0.`);
  if (!(momentum >= 0 && momentum <= 1))
    throw new ShapeError(`${at}: momentum is ${momentum} (${shapes}). Pass a number from 0 to 1.`);
  for (const [name, value] of Object.entries(operands(inputs, attrs))) {
    if (value && (value.dtype !== 'f32' || !sameShape(value.shape, [channels])))
      throw new ShapeError(
        `${at}: ${name} is ${value.dtype} ${show(value.shape)} for ${channels} channels (${shapes}). Pass f32 [${channels}].`,
      );
  }
}

const f32 = (shape: readonly number[]): ValueSpec => ({ shape, dtype: 'f32' });

const plain = (count: number): Layout[] => new Array<Layout>(count).fill('plain');

/** Inputs: dy, then those of the forward op, but the statistics of the data (if it was normalised by them) for the running ones. */
const defineBackward = (name: string): Op<NormAttrs> =>
  defineOp<NormAttrs>({
    name,
    infer([dy]) {
      const channels = [dy!.shape[1]!];
      return [f32(dy!.shape), f32(channels), f32(channels)];
    },
    layout: (inputs) => ({
      inputs: ['nhwc', 'nhwc', ...plain(inputs.length - 2)],
      outputs: ['nhwc', 'plain', 'plain'],
    }),
    variants({ inputs: [dy, x, ...rest], outputs: [dx, dweight, dbias], used, attrs }, caps) {
      const weight = attrs.weight ? rest.shift()! : null;
      const [first, second] = rest;
      const statistics: BoundStatistics =
        attrs.statistics === 'running' ? { running_mean: first!, running_var: second! } : { stats: first! };
      const wanted = <T>(value: T, i: number): T | null => (used[i] ? value : null);
      const values = { dx: wanted(dx!, 0), dweight: wanted(dweight!, 1), dbias: wanted(dbias!, 2) };
      return backwardVariants({ dy: dy!, x: x!, statistics, weight, ...values }, normGeometry(x!.shape, attrs), caps);
    },
    flops: ([dy]) => normFlops(dy!.shape, 8),
  });

function tracked(
  { mean, variance }: Operands<PlanValue>,
  { outputs: [, , newMean, newVar], used, attrs: { momentum } }: KernelContext<NormAttrs>,
): Tracked | null {
  if (!mean || !variance || !(used[2] || used[3])) return null;
  return { running_mean: mean, running_var: variance, new_mean: newMean!, new_var: newVar!, momentum };
}

function normVariants(context: KernelContext<NormAttrs>, caps: DeviceCaps): readonly Variant[] {
  const { inputs, outputs, epilogue, attrs } = context;
  const given = operands(inputs, attrs);
  const g = normGeometry(inputs[0]!.shape, attrs);
  const { weight, bias, mean, variance } = given;
  const values = { x: inputs[0]!, y: outputs[0]!, weight, bias, epilogue };
  if (!g.running) return forwardVariants({ ...values, stats: outputs[1]!, tracked: tracked(given, context) }, g, caps);
  const statistics = { running_mean: mean!, running_var: variance! };
  return [{ id: 'parts', kernels: [normaliseKernel({ ...values, statistics }, g)] }];
}

/** New running statistics over the old ones, which the first kernel reads and the last one writes. */
const updates = ({ statistics, weight, bias, running }: NormAttrs): InPlace[] => {
  const mean = 1 + Number(weight) + Number(bias);
  return running && statistics !== 'running' ? [2, 3].map((output, i) => ({ output, input: mean + i })) : [];
};

/** By running statistics it is a function of each element: (x - mean) * (weight / deviation) + bias, as forward.wgsl has it. */
function runningRule(name: string, { weight, bias, eps }: NormAttrs): EpilogueRule {
  const affine = [...(weight ? [1] : []), ...(bias ? [1 + Number(weight)] : [])];
  const mean = 1 + affine.length;
  const at = (given: boolean, index: number, otherwise: string): string => (given ? `c.${'xyzw'[index]}` : otherwise);
  const factor = at(weight, 2, '1.0');
  const summand = at(bias, 2 + Number(weight), '0.0');
  return {
    name,
    expression: '(v - p.x) * p.y + p.z',
    zeroPreserving: true,
    operand: null,
    channels: {
      values: [mean, mean + 1, ...affine],
      prepare: `vec4f(c.x, inverseSqrt(c.y + ${eps.toExponential()}) * ${factor}, ${summand}, 0.0)`,
    },
  };
}

/** Outputs: y; and, if normalised by the data's own statistics, those (`statsShape`) and the new running mean and variance. */
function defineNorm(name: string): Op<NormAttrs> {
  const backward = defineBackward(`${name}Backward`);
  return defineOp<NormAttrs>({
    name,
    infer(inputs, attrs, at) {
      checkInputs(inputs, attrs, at);
      const { shape } = inputs[0]!;
      if (attrs.statistics === 'running') return [f32(shape)];
      const channels = f32([shape[1]!]);
      return [f32(shape), f32(statsShape(normGeometry(shape, attrs))), ...(attrs.running ? [channels, channels] : [])];
    },
    layout: (inputs, { statistics, running }) => ({
      inputs: ['nhwc', ...plain(inputs.length - 1)],
      outputs: ['nhwc', ...plain(statistics === 'running' ? 0 : running ? 3 : 1)],
    }),
    grad({ inputs, outputs: [, stats], dOutputs: [dy], attrs }) {
      if (!dy) return inputs.map(() => null);
      const { weight, mean, variance } = operands(inputs, attrs);
      const statistics = attrs.statistics === 'running' ? [mean!, variance!] : [stats!];
      const [dx, dweight, dbias] = backward([dy, inputs[0]!, ...(weight ? [weight] : []), ...statistics], attrs);
      const affine = [...(attrs.weight ? [dweight!] : []), ...(attrs.bias ? [dbias!] : [])];
      return [dx, ...affine, ...(attrs.running ? [null, null] : [])];
    },
    variants: normVariants,
    inPlace: updates,
    acceptsEpilogue: 'operand',
    epilogue: (attrs, input) => (attrs.statistics === 'running' && input === 0 ? runningRule(name, attrs) : null),
    flops: ([x], _, { statistics }) => normFlops(x!.shape, statistics === 'running' ? 3 : 7),
  });
}

const ops = {
  batchNorm2d: defineNorm('batchNorm2d'),
  groupNorm: defineNorm('groupNorm'),
  instanceNorm2d: defineNorm('instanceNorm2d'),
};

export interface AffineOptions {
  /** Factor of each channel: [c]; default none. */
  readonly weight?: Value | null;
  /** Added to each channel: [c]; default none. */
  readonly bias?: Value | null;
  /** Added to the variance; default 1e-5. */
  readonly eps?: number;
}

export interface ChannelNormOptions extends AffineOptions {
  /** Its name in plans and messages. */
  readonly op: keyof typeof ops;
  readonly statistics: Statistics;
  readonly groups: number;
  /** Running mean and variance, both [c]: what normalises, or what is kept up to date. */
  readonly running?: readonly [Value, Value] | null;
  readonly momentum?: number;
}

/** y, and the new running mean and variance where x's own statistics were used and running ones given. */
export function channelNorm(
  x: Value,
  { op, statistics, groups, weight, bias, running, eps = 1e-5, momentum = 0.1 }: ChannelNormOptions,
): { readonly y: Value; readonly running: readonly [Value, Value] | null } {
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : []), ...(running ?? [])];
  const given = { weight: Boolean(weight), bias: Boolean(bias), running: Boolean(running) };
  const [y, , mean, variance] = ops[op](inputs, { statistics, groups, eps, momentum, ...given });
  return { y, running: mean && variance ? [mean, variance] : null };
}
