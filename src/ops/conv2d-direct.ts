/** Kernels for any device and any attributes, one thread for each result. Imports graph, util, shaders, conv2d-shared. */
import inputText from '../../shaders/conv2d/backward-input-direct.wgsl?raw';
import weightText from '../../shaders/conv2d/backward-weight-direct.wgsl?raw';
import forwardText from '../../shaders/conv2d/forward-direct.wgsl?raw';
import type { Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ceilDiv } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import {
  convParams,
  convShader,
  type ForwardValues,
  forwardKernel,
  type InputValues,
  inParts,
  inputKernel,
  type WeightValues,
  weightCount,
} from './conv2d-shared.ts';

const forward = convShader('forward-direct', forwardText);
const backwardInput = convShader('backward-input-direct', inputText);
const backwardWeight = convShader('backward-weight-direct', weightText);

const pooledThreads = ({ n, oh, ow, os }: ConvGeometry): number =>
  n * Math.floor(oh / 2) * Math.floor(ow / 2) * (os === 1 ? 1 : os / 4);

export function forwardDirect(g: ConvGeometry, values: ForwardValues): Variant {
  const kernel = {
    ...forwardKernel(values),
    shader: forward,
    params: convParams(g),
    workgroups: linearGroups(values.window ? pooledThreads(g) : g.n * g.oh * g.ow * g.os, 64),
  };
  return { id: 'direct', kernels: [kernel] };
}

export function inputDirect(g: ConvGeometry, values: InputValues): Variant {
  const kernel = {
    ...inputKernel(values),
    shader: backwardInput,
    params: convParams(g),
    workgroups: linearGroups(g.n * g.h * g.w * g.cs, 64),
  };
  return { id: 'direct', kernels: [kernel] };
}

/** Threads that keep a GPU busy: as many parts are made of a sum as it takes to have them. */
const MANY_THREADS = 16384;

export function weightDirect(g: ConvGeometry, { x, dy, ...gradients }: WeightValues): Variant {
  const count = weightCount(g) + (gradients.dbias ? g.os : 0);
  const rows = g.n * g.oh;
  const share = ceilDiv(rows, Math.min(rows, ceilDiv(MANY_THREADS, count)));
  const splits = ceilDiv(rows, share);
  const computed = inParts(g, { ...gradients, splits }, ({ defines, bind }) => ({
    shader: backwardWeight,
    defines: { ...defines, WIDTH: 1 },
    bind: { x, dy, ...bind },
    params: convParams(g, { splits, share }),
    workgroups: linearGroups(count * splits, 64),
  }));
  return { id: 'direct', ...computed };
}
