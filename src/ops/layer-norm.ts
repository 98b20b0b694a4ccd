/** Layer normalisation: each sample (or position) by its own mean and variance over the last axes. Imports graph, util and shaders. */
import foldText from '../../shaders/channel-norm/fold.wgsl?raw';
import totalText from '../../shaders/channel-norm/tree.wgsl?raw';
import backwardInputText from '../../shaders/layer-norm/backward-input.wgsl?raw';
import backwardMergeText from '../../shaders/layer-norm/backward-merge.wgsl?raw';
import backwardSumsText from '../../shaders/layer-norm/backward-sums.wgsl?raw';
import forwardText from '../../shaders/layer-norm/forward.wgsl?raw';
import rowText from '../../shaders/layer-norm/row.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { epilogueParts } from '../graph/epilogue.ts';
import type { Kernel, KernelContext, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, type Shape, sameShape, show, sizeOf } from '../util/shape.ts';
import type { AffineOptions } from './channel-norm.ts';

const includes = {
  'channel-norm/fold.wgsl': foldText,
  'channel-norm/tree.wgsl': totalText,
  'layer-norm/row.wgsl': rowText,
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'lib/tree.wgsl': treeText,
};
const shader = (file: string, text: string): ShaderSource => ({ file: `layer-norm/${file}`, text, includes });
const forwardShader = shader('forward.wgsl', forwardText);
const backwardInputShader = shader('backward-input.wgsl', backwardInputText);
const backwardSumsShader = shader('backward-sums.wgsl', backwardSumsText);
const backwardMergeShader = shader('backward-merge.wgsl', backwardMergeText);

type LayerNormAttrs = {
  readonly normalizedShape: Shape;
  readonly eps: number;
  /** Which of the optional inputs are given, in this order behind x. */
  readonly weight: boolean;
  readonly bias: boolean;
};

interface Rows {
  readonly rows: number;
  /** Elements of a row. */
  readonly length: number;
  /** Elements that are worked on together: 4 or 1. */
  readonly width: number;
  readonly eps: number;
}

function rowsOf(shape: Shape, { normalizedShape, eps }: LayerNormAttrs): Rows {
  const length = sizeOf(normalizedShape);
  return { rows: sizeOf(shape) / length, length, width: length % 4 === 0 ? 4 : 1, eps };
}

/** Threads of a workgroup that works on rows, and for a row: one, some, or all. */
const SIZE = 64;
const VARIANTS = { thread: 1, lanes: 8, wide: 64 } as const;

/** The best first: as many threads for a row as leave each a few elements. */
function variantOrder({ length, width }: Rows): (keyof typeof VARIANTS)[] {
  const steps = length / width;
  if (steps <= 8) return ['thread', 'lanes', 'wide'];
  return steps <= 128 ? ['lanes', 'wide', 'thread'] : ['wide', 'lanes', 'thread'];
}

/** A kernel with so many threads for each row. */
function rowKernel(
  { rows, length, width, eps }: Rows,
  lanes: number,
  { defines, ...rest }: Omit<Kernel, 'workgroups' | 'params'>,
): Kernel {
  return {
    ...rest,
    defines: { SIZE, LANES: lanes, VEC: width === 4, ...defines },
    params: { rows, length: length / width, count: length, eps },
    workgroups: linearGroups(rows, SIZE / lanes),
  };
}

function checkInputs(inputs: readonly Value[], attrs: LayerNormAttrs, at: string): void {
  const x = inputs[0]!;
  const { normalizedShape: own, eps } = attrs;
  if (x.dtype !== 'f32' || sizeOf(x.shape) === 0)
    throw new ShapeError(`${at}: x is ${x.dtype} ${show(x.shape)}. Pass f32 values, at least one.`);
  if (own.length === 0 || own.length > x.shape.length || !sameShape(x.shape.slice(-own.length), own))
    throw new ShapeError(
      `${at}: the normalized shape ${show(own)} is not the end of x's shape ${show(x.shape)}. Pass the sizes of the last axes of x.`,
    );
  if (!(eps >= 0)) throw new ShapeError(`${at}: eps is ${eps} (x ${show(x.shape)}). Pass a number from 0.`);
  const names = [...(attrs.weight ? ['weight'] : []), ...(attrs.bias ? ['bias'] : [])];
  for (const [i, name] of names.entries()) {
    const { dtype, shape } = inputs[i + 1]!;
    if (dtype !== 'f32' || !sameShape(shape, own))
      throw new ShapeError(
        `${at}: ${name} is ${dtype} ${show(shape)}, the normalized shape ${show(own)} (x ${show(x.shape)}). Pass f32 ${show(own)}.`,
      );
  }
}

/** Gradients of weight and bias: sums over the rows in parts, 8 rows and more for a thread, then over the parts. */
function sumKernels({ inputs: [dy, x, stats], outputs, used, attrs }: KernelContext<LayerNormAttrs>): Kernel[] {
  const { rows, length, width } = rowsOf(x!.shape, attrs);
  const columns = length / width;
  const blocks = ceilDiv(columns, SIZE);
  const lanes = Math.floor(SIZE / Math.min(columns, SIZE));
  const share = Math.max(8 * lanes, ceilDiv(rows, 64));
  const shares = ceilDiv(rows, share);
  const parts = { scratch: 'parts', elements: shares * 2 * length };
  const [, DWEIGHT, DBIAS] = used as [boolean, boolean, boolean];
  return [
    {
      shader: backwardSumsShader,
      defines: { SIZE, VEC: width === 4 },
      bind: { dy: dy!, x: x!, stats: stats!, parts },
      params: { rows, columns, blocks, share },
      workgroups: linearGroups(shares * blocks, 1),
    },
    {
      shader: backwardMergeShader,
      defines: { SIZE, DWEIGHT, DBIAS },
      bind: { parts, ...(DWEIGHT && { dweight: outputs[1]! }), ...(DBIAS && { dbias: outputs[2]! }) },
      params: { length, shares },
      workgroups: linearGroups(length, SIZE),
    },
  ];
}

/** Inputs: dy, x, the statistics of x, weight. Outputs: gradients of x, weight and bias. */
const layerNormBackward = defineOp<LayerNormAttrs>({
  name: 'layerNormBackward',
  infer: ([dy], { normalizedShape: shape }) => [
    { shape: dy!.shape, dtype: 'f32' },
    { shape, dtype: 'f32' },
    { shape, dtype: 'f32' },
  ],
  variants(context) {
    const { inputs, outputs, used, attrs } = context;
    const [dy, x, stats, weight] = inputs;
    const g = rowsOf(x!.shape, attrs);
    const sums = used[1] || used[2] ? sumKernels(context) : [];
    const bind = { dy: dy!, x: x!, stats: stats!, dx: outputs[0]!, ...(weight && { weight }) };
    const defines = { WEIGHT: attrs.weight };
    const variant = (id: keyof typeof VARIANTS): Variant => {
      const input = rowKernel(g, VARIANTS[id], { shader: backwardInputShader, defines, bind });
      return { id, kernels: used[0] ? [...sums, input] : sums };
    };
    return variantOrder(g).map(variant);
  },
  flops: ([dy]) => 8 * sizeOf(dy!.shape),
});

/** Outputs: y, and mean and 1 / deviation of each row, [2, rows]. */
const layerNormOp: Op<LayerNormAttrs> = defineOp<LayerNormAttrs>({
  name: 'layerNorm',
  infer(inputs, attrs, at) {
    checkInputs(inputs, attrs, at);
    const { shape } = inputs[0]!;
    return [
      { shape, dtype: 'f32' },
      { shape: [2, rowsOf(shape, attrs).rows], dtype: 'f32' },
    ];
  },
  grad({ inputs: [x, ...rest], outputs: [, stats], dOutputs: [dy], attrs }) {
    if (!dy) return [null];
    const weight = attrs.weight ? [rest[0]!] : [];
    const [dx, dweight, dbias] = layerNormBackward([dy, x!, stats!, ...weight], attrs);
    return [dx, ...(attrs.weight ? [dweight!] : []), ...(attrs.bias ? [dbias!] : [])];
  },
  variants({ inputs: [x, ...rest], outputs: [y, stats], epilogue, attrs }) {
    const g = rowsOf(x!.shape, attrs);
    const weight = attrs.weight ? rest.shift() : undefined;
    const bias = attrs.bias ? rest.shift() : undefined;
    return variantOrder(g).map((id) => ({
      id,
      kernels: [
        rowKernel(g, VARIANTS[id], {
          shader: forwardShader,
          defines: { WEIGHT: attrs.weight, BIAS: attrs.bias },
          slots: { epilogue: epilogueParts(epilogue).text },
          bind: { x: x!, y: y!, stats: stats!, ...(weight && { weight }), ...(bias && { bias }) },
        }),
      ],
    }));
  },
  acceptsEpilogue: true,
  flops: ([x]) => 7 * sizeOf(x!.shape),
});

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over the last axes, whose sizes are `normalizedShape`
 * (a number: one axis); weight and bias have that shape. (torch.nn.functional.layer_norm)
 *
 * @throws ShapeError where the shapes do not fit.
 */
export function layerNorm(
  x: Value,
  normalizedShape: number | Shape,
  { weight, bias, eps = 1e-5 }: AffineOptions = {},
): Value {
  const shape = typeof normalizedShape === 'number' ? [normalizedShape] : normalizedShape;
  const inputs = [x, ...(weight ? [weight] : []), ...(bias ? [bias] : [])];
  return layerNormOp(inputs, { normalizedShape: shape, eps, weight: Boolean(weight), bias: Boolean(bias) })[0];
}
