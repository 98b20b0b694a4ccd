/** Products of matrices: matmul, linear, gemm. Imports graph, util, its kernels and arithmetic ops. */
import { constant, defineOp, type Op } from '../graph/define-op.ts';
import { currentScope } from '../graph/trace.ts';
import type { GradContext, Value, ValueSpec } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { broadcastShapes, show, sizeOf } from '../util/shape.ts';
import { add } from './binary.ts';
import { matmulVariants } from './matmul-kernels.ts';
import { type MatmulAttrs, problemOf } from './matmul-problem.ts';
import { mulScalar } from './pointwise.ts';
import { sum, sumTo } from './reduce.ts';
import { reshape } from './reshape.ts';

type Matrices = { readonly a: ValueSpec; readonly b: ValueSpec; readonly bias?: ValueSpec | undefined };

const shapesOf = ({ a, b, bias }: Matrices): string =>
  `(a ${show(a.shape)}, b ${show(b.shape)}${bias ? `, bias ${show(bias.shape)}` : ''})`;

/** Shape of the product; what does not fit is a ShapeError. */
function productShape(given: Matrices, { transposeA, transposeB }: MatmulAttrs, at: string): number[] {
  const { a, b, bias } = given;
  const shapes = shapesOf(given);
  for (const [name, { shape }] of [['a', a] as const, ['b', b] as const]) {
    if (shape.length < 2)
      throw new ShapeError(
        `${at}: ${name} has rank ${shape.length}, matrices need 2 or more ${shapes}. Reshape it, to [1,${sizeOf(shape)}] for instance.`,
      );
  }
  for (const { dtype } of [a, b, bias ?? a])
    if (dtype !== 'f32') throw new ShapeError(`${at}: matrices of ${dtype} are given, f32 is needed ${shapes}.`);
  const [m, ka] = [a.shape.at(transposeA ? -1 : -2)!, a.shape.at(transposeA ? -2 : -1)!];
  const [kb, n] = [b.shape.at(transposeB ? -1 : -2)!, b.shape.at(transposeB ? -2 : -1)!];
  if (ka !== kb)
    throw new ShapeError(
      `${at}: a has ${ka} columns${transposeA ? ' (transposed)' : ''}, b has ${kb} rows${transposeB ? ' (transposed)' : ''} ${shapes}. ` +
        'Make them equal, or set transposeA or transposeB.',
    );
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== n))
    throw new ShapeError(
      `${at}: bias is ${show(bias.shape)}, the product has ${n} columns ${shapes}. Pass a bias of shape [${n}].`,
    );
  return [...broadcastShapes(a.shape.slice(0, -2), b.shape.slice(0, -2), `${at}, batch axes of ${shapes}`), m, n];
}

const asRows = (x: Value): Value => reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!]);

/** Gradients are products too, with the transposes that let both operands be read as they lie. */
function gradientA(b: Value, dy: Value, { transposeA, transposeB }: MatmulAttrs): Value {
  return transposeA
    ? matmul(b, dy, { transposeA: transposeB, transposeB: true })
    : matmul(dy, b, { transposeB: !transposeB });
}

function gradientB(a: Value, dy: Value, { transposeA, transposeB }: MatmulAttrs): Value {
  return transposeB
    ? matmul(dy, a, { transposeA: true, transposeB: transposeA })
    : matmul(a, dy, { transposeA: !transposeA });
}

/** Batch axes along which an operand was broadcast are summed. */
function matmulGrad({ inputs: [a, b, bias], dOutputs, needs, attrs }: GradContext<MatmulAttrs>) {
  const dy = dOutputs[0]!;
  // One matrix b for all batches: the batch axes are more rows, and the sum over them is part of the product.
  const rows = b!.shape.length === 2 && !attrs.transposeA;
  const [left, right] = rows ? [asRows(a!), asRows(dy)] : [a!, dy];
  // A linear layer: one kernel for the gradients of weight and bias.
  if (bias && rows && attrs.transposeB && needs[1] && needs[2])
    return [needs[0] ? sumTo(gradientA(b!, dy, attrs), a!.shape) : null, ...linearBackwardOp([right, left], {})];
  return [
    needs[0] ? sumTo(gradientA(b!, dy, attrs), a!.shape) : null,
    needs[1] ? sumTo(gradientB(left, right, attrs), b!.shape) : null,
    ...(bias ? [needs[2] ? sum(dy, { axes: dy.shape.map((_, axis) => axis).slice(0, -1) }) : null] : []),
  ];
}

const matmulOp: Op<MatmulAttrs> = defineOp<MatmulAttrs>({
  name: 'matmul',
  acceptsEpilogue: 'operand',
  infer: ([a, b, bias], attrs, at) => [{ shape: productShape({ a: a!, b: b!, bias }, attrs, at), dtype: 'f32' }],
  grad: matmulGrad,
  variants: (context, caps) => matmulVariants(problemOf(context), caps),
  flops: ([a], [y], { transposeA }) => 2 * sizeOf(y!.shape) * a!.shape.at(transposeA ? -2 : -1)!,
});

/** [dy, x], as rows, -> gradients of weight and bias of a linear layer: dy^T x and the sums of dy's columns. */
const linearBackwardOp: Op<Record<string, never>> = defineOp<Record<string, never>>({
  name: 'linearBackward',
  infer: ([dy, x]) => [
    { shape: [dy!.shape[1]!, x!.shape[1]!], dtype: 'f32' },
    { shape: [dy!.shape[1]!], dtype: 'f32' },
  ],
  grad({ inputs: [dy, x], dOutputs: [g, gBias], needs }) {
    const weight = g ?? constant(0, [dy!.shape[1]!, x!.shape[1]!]);
    return [
      needs[0] ? matmul(x!, weight, { transposeB: true, bias: gBias }) : null,
      needs[1] ? matmul(dy!, weight) : null,
    ];
  },
  variants({ inputs, outputs: [dweight, dbias], used, epilogue }, caps) {
    const attrs = { transposeA: true, transposeB: false };
    const problem = problemOf({ inputs, outputs: [dweight!], used, epilogue, window: null, attrs });
    return matmulVariants({ ...problem, sums: used[1] ? { of: 'a', to: dbias! } : undefined }, caps);
  },
  flops: ([dy, x]) => 2 * sizeOf(dy!.shape) * x!.shape[1]!,
});

export interface MatmulOptions {
  /** a is [..., k, m]; default false: [..., m, k]. Nothing is moved, the kernels read either orientation. */
  readonly transposeA?: boolean;
  /** b is [..., n, k]; default false: [..., k, n]. */
  readonly transposeB?: boolean;
  /** [n], added to every row; default none. */
  readonly bias?: Value | null;
}

/**
 * Product of the last two axes, [..., m, k] and [..., k, n] to [..., m, n]; the axes before broadcast. Both operands have
 * rank 2 or more. (torch.matmul)
 */
export function matmul(
  a: Value,
  b: Value,
  { transposeA = false, transposeB = false, bias = null }: MatmulOptions = {},
): Value {
  return matmulOp(bias ? [a, b, bias] : [a, b], { transposeA, transposeB })[0];
}

function checkLinear(x: Value, weight: Value, bias: Value | null): void {
  const scope = currentScope();
  const at = scope === '' ? 'linear' : `linear "${scope}"`;
  const shapes = `(input ${show(x.shape)}, weight ${show(weight.shape)}${bias ? `, bias ${show(bias.shape)}` : ''})`;
  if (weight.shape.length !== 2)
    throw new ShapeError(
      `${at}: the weight has rank ${weight.shape.length}, 2 is needed ${shapes}. Pass a weight of shape [out, in].`,
    );
  const [outputs, features] = weight.shape as [number, number];
  if (x.shape.length < 1 || x.shape.at(-1) !== features)
    throw new ShapeError(
      `${at}: input has ${x.shape.at(-1) ?? 'no'} features, the weight takes ${features} ${shapes}. ` +
        `Set the weight to [${outputs},${x.shape.at(-1) ?? 1}], or flatten the input to [..., ${features}].`,
    );
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outputs))
    throw new ShapeError(
      `${at}: bias is ${show(bias.shape)}, the weight gives ${outputs} outputs ${shapes}. Pass a bias of shape [${outputs}].`,
    );
}

/** x weight^T + bias over the last axis: [..., in] to [..., out], weight [out, in]. (torch.nn.functional.linear) */
export function linear(x: Value, weight: Value, bias: Value | null = null): Value {
  checkLinear(x, weight, bias);
  // A vector is a matrix of one row.
  const y = matmul(x.shape.length === 1 ? reshape(x, [1, -1]) : x, weight, { transposeB: true, bias });
  return x.shape.length === 1 ? reshape(y, [-1]) : y;
}

export interface GemmOptions extends Omit<MatmulOptions, 'bias'> {
  /** Factor of the product; default 1. */
  readonly alpha?: number;
  /** Factor of c; default 1. */
  readonly beta?: number;
}

/** alpha * a b + beta * c, c broadcast to the product or null. (ONNX Gemm, torch.addmm) */
export function gemm(
  a: Value,
  b: Value,
  c: Value | null,
  { alpha = 1, beta = 1, ...transposes }: GemmOptions = {},
): Value {
  const columns = b.shape.at(transposes.transposeB ? -2 : -1);
  if (c && alpha === 1 && beta === 1 && c.shape.length === 1 && c.shape[0] === columns)
    return matmul(a, b, { ...transposes, bias: c });
  const product = matmul(a, b, transposes);
  const scaled = alpha === 1 ? product : mulScalar(product, alpha);
  return c ? add(scaled, beta === 1 ? c : mulScalar(c, beta)) : scaled;
}
