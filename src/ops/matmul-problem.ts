/** A matrix product as its kernels see it: sizes, orientations, strides of the batch axes. Imports graph types and util. */
import type { Epilogue, KernelContext, PlanValue } from '../graph/types.ts';
import { rowMajorStrides, type Shape, sizeOf } from '../util/shape.ts';

export type MatmulAttrs = { readonly transposeA: boolean; readonly transposeB: boolean };

/** One batch axis: its size and its stride, in elements, in each operand (0: broadcast). */
interface BatchAxis {
  readonly size: number;
  readonly a: number;
  readonly b: number;
}

/** y[z, i, j] = epilogue(bias[j] + sum over q of a[z, i, q] * b[z, q, j]). */
export interface Problem {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  /** Product of the batch axes. */
  readonly batches: number;
  readonly batchAxes: readonly BatchAxis[];
  /** a lies as [k, m]; else as [m, k]. */
  readonly transposeA: boolean;
  /** b lies as [n, k]; else as [k, n]. */
  readonly transposeB: boolean;
  readonly a: PlanValue;
  readonly b: PlanValue;
  readonly bias: PlanValue | undefined;
  /** Takes the sums over q of a as it lies in [k, m], or of b in [k, n], where they are wanted. */
  readonly sums: { readonly of: 'a' | 'b'; readonly to: PlanValue } | undefined;
  readonly y: PlanValue;
  readonly epilogue: Epilogue | null;
}

const batchStrides = (shape: Shape, rank: number): number[] => {
  const own = rowMajorStrides(shape);
  const lead = rank - shape.length;
  return Array.from({ length: rank - 2 }, (_, axis) =>
    axis < lead || shape[axis - lead] === 1 ? 0 : own[axis - lead]!,
  );
};

/** Batch axes of the result, with neighbours joined wherever both operands step over them evenly. */
function batchAxesOf(a: Shape, b: Shape, y: Shape): BatchAxis[] {
  const [strideA, strideB] = [batchStrides(a, y.length), batchStrides(b, y.length)];
  const axes: BatchAxis[] = [];
  for (const [axis, size] of y.slice(0, -2).entries()) {
    const last = axes.at(-1);
    const next = { size, a: strideA[axis]!, b: strideB[axis]! };
    if (size === 1) continue;
    if (last && last.a === next.a * size && last.b === next.b * size)
      axes[axes.length - 1] = { ...next, size: last.size * size };
    else axes.push(next);
  }
  return axes;
}

/** One matrix b for all batches and rows that follow each other: the batch axes are more rows. */
function foldBatches(problem: Problem): Problem {
  const [axis] = problem.batchAxes;
  const folds =
    problem.batchAxes.length === 1 && axis!.b === 0 && !problem.transposeA && axis!.a === problem.m * problem.k;
  return folds ? { ...problem, m: problem.m * problem.batches, batches: 1, batchAxes: [] } : problem;
}

export function problemOf({ inputs, outputs, attrs, epilogue }: KernelContext<MatmulAttrs>): Problem {
  const [a, b, bias] = inputs as [PlanValue, PlanValue, PlanValue?];
  const y = outputs[0]!;
  const batchAxes = batchAxesOf(a.shape, b.shape, y.shape);
  return foldBatches({
    m: y.shape.at(-2)!,
    n: y.shape.at(-1)!,
    k: a.shape.at(attrs.transposeA ? -2 : -1)!,
    batches: sizeOf(batchAxes.map((axis) => axis.size)),
    batchAxes,
    ...attrs,
    a,
    b,
    bias,
    sums: undefined,
    y,
    epilogue,
  });
}

/** How the sum over k is shared out: `splits` parts of `splitK`, each writing `splitSize` partial results. */
export interface Split {
  readonly splits: number;
  readonly splitK: number;
  readonly splitSize: number;
  /** Where the sums of an operand begin in a part. */
  readonly sumsAt: number;
}

/** `struct Params` of shaders/matmul/problem.wgsl. */
export function paramsOf(problem: Problem, split: Split): Record<string, number> {
  const { m, n, k, batches, transposeA, transposeB } = problem;
  const params: Record<string, number> = {
    m,
    n,
    k,
    batches,
    a_row: transposeA ? 1 : k,
    a_k: transposeA ? m : 1,
    b_k: transposeB ? 1 : n,
    b_col: transposeB ? k : 1,
    splits: split.splits,
    split_k: split.splitK,
    split_size: split.splitSize,
    sums_at: split.sumsAt,
  };
  for (const [d, axis] of problem.batchAxes.entries()) {
    params[`batch${d}`] = axis.size;
    params[`a_batch${d}`] = axis.a;
    params[`b_batch${d}`] = axis.b;
  }
  return params;
}
