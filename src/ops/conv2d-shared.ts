/** What all kernels of the convolution share: parameters, slots, sums in parts. Imports graph, util, shaders, conv2d-geometry. */
import addSplitsText from '../../shaders/conv2d/add-splits.wgsl?raw';
import depthwiseXText from '../../shaders/conv2d/depthwise-x.wgsl?raw';
import fewPixelsText from '../../shaders/conv2d/few-pixels.wgsl?raw';
import paramsText from '../../shaders/conv2d/params.wgsl?raw';
import poolText from '../../shaders/conv2d/pool.wgsl?raw';
import storeText from '../../shaders/conv2d/store.wgsl?raw';
import storeOneText from '../../shaders/conv2d/store-one.wgsl?raw';
import stripRowText from '../../shaders/conv2d/strip-row.wgsl?raw';
import sumsText from '../../shaders/conv2d/sums.wgsl?raw';
import tapsText from '../../shaders/conv2d/taps.wgsl?raw';
import winogradText from '../../shaders/conv2d/winograd.wgsl?raw';
import byChannelText from '../../shaders/lib/by-channel.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import { epilogueParts } from '../graph/epilogue.ts';
import { sameMemory } from '../graph/layout.ts';
import type { Epilogue, Kernel, PlanValue, Scratch, ShaderSource, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { UNIFORM_VECTORS } from '../util/caps.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'conv2d/depthwise-x.wgsl': depthwiseXText,
  'conv2d/few-pixels.wgsl': fewPixelsText,
  'conv2d/params.wgsl': paramsText,
  'conv2d/pool.wgsl': poolText,
  'conv2d/store.wgsl': storeText,
  'lib/by-channel.wgsl': byChannelText,
  'conv2d/store-one.wgsl': storeOneText,
  'conv2d/strip-row.wgsl': stripRowText,
  'conv2d/sums.wgsl': sumsText,
  'conv2d/taps.wgsl': tapsText,
  'conv2d/winograd.wgsl': winogradText,
};

export const convShader = (name: string, text: string): ShaderSource => ({
  file: `conv2d/${name}.wgsl`,
  text,
  includes,
});

/** Values that a forward kernel binds, and what it applies to the result. */
export interface ForwardValues {
  readonly x: PlanValue;
  readonly weight: PlanValue;
  readonly bias: PlanValue | null;
  /** With a window the pooled values, nhwc or plain. */
  readonly y: PlanValue;
  readonly epilogue: Epilogue | null;
  /** Pools each 2 x 2 block of results before it is stored; `codes`: which of them was taken, where somebody asks. */
  readonly window: { readonly codes: PlanValue | null } | null;
}

/** The gradient of the input takes a bias and an epilogue too: it is the transposed convolution. */
export interface InputValues {
  readonly dy: PlanValue;
  /** As those of WeightValues. */
  readonly codes: PlanValue | null;
  readonly weight: PlanValue;
  readonly bias: PlanValue | null;
  readonly dx: PlanValue;
  readonly epilogue: Epilogue | null;
}

export interface WeightValues {
  readonly x: PlanValue;
  readonly dy: PlanValue;
  /** Where it is set, dy is what arrives at a 2 x 2 max pool behind the convolution, and these say to which of its results. */
  readonly codes: PlanValue | null;
  readonly dweight: PlanValue;
  /** The sum of dy over all pixels, where it is wanted. */
  readonly dbias: PlanValue | null;
}

/** How a sum over pixels is cut: `splits` parts of `share` pixels (or rows of pixels). */
export interface Parts {
  readonly splits: number;
  readonly share: number;
}

/** The shaders' Params. */
export function convParams(g: ConvGeometry, { splits, share }: Parts = { splits: 1, share: 0 }) {
  const { padding, ...sizes } = g;
  return { ...sizes, top: padding[0], left: padding[1], splits, share };
}

interface KernelStart {
  readonly defines: { readonly BIAS: boolean; readonly OPERAND: boolean; readonly CHANNELS: number };
  readonly slots: { readonly epilogue: string };
  readonly bind: Kernel['bind'];
}

/** Bias and epilogue of a kernel. */
function finishing(bias: PlanValue | null, epilogue: Epilogue | null, bind: Kernel['bind']): KernelStart {
  const parts = epilogueParts(epilogue);
  return {
    defines: { BIAS: bias !== null, OPERAND: parts.operand, CHANNELS: parts.channels },
    slots: { epilogue: parts.text },
    bind: { ...bind, ...(bias && { bias }), ...parts.bind },
  };
}

/** The parts of a forward kernel that are the same for all variants. */
export function forwardKernel({ x, weight, bias, y, epilogue, window }: ForwardValues) {
  const codes = window?.codes ?? null;
  const { defines, ...rest } = finishing(bias, epilogue, { x, weight, y, ...(codes && { codes }) });
  const plain = y.layout === 'plain' && !sameMemory(y.shape, 'plain', 'nhwc');
  return { ...rest, defines: { ...defines, POOL: window !== null, CODES: codes !== null, PLAIN: plain } };
}

/** The same for the gradient of the input. */
export const inputKernel = ({ dy, weight, bias, dx, epilogue }: InputValues): KernelStart =>
  finishing(bias, epilogue, { dy, weight, dx });

/** Gradient of the input: a fifth or more of the taps reach beside the output, so that pixels of one place in all images are taken together. */
export const wideBorder = ({ oh, ow, sy, sx, h, w }: ConvGeometry): boolean => 5 * oh * ow * sy * sx < 4 * h * w;

const addSplits = convShader('add-splits', addSplitsText);

/** Elements of the weight in memory. */
export const weightCount = ({ kh, kw, is, os }: ConvGeometry): number => kh * kw * is * os;

/** Whether kernels for software adapters read the weight as a uniform buffer. */
export const smallWeight = (g: ConvGeometry): boolean => weightCount(g) <= 4 * UNIFORM_VECTORS;

/** From so many parts on, several threads share the sum of one element. */
const MANY_PARTS = 32;

/** What a kernel of the weight gradient writes: see shaders/conv2d/sums.wgsl. */
interface Sums {
  readonly defines: { readonly DBIAS: 'none' | 'own' | 'parts' };
  readonly bind: Kernel['bind'];
}

/**
 * A sum over pixels in parts: the kernel writes them to scratch, a second one adds them, or a plan does. One part is the
 * result itself.
 */
export function inParts(
  g: ConvGeometry,
  { dweight, dbias, splits }: Pick<WeightValues, 'dweight' | 'dbias'> & { splits: number },
  kernel: (sums: Sums) => Kernel,
): Omit<Variant, 'id'> {
  const own: Kernel['bind'] = dbias ? { dweight, dbias } : { dweight };
  if (splits === 1) return { kernels: [kernel({ defines: { DBIAS: dbias ? 'own' : 'none' }, bind: own })] };
  const count = weightCount(g);
  const size = count + (dbias ? g.os : 0);
  const parts = { scratch: 'parts', elements: splits * size };
  const lanes = splits > MANY_PARTS ? 8 : 1;
  const add: Kernel = {
    shader: addSplits,
    defines: { SIZE: 64, LANES: lanes, DBIAS: dbias !== null },
    bind: { parts, ...own },
    params: { count, size, splits },
    workgroups: linearGroups(size, 64 / lanes),
  };
  const first = kernel({ defines: { DBIAS: dbias ? 'parts' : 'none' }, bind: { dweight: parts } });
  if (g.os % 4 !== 0) return { kernels: [first, add] };
  const { scratch } = parts;
  const sums = [
    { output: dweight, scratch, first: 0, elements: count, stride: size, parts: splits },
    ...(dbias ? [{ output: dbias, scratch, first: count, elements: g.os, stride: size, parts: splits }] : []),
  ];
  return { kernels: [first, add], deferred: { kernels: [first], sums } };
}

/** result = the sum of `splits` parts of `elements` numbers. */
export const sumOfParts = (sum: { parts: Scratch; result: PlanValue; elements: number; splits: number }): Kernel => {
  const lanes = sum.splits > MANY_PARTS ? 8 : 1;
  return {
    shader: addSplits,
    defines: { SIZE: 64, LANES: lanes, DBIAS: false },
    bind: { parts: sum.parts, dweight: sum.result },
    params: { count: sum.elements, size: sum.elements, splits: sum.splits },
    workgroups: linearGroups(sum.elements, 64 / lanes),
  };
};
