/**
 * Max pooling: sliding, adaptive and global windows. Imports graph, util, the windows and its shaders.
 *
 * Where the maxima are is kept for the gradient: as the number of the tap in the window, a byte for each channel, or, for
 * windows of more than 256 taps, as the positions that `indices` gives.
 */
import backwardText from '../../shaders/max-pool2d/backward.wgsl?raw';
import forwardText from '../../shaders/max-pool2d/forward.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { epilogueParts } from '../graph/epilogue.ts';
import type { KernelContext, Value, Variant, WindowRule } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { type Shape, sizeOf } from '../util/shape.ts';
import {
  blocksFirst,
  blocksOf,
  cellWindows,
  disjoint,
  type Geometry,
  geometryOf,
  gradientLayout,
  isPlain,
  lanesOf,
  type PairOption,
  pooledShape,
  poolShader,
  slidingWindows,
  unclipped,
  type WindowOptions,
  type Windows,
  windowDefines,
  windowParams,
} from './pool-windows.ts';

const forward = poolShader('max-pool2d/forward.wgsl', forwardText);
const backward = poolShader('max-pool2d/backward.wgsl', backwardText);

type Attrs = { readonly windows: Windows };
type BackwardAttrs = Attrs & { readonly inputShape: Shape; readonly codes: boolean };

const taps = ({ rows, columns }: Geometry): number => rows.kernel * columns.kernel;

/** The number of a tap fits a byte. */
const fitsByte = (g: Geometry): boolean => taps(g) <= 256;

/** As a window over the results of the kernel before it: pairs of rows and columns. */
const windowRule = (g: Geometry): WindowRule | null =>
  !g.adaptive && [g.rows, g.columns].every((a) => a.kernel === 2 && a.stride === 2 && a.dilation === 1) && unclipped(g)
    ? { kind: 'max', kernel: [2, 2], stride: [2, 2], codes: 2 }
    : null;

/** dx of max pooling: inputs dy and where the maxima are, as codes or as indices. */
const maxPool2dBackward = defineOp<BackwardAttrs>({
  name: 'maxPool2dBackward',
  infer: (_, { inputShape }) => [{ shape: inputShape, dtype: 'f32' }],
  layout: ([dy], { windows, inputShape, codes }) => ({
    inputs: [gradientLayout(dy!, geometryOf(inputShape, windows, 'maxPool2dBackward')), codes ? 'plain' : 'nhwc'],
    outputs: ['nhwc'],
  }),
  acceptsEpilogue: 'operand',
  spread: ({ windows, inputShape, codes }) =>
    codes && windowRule(geometryOf(inputShape, windows, 'maxPool2dBackward')) !== null,
  variants({ inputs: [dy, argmax], outputs: [dx], epilogue, attrs: { windows, inputShape, codes } }, caps): Variant[] {
    const parts = epilogueParts(epilogue);
    const g = geometryOf(inputShape, windows, 'maxPool2dBackward');
    const variant = (id: string, planeCount: number): Variant => {
      const count = g.batch * planeCount * lanesOf(g.channels);
      const kernel = {
        shader: backward,
        defines: {
          ...windowDefines(g),
          CODES: codes,
          BLOCKS: id === 'blocks',
          OPERAND: parts.operand,
          PLAIN: isPlain(dy!),
        },
        slots: { epilogue: parts.text },
        bind: { dy: dy!, argmax: argmax!, dx: dx!, ...parts.bind },
        params: windowParams(g, count),
        workgroups: linearGroups(count, 64),
      };
      return { id, kernels: [kernel] };
    };
    const gather = variant('gather', g.rows.size * g.columns.size);
    if (!disjoint(g)) return [gather];
    const blocks = variant('blocks', blocksOf(g.rows) * blocksOf(g.columns));
    return blocksFirst(g, caps) ? [blocks, gather] : [gather, blocks];
  },
});

function forwardVariants({ inputs: [x], outputs, used, epilogue, attrs }: KernelContext<Attrs>): Variant[] {
  const [y, indices, codes] = outputs;
  const g = geometryOf(x!.shape, attrs.windows, 'maxPool2d');
  const count = sizeOf([g.batch, g.rows.outputs, g.columns.outputs, lanesOf(g.channels)]);
  const [Y, INDICES, CODES] = used as [boolean, boolean, boolean];
  const variant = (id: string, unroll: { [name: string]: number | boolean }): Variant => {
    const kernel = {
      shader: forward,
      defines: { ...windowDefines(g), Y, INDICES, CODES, PLAIN: isPlain(y!), ...unroll },
      ...(Y && { slots: { epilogue: epilogueParts(epilogue).text } }),
      bind: { x: x!, ...(Y && { y: y! }), ...(INDICES && { indices: indices! }), ...(CODES && { codes: codes! }) },
      params: windowParams(g, count),
      workgroups: linearGroups(count, 64),
    };
    return { id, kernels: [kernel] };
  };
  const loop = variant('loop', { UNROLLED: false, CLIPPED: true });
  if (g.adaptive || taps(g) > 9) return [loop];
  return [
    variant('unrolled', { UNROLLED: true, CLIPPED: !unclipped(g), KH: g.rows.kernel, KW: g.columns.kernel }),
    loop,
  ];
}

/** Outputs: y, indices (both [n, c, oh, ow]) and codes ([n, oh, ow, lanes]), of which a plan makes only what is read. */
function defineMaxPool(name: string): Op<Attrs> {
  return defineOp<Attrs>({
    name,
    infer([x], { windows }, at) {
      const g = geometryOf(x!.shape, windows, at);
      const shape = pooledShape(g);
      const codes = [g.batch, g.rows.outputs, g.columns.outputs, lanesOf(g.channels)];
      return [
        { shape, dtype: 'f32' },
        { shape, dtype: 'u32' },
        { shape: codes, dtype: 'u32' },
      ];
    },
    layout: () => ({ inputs: ['nhwc'], outputs: ['nhwc', 'nhwc', 'plain'] }),
    stores: () => ['plain'],
    picks: 'largest',
    acceptsEpilogue: true,
    window: ([x], { windows }) => windowRule(geometryOf(x!.shape, windows, name)),
    grad({ inputs: [x], outputs: [, indices, codes], dOutputs: [dy], attrs: { windows } }) {
      if (!dy) return [null];
      const byte = fitsByte(geometryOf(x!.shape, windows, name));
      const where = byte ? codes! : indices!;
      return maxPool2dBackward([dy, where], { windows, inputShape: x!.shape, codes: byte });
    },
    variants: forwardVariants,
    flops: ([x], [y], { windows }) => sizeOf(y!.shape) * taps(geometryOf(x!.shape, windows, name)),
  });
}

const ops = {
  sliding: defineMaxPool('maxPool2d'),
  adaptive: defineMaxPool('adaptiveMaxPool2d'),
  global: defineMaxPool('globalMaxPool2d'),
};

/** Maxima of windows, and where they are. */
export interface MaxPooled {
  /** [n, c, oh, ow] */
  readonly y: Value;
  /** [n, c, oh, ow], u32: position of each maximum in the unpadded H*W plane. Costs nothing where it is not used. */
  readonly indices: Value;
}

export interface MaxPool2dOptions extends WindowOptions {
  /** Distance of the taps of a window; default 1. */
  readonly dilation?: PairOption;
}

function pool(op: Op<Attrs>, x: Value, windows: Windows): MaxPooled {
  const [y, indices] = op([x], { windows });
  return { y, indices: indices! };
}

/**
 * Maxima of sliding windows; x is [n, c, h, w]. Padding never wins; of equal maxima the first in row-major order takes the
 * whole gradient. (torch.nn.functional.max_pool2d)
 *
 * @throws ShapeError where the padding exceeds half of the kernel or a window would hold no element.
 */
export const maxPool2d = (x: Value, { dilation = 1, ...options }: MaxPool2dOptions): MaxPooled =>
  pool(ops.sliding, x, slidingWindows(options, dilation));

/** Maxima of oh x ow windows that cover the plane. (torch.nn.functional.adaptive_max_pool2d) */
export const adaptiveMaxPool2d = (x: Value, outputSize: PairOption): MaxPooled =>
  pool(ops.adaptive, x, cellWindows(outputSize));

/** The maximum of each plane: [n, c, 1, 1]. (torch.nn.AdaptiveMaxPool2d(1)) */
export const globalMaxPool2d = (x: Value): MaxPooled => pool(ops.global, x, cellWindows(1));
