/** Sums over k in parts: for products with a long k and too few elements to keep a device busy. Imports graph types, util, its shader and the problem. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import sumSplitsText from '../../shaders/matmul/sum-splits.wgsl?raw';
import { epilogueParts } from '../graph/epilogue.ts';
import type { Kernel, ShaderSource } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ceilDiv, roundUp, sizeOf } from '../util/shape.ts';
import type { Problem, Split } from './matmul-problem.ts';

const shader: ShaderSource = {
  file: 'matmul/sum-splits.wgsl',
  text: sumSplitsText,
  includes: { 'lib/linear-id.wgsl': linearIdText, 'lib/math.wgsl': mathText },
};

/** k in at most `wanted` even parts, each a multiple of `unit` long and none empty. */
export function splitOf({ m, n, k, batches, sums }: Problem, wanted: number, unit: number): Split {
  const splitK = Math.max(unit, roundUp(ceilDiv(k, wanted), unit));
  const sumsAt = roundUp(batches * m * n, 4);
  return {
    splits: Math.max(1, ceilDiv(k, splitK)),
    splitK,
    splitSize: sumsAt + roundUp(sums ? sizeOf(sums.to.shape) : 0, 4),
    sumsAt,
  };
}

/** The second dispatch: adds the parts, in order, then bias and activation. */
export function sumSplits(problem: Problem, { splits, splitSize, sumsAt }: Split): Kernel {
  const { y, bias, sums, n, m, batches } = problem;
  const parts = epilogueParts(problem.epilogue);
  return {
    shader,
    defines: { BIAS: bias !== undefined, SUMS: sums !== undefined, OPERAND: parts.operand },
    slots: { epilogue: parts.text },
    bind: {
      partial: { scratch: 'partial', elements: splits * splitSize },
      y,
      ...parts.bind,
      ...(bias ? { bias } : {}),
      ...(sums ? { sums: sums.to } : {}),
    },
    params: { size: batches * m * n, size4: sumsAt / 4, part4: splitSize / 4, splits, n },
    workgroups: linearGroups(splitSize / 4, 64),
  };
}
