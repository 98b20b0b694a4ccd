/** Average pooling: sliding, adaptive and global windows. Imports graph, util, the windows and its shaders. */
import backwardText from '../../shaders/avg-pool2d/backward.wgsl?raw';
import divisorText from '../../shaders/avg-pool2d/divisor.wgsl?raw';
import forwardText from '../../shaders/avg-pool2d/forward.wgsl?raw';
import planeText from '../../shaders/avg-pool2d/plane.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import type { PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, type Shape, show, sizeOf } from '../util/shape.ts';
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

function source(file: string, text: string): ShaderSource {
  const shader = poolShader(`avg-pool2d/${file}`, text);
  return { ...shader, includes: { ...shader.includes, 'avg-pool2d/divisor.wgsl': divisorText } };
}

const forward = source('forward.wgsl', forwardText);
const plane = source('plane.wgsl', planeText);
const backward = source('backward.wgsl', backwardText);

/** The divisor: the taps of a window that lie in the padded plane, those that lie in the plane, or a number. */
type Divisor = 'padded' | 'inside' | number;
type Attrs = { readonly windows: Windows; readonly divisor: Divisor };
type BackwardAttrs = Attrs & { readonly inputShape: Shape };

/** All windows have the same divisor, unless some lose taps. */
function defines(g: Geometry, divisor: Divisor): { [name: string]: number | boolean | string } {
  const hangsOver = [g.rows, g.columns].some(
    (a) => (a.outputs - 1) * a.stride + a.kernel > a.before + a.size + a.after,
  );
  const same = divisor === 'padded' ? !hangsOver : unclipped(g);
  const value = typeof divisor === 'number' ? divisor : same ? g.rows.kernel * g.columns.kernel : null;
  return { ...windowDefines(g), ...(value === null ? { DIVISOR: divisor } : { DIVISOR: 'fixed', FIXED: value }) };
}

const avgPool2dBackward = defineOp<BackwardAttrs>({
  name: 'avgPool2dBackward',
  infer: (_, { inputShape }) => [{ shape: inputShape, dtype: 'f32' }],
  layout: ([dy], { windows, inputShape }) => ({
    inputs: [gradientLayout(dy!, geometryOf(inputShape, windows, 'avgPool2dBackward'))],
    outputs: ['nhwc'],
  }),
  variants({ inputs: [dy], outputs: [dx], attrs: { windows, inputShape, divisor } }, caps): Variant[] {
    const g = geometryOf(inputShape, windows, 'avgPool2dBackward');
    const variant = (id: string, planeCount: number): Variant => {
      const count = g.batch * planeCount * lanesOf(g.channels);
      const kernel = {
        shader: backward,
        defines: { ...defines(g, divisor), BLOCKS: id === 'blocks', PLAIN: isPlain(dy!) },
        bind: { dy: dy!, dx: dx! },
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

function windowVariant(x: PlanValue, y: PlanValue, { windows, divisor }: Attrs): Variant[] {
  const g = geometryOf(x.shape, windows, 'avgPool2d');
  const count = sizeOf([g.batch, g.rows.outputs, g.columns.outputs, lanesOf(g.channels)]);
  const variant = (id: string, unroll: { [name: string]: number | boolean }): Variant => {
    const kernel = {
      shader: forward,
      defines: { ...defines(g, divisor), PLAIN: isPlain(y), ...unroll },
      bind: { x, y },
      params: windowParams(g, count),
      workgroups: linearGroups(count, 64),
    };
    return { id, kernels: [kernel] };
  };
  const loop = variant('loop', { UNROLLED: false, CLIPPED: true });
  if (g.adaptive || g.rows.kernel * g.columns.kernel > 9) return [loop];
  return [
    variant('unrolled', { UNROLLED: true, CLIPPED: !unclipped(g), KH: g.rows.kernel, KW: g.columns.kernel }),
    loop,
  ];
}

/** One window that is the plane itself. */
const isPlane = ({ rows, columns }: Geometry): boolean =>
  [rows, columns].every((a) => a.outputs === 1 && a.kernel === a.size && a.before === 0 && a.after === 0);

function planeVariant(x: PlanValue, y: PlanValue, { windows, divisor }: Attrs): Variant {
  const g = geometryOf(x.shape, windows, 'avgPool2d');
  const lanes = lanesOf(g.channels);
  const WIDTH = lanes >= 8 ? 8 : lanes >= 4 ? 4 : lanes >= 2 ? 2 : 1;
  const kernel = {
    shader: plane,
    defines: { ...defines(g, divisor), WIDTH, PLAIN: isPlain(y) },
    bind: { x, y },
    params: windowParams(g, g.batch * lanes),
    workgroups: linearGroups(g.batch * ceilDiv(lanes, WIDTH), 1),
  };
  return { id: 'plane', kernels: [kernel] };
}

function defineAvgPool(name: string): Op<Attrs> {
  return defineOp<Attrs>({
    name,
    infer([x], { windows, divisor }, at) {
      if (typeof divisor === 'number' && !(Number.isFinite(divisor) && divisor !== 0)) {
        throw new ShapeError(
          `${at}: divisorOverride ${divisor} cannot divide (input ${show(x!.shape)}). Use a number other than 0, or null.`,
        );
      }
      return [{ shape: pooledShape(geometryOf(x!.shape, windows, at)), dtype: 'f32' }];
    },
    layout: () => ({ inputs: ['nhwc'], outputs: ['nhwc'] }),
    stores: () => ['plain'],
    grad: ({ inputs: [x], dOutputs: [dy], attrs }) => avgPool2dBackward([dy!], { ...attrs, inputShape: x!.shape }),
    variants({ inputs: [x], outputs: [y], attrs }, caps) {
      const g = geometryOf(x!.shape, attrs.windows, name);
      const windows = windowVariant(x!, y!, attrs);
      if (!isPlane(g)) return windows;
      const whole = planeVariant(x!, y!, attrs);
      // Barriers are slow on software drivers.
      return g.rows.size * g.columns.size >= 256 && !caps.software ? [whole, ...windows] : [...windows, whole];
    },
    flops([x], [y], { windows }) {
      const { rows, columns } = geometryOf(x!.shape, windows, name);
      return sizeOf(y!.shape) * rows.kernel * columns.kernel;
    },
  });
}

const ops = {
  sliding: defineAvgPool('avgPool2d'),
  adaptive: defineAvgPool('adaptiveAvgPool2d'),
  global: defineAvgPool('globalAvgPool2d'),
};

export interface AvgPool2dOptions extends WindowOptions {
  /** Padding counts in the divisor; default true. What a window in ceil mode has beyond the padding never does. */
  readonly countIncludePad?: boolean;
  /** Divides every sum, whatever the window holds; default null: the size of the window. */
  readonly divisorOverride?: number | null;
}

/**
 * Averages of sliding windows; x is [n, c, h, w]. (torch.nn.functional.avg_pool2d)
 *
 * @throws ShapeError where the padding exceeds half of the kernel or the kernel the padded input.
 */
export function avgPool2d(
  x: Value,
  { countIncludePad = true, divisorOverride = null, ...options }: AvgPool2dOptions,
): Value {
  const divisor = divisorOverride ?? (countIncludePad ? 'padded' : 'inside');
  return ops.sliding([x], { windows: slidingWindows(options), divisor })[0];
}

/** Averages of oh x ow windows that cover the plane. (torch.nn.functional.adaptive_avg_pool2d) */
export const adaptiveAvgPool2d = (x: Value, outputSize: PairOption): Value =>
  ops.adaptive([x], { windows: cellWindows(outputSize), divisor: 'inside' })[0];

/** The average of each plane: [n, c, 1, 1]. (torch.nn.AdaptiveAvgPool2d(1)) */
export const globalAvgPool2d = (x: Value): Value => ops.global([x], { windows: cellWindows(1), divisor: 'inside' })[0];
