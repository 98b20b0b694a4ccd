/** The kernels of matmul, and which is best where. Imports graph types, util, its shaders and the problem. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import directText from '../../shaders/matmul/direct.wgsl?raw';
import problemText from '../../shaders/matmul/problem.wgsl?raw';
import type { Kernel, ShaderSource, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { epilogueText, type Problem, paramsOf } from './matmul-problem.ts';
import { subgroupVariants } from './matmul-subgroup.ts';

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'matmul/problem.wgsl': problemText,
};
const direct: ShaderSource = { file: 'matmul/direct.wgsl', text: directText, includes };

function directVariant(problem: Problem): Variant {
  const { a, b, y, bias, m, n, k, batches, epilogue } = problem;
  const kernel: Kernel = {
    shader: direct,
    defines: { RANK: problem.batchAxes.length, BIAS: bias !== undefined },
    slots: { epilogue: epilogueText(epilogue) },
    bind: { a, b, y, ...(bias ? { bias } : {}) },
    params: paramsOf(problem, { splits: 1, splitK: k, splitSize: 0 }),
    workgroups: linearGroups(batches * m * n, 64),
  };
  return { id: 'direct', kernels: [kernel] };
}

/** Kernels for a product, best first. */
export function matmulVariants(problem: Problem, caps: DeviceCaps): Variant[] {
  return [...subgroupVariants(problem, caps), directVariant(problem)];
}
