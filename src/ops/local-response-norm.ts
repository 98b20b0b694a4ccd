/** Local response normalisation across channels. Imports graph, util and its shaders. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import backwardText from '../../shaders/local-response-norm/backward.wgsl?raw';
import forwardText from '../../shaders/local-response-norm/forward.wgsl?raw';
import windowText from '../../shaders/local-response-norm/window.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { epilogueParts } from '../graph/epilogue.ts';
import { padChannels, physicalSize } from '../graph/layout.ts';
import type { Kernel, ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { type Shape, show, sizeOf } from '../util/shape.ts';

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'local-response-norm/window.wgsl': windowText,
};
const forward: ShaderSource = { file: 'local-response-norm/forward.wgsl', text: forwardText, includes };
const backward: ShaderSource = { file: 'local-response-norm/backward.wgsl', text: backwardText, includes };

type LrnAttrs = { readonly size: number; readonly alpha: number; readonly beta: number; readonly k: number };

/** What both kernels have in common. */
function kernel(
  shape: Shape,
  { size, alpha, beta, k }: LrnAttrs,
): Required<Pick<Kernel, 'defines' | 'params' | 'workgroups'>> {
  const channels = shape[1]!;
  const width = channels === 1 ? 1 : 4;
  const count = physicalSize(shape, 'nhwc') / width;
  const before = Math.floor(size / 2);
  const window = { before, after: size - 1 - before, k, rate: alpha / size, beta };
  return {
    defines: { VEC: width === 4 },
    params: { count, columns: padChannels(channels) / width, ...window },
    workgroups: linearGroups(count, 64),
  };
}

/** Inputs: dy, x, base. */
const localResponseNormBackward = defineOp<LrnAttrs>({
  name: 'localResponseNormBackward',
  infer: ([dy]) => [{ shape: dy!.shape, dtype: 'f32' }],
  layout: () => ({ inputs: ['nhwc', 'nhwc', 'plain'], outputs: ['nhwc'] }),
  variants: ({ inputs: [dy, x, base], outputs: [dx], attrs }) => [
    {
      id: 'pixel',
      kernels: [{ shader: backward, bind: { dy: dy!, x: x!, base: base!, dx: dx! }, ...kernel(x!.shape, attrs) }],
    },
  ],
  flops: ([dy], _, { size }) => (3 * size + 6) * sizeOf(dy!.shape),
});

/** Outputs: y, and the base of the power as y lies in memory, which the gradient needs; it is never zero, so y's layout is not for it. */
const localResponseNormOp: Op<LrnAttrs> = defineOp<LrnAttrs>({
  name: 'localResponseNorm',
  infer([x], { size, k }, at) {
    const { shape, dtype } = x!;
    if (shape.length !== 4 || dtype !== 'f32')
      throw new ShapeError(`${at}: x is ${dtype} ${show(shape)}. Pass f32 [n,c,h,w].`);
    if (!Number.isInteger(size) || size < 1)
      throw new ShapeError(`${at}: the window has ${size} channels (x ${show(shape)}). Pass a whole number from 1.`);
    if (!(k > 0)) throw new ShapeError(`${at}: k is ${k} (x ${show(shape)}). Pass a number above 0.`);
    const [n, c, h, w] = shape as [number, number, number, number];
    return [
      { shape, dtype: 'f32' },
      { shape: [n, h, w, padChannels(c)], dtype: 'f32' },
    ];
  },
  layout: () => ({ inputs: ['nhwc'], outputs: ['nhwc', 'plain'] }),
  grad: ({ inputs: [x], outputs: [, base], dOutputs: [dy], attrs }) =>
    dy ? localResponseNormBackward([dy, x!, base!], attrs) : [null],
  variants({ inputs: [x], outputs: [y, base], used, epilogue, attrs }) {
    const { defines, ...rest } = kernel(x!.shape, attrs);
    const BASE = used[1] === true;
    const slots = { epilogue: epilogueParts(epilogue).text };
    const bind = { x: x!, y: y!, ...(BASE && { base: base! }) };
    return [{ id: 'pixel', kernels: [{ shader: forward, slots, bind, defines: { ...defines, BASE }, ...rest }] }];
  },
  acceptsEpilogue: true,
  flops: ([x], _, { size }) => (2 * size + 3) * sizeOf(x!.shape),
});

export interface LocalResponseNormOptions {
  /** Default 1e-4; divided by the size. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
}

/**
 * x / (k + alpha / size * (sum of squares over `size` channels around))^beta, floor(size / 2) of them before; x is [n, c, h, w].
 * (torch.nn.functional.local_response_norm)
 */
export const localResponseNorm = (
  x: Value,
  size: number,
  { alpha = 1e-4, beta = 0.75, k = 1 }: LocalResponseNormOptions = {},
): Value => localResponseNormOp([x], { size, alpha, beta, k })[0];
