/** The kernels of matmul, and which is best where. Imports graph types, util, its shaders and the problem. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import directText from '../../shaders/matmul/direct.wgsl?raw';
import problemText from '../../shaders/matmul/problem.wgsl?raw';
import { epilogueParts } from '../graph/epilogue.ts';
import type { Kernel, ShaderSource, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { type Problem, paramsOf } from './matmul-problem.ts';
import { subgroupVariants } from './matmul-subgroup.ts';
import { tiledVariants } from './matmul-tiled.ts';

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'matmul/problem.wgsl': problemText,
};
const directShader: ShaderSource = { file: 'matmul/direct.wgsl', text: directText, includes };

/** So small that the one kernel for all shapes is as fast as one made for the shape, and compiles sooner. */
const isTiny = ({ batches, m, n, k }: Problem): boolean => batches * m * n * k <= 8192;

function directVariant(problem: Problem): Variant {
  const { a, b, y, bias, sums, m, n, k, batches } = problem;
  const parts = epilogueParts(problem.epilogue);
  const kernel: Kernel = {
    shader: directShader,
    defines: {
      RANK: problem.batchAxes.length,
      BIAS: bias !== undefined,
      SUMS: sums?.of ?? 'none',
      OPERAND: parts.operand,
    },
    slots: { epilogue: parts.text },
    bind: { a, b, y, ...parts.bind, ...(bias ? { bias } : {}), ...(sums ? { sums: sums.to } : {}) },
    params: paramsOf(problem, { splits: 1, splitK: k, splitSize: 0, sumsAt: 0 }),
    workgroups: linearGroups(batches * m * n + (sums ? Math.max(m, n) : 0), 64),
    joins: isTiny(problem),
  };
  return { id: 'direct', kernels: [kernel] };
}

/** Rows or columns so few that a software adapter wastes more on the empty part of a tile than the tile saves. */
const THIN = 16;

/**
 * Kernels for a product, best first. Software adapters with subgroups of one size: subgroup tiles, the cheapest by a model
 * of their cost. GPUs: tiles in workgroup memory, as do software adapters without subgroups unless the product is thin.
 * Tiny products everywhere: the direct one.
 */
export function matmulVariants(problem: Problem, caps: DeviceCaps): Variant[] {
  const subgroup = subgroupVariants(problem, caps);
  const tiles = [...subgroup, ...tiledVariants(problem, caps)];
  const direct = directVariant(problem);
  const thin = caps.software && subgroup.length === 0 && Math.min(problem.m, problem.n) <= THIN;
  return thin || isTiny(problem) ? [direct, ...tiles] : [...tiles, direct];
}
