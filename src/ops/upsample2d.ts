/** Images resized by the nearest element or by bilinear blending. Imports graph, util and its shaders. */
import divideText from '../../shaders/lib/divide.wgsl?raw';
import imageText from '../../shaders/lib/image.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import backwardText from '../../shaders/upsample2d/backward.wgsl?raw';
import forwardText from '../../shaders/upsample2d/forward.wgsl?raw';
import paramsText from '../../shaders/upsample2d/params.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { padChannels, physicalSize } from '../graph/layout.ts';
import type { Kernel, PlanValue, ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { type Shape, show, sizeOf } from '../util/shape.ts';

export type UpsampleMode = 'nearest' | 'bilinear';

type UpsampleAttrs = {
  readonly size: readonly [number, number];
  readonly mode: UpsampleMode;
  readonly alignCorners: boolean;
};

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/divide.wgsl': divideText,
  'lib/image.wgsl': imageText,
  'upsample2d/params.wgsl': paramsText,
};
const forward: ShaderSource = { file: 'upsample2d/forward.wgsl', text: forwardText, includes };
const backward: ShaderSource = { file: 'upsample2d/backward.wgsl', text: backwardText, includes };

/** Place o of an axis reads at (a * o + b) / den. */
function axisParams(
  from: number,
  to: number,
  { mode, alignCorners }: UpsampleAttrs,
): { a: number; b: number; den: number } {
  if (mode === 'nearest') return { a: from, b: 0, den: to };
  // Centres of elements: (o + 0.5) * from / to - 0.5; or first on first and last on last.
  if (!alignCorners) return { a: 2 * from, b: from - to, den: 2 * to };
  return to === 1 ? { a: 0, b: 0, den: 1 } : { a: from - 1, b: 0, den: to - 1 };
}

/** The kernel of either direction: a thread for each element of what it writes. */
function kernel(
  x: PlanValue,
  attrs: UpsampleAttrs,
  { shader, bind, writes }: Pick<Kernel, 'shader' | 'bind'> & { writes: PlanValue },
): Kernel {
  const [, channels, h, w] = x.shape as [number, number, number, number];
  const [oh, ow] = attrs.size;
  const padded = padChannels(channels);
  const four = padded % 4 === 0;
  const count = physicalSize(writes.shape, 'nhwc') / (four ? 4 : 1);
  const [row, column] = [axisParams(h, oh, attrs), axisParams(w, ow, attrs)];
  return {
    shader,
    defines: { VEC: four, NEAREST: attrs.mode === 'nearest' },
    bind,
    params: {
      ...{ count, lanes: four ? padded / 4 : padded, h, w, oh, ow },
      ...{ row_a: row.a, row_b: row.b, row_den: row.den },
      ...{ column_a: column.a, column_b: column.b, column_den: column.den },
    },
    workgroups: linearGroups(count, 64),
  };
}

function checkAttrs({ shape, dtype }: Value, { size, mode, alignCorners }: UpsampleAttrs, at: string): void {
  const fail = (why: string, fix: string): never => {
    throw new ShapeError(`${at}: ${why} (input ${dtype} ${show(shape)}, size ${show(size)}, mode ${mode}). ${fix}`);
  };
  if (shape.length !== 4 || dtype !== 'f32') fail('the input is no image batch', 'Give it f32 [n, c, h, w].');
  if (mode !== 'nearest' && mode !== 'bilinear') fail(`there is no mode '${mode}'`, `Use 'nearest' or 'bilinear'.`);
  if (mode === 'nearest' && alignCorners) fail('alignCorners has no meaning here', `Leave it out, or use 'bilinear'.`);
  if (size.length !== 2 || [...size, ...shape.slice(2)].some((s) => !Number.isInteger(s) || s < 1 || s >= 2 ** 15))
    fail('a height or width is no whole number from 1 to 32767', 'Pass a size [h, w] in that range.');
}

const images = () => ({ inputs: ['nhwc'] as const, outputs: ['nhwc'] as const });

const upsampleBackward: Op<UpsampleAttrs & { readonly shape: Shape }> = defineOp<
  UpsampleAttrs & { readonly shape: Shape }
>({
  name: 'upsample2dBackward',
  infer: (_, { shape }) => [{ shape, dtype: 'f32' }],
  layout: images,
  // It is linear: its gradient is the resizing itself.
  grad: ({ dOutputs: [d], attrs: { shape: _, ...attrs } }) => upsampleOp([d!], attrs),
  variants({ inputs: [dy], outputs: [dx], attrs }) {
    const how = { shader: backward, bind: { dy: dy!, dx: dx! }, writes: dx! };
    return [{ id: 'gather', kernels: [kernel(dx!, attrs, how)] }];
  },
  flops: ([dy], _, { mode }) => (mode === 'nearest' ? 1 : 8) * sizeOf(dy!.shape),
});

const upsampleOp: Op<UpsampleAttrs> = defineOp<UpsampleAttrs>({
  name: 'upsample2d',
  infer([x], attrs, at) {
    checkAttrs(x!, attrs, at);
    return [{ shape: [x!.shape[0]!, x!.shape[1]!, ...attrs.size], dtype: 'f32' }];
  },
  layout: images,
  grad: ({ inputs: [x], dOutputs: [dy], attrs }) => upsampleBackward([dy!], { ...attrs, shape: x!.shape }),
  variants({ inputs: [x], outputs: [y], attrs }) {
    const how = { shader: forward, bind: { x: x!, y: y! }, writes: y! };
    return [{ id: 'gather', kernels: [kernel(x!, attrs, how)] }];
  },
  flops: (_, [y], { mode }) => (mode === 'nearest' ? 0 : 8) * sizeOf(y!.shape),
});

export interface UpsampleOptions {
  /** Size of the result, one number or [h, w]. Give this or the factor. */
  readonly size?: number | readonly [number, number];
  /** Size of the result in sizes of the input, rounded down: one number or [h, w]. */
  readonly scaleFactor?: number | readonly [number, number];
  /** Default 'nearest'. */
  readonly mode?: UpsampleMode;
  /** Bilinear: the corner elements of both images lie on each other, not the corners of the images; default false. */
  readonly alignCorners?: boolean;
}

const pairOf = (v: number | readonly [number, number]): readonly [number, number] =>
  typeof v === 'number' ? [v, v] : v;

/**
 * x resized to another height and width: [n, c, h, w] -> [n, c, oh, ow], larger or smaller, without antialiasing. Positions
 * follow from the two sizes: nearest reads floor(i * h / oh). (torch.nn.functional.interpolate, recompute_scale_factor=True)
 */
export function upsample2d(
  x: Value,
  { size, scaleFactor, mode = 'nearest', alignCorners = false }: UpsampleOptions,
): Value {
  if ((size === undefined) === (scaleFactor === undefined)) {
    const given = size === undefined ? 'neither size nor scaleFactor' : 'both size and scaleFactor';
    throw new ShapeError(`upsample2d: ${given} of the result are given (input ${show(x.shape)}). Pass one of them.`);
  }
  if (size !== undefined) return upsampleOp([x], { size: pairOf(size), mode, alignCorners })[0];
  const [tall, wide] = pairOf(scaleFactor!);
  const scaled = [Math.floor((x.shape[2] ?? 0) * tall), Math.floor((x.shape[3] ?? 0) * wide)] as const;
  return upsampleOp([x], { size: scaled, mode, alignCorners })[0];
}
