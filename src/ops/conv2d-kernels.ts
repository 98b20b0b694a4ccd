/** Kernels of the convolution and its gradients, best first for a device. Imports graph, util, shaders, conv2d-geometry. */
import addSplitsText from '../../shaders/conv2d/add-splits.wgsl?raw';
import inputDirectText from '../../shaders/conv2d/backward-input-direct.wgsl?raw';
import weightDirectText from '../../shaders/conv2d/backward-weight-direct.wgsl?raw';
import forwardDirectText from '../../shaders/conv2d/forward-direct.wgsl?raw';
import paramsText from '../../shaders/conv2d/params.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import type { Epilogue, Kernel, PlanValue, ShaderSource, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ceilDiv } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'conv2d/params.wgsl': paramsText,
};
const shader = (name: string, text: string): ShaderSource => ({ file: `conv2d/${name}.wgsl`, text, includes });
const forwardDirect = shader('forward-direct', forwardDirectText);
const inputDirect = shader('backward-input-direct', inputDirectText);
const weightDirect = shader('backward-weight-direct', weightDirectText);
const addSplits = shader('add-splits', addSplitsText);

/** The shaders' Params. */
function params(g: ConvGeometry, { splits = 1, share = 0 } = {}): Record<string, number> {
  const { padding, ...sizes } = g;
  return { ...sizes, top: padding[0], left: padding[1], splits, share };
}

/** WGSL of the function that is applied to what is stored. */
const epilogueSlot = (epilogue: Epilogue | null): { epilogue: string } => ({
  epilogue: `fn epilogue(v: f32) -> f32 { return ${epilogue?.expression ?? 'v'}; }`,
});

export interface ForwardValues {
  readonly x: PlanValue;
  readonly weight: PlanValue;
  readonly bias: PlanValue | null;
  readonly y: PlanValue;
  readonly epilogue: Epilogue | null;
}

export function forwardVariants(g: ConvGeometry, { x, weight, bias, y, epilogue }: ForwardValues): Variant[] {
  const direct: Kernel = {
    shader: forwardDirect,
    defines: { BIAS: bias !== null },
    slots: epilogueSlot(epilogue),
    bind: bias ? { x, weight, bias, y } : { x, weight, y },
    params: params(g),
    workgroups: linearGroups(g.n * g.oh * g.ow * g.os, 64),
  };
  return [{ id: 'direct', kernels: [direct] }];
}

export interface InputValues {
  readonly dy: PlanValue;
  readonly weight: PlanValue;
  readonly dx: PlanValue;
}

export function inputVariants(g: ConvGeometry, bind: InputValues): Variant[] {
  const direct: Kernel = {
    shader: inputDirect,
    bind: { ...bind },
    params: params(g),
    workgroups: linearGroups(g.n * g.h * g.w * g.cs, 64),
  };
  return [{ id: 'direct', kernels: [direct] }];
}

export interface WeightValues {
  readonly x: PlanValue;
  readonly dy: PlanValue;
  readonly dweight: PlanValue;
}

/** A sum over pixels in parts: the kernel writes them to scratch, a second one adds them. One part is the result itself. */
function inParts(
  { dweight, splits, count }: { dweight: PlanValue; splits: number; count: number },
  kernel: (target: Kernel['bind'][string]) => Kernel,
): Kernel[] {
  if (splits === 1) return [kernel(dweight)];
  const parts = { scratch: 'parts', elements: splits * count };
  const add: Kernel = {
    shader: addSplits,
    bind: { parts, dweight },
    params: { count, splits },
    workgroups: linearGroups(count, 64),
  };
  return [kernel(parts), add];
}

/** Threads that keep a GPU busy: as many parts are made of a sum as it takes to have them. */
const MANY_THREADS = 16384;

export function weightVariants(g: ConvGeometry, { x, dy, dweight }: WeightValues): Variant[] {
  const count = g.kh * g.kw * g.is * g.os;
  const rows = g.n * g.oh;
  const share = ceilDiv(rows, Math.min(rows, ceilDiv(MANY_THREADS, count)));
  const splits = ceilDiv(rows, share);
  const direct = inParts({ dweight, splits, count }, (target) => ({
    shader: weightDirect,
    bind: { x, dy, dweight: target },
    params: params(g, { splits, share }),
    workgroups: linearGroups(count * splits, 64),
  }));
  return [{ id: 'direct', kernels: direct }];
}
