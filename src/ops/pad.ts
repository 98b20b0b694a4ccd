/** Padding and cropping of the last two axes. Imports graph, util, reshape and its shaders. */
import divideText from '../../shaders/lib/divide.wgsl?raw';
import imageText from '../../shaders/lib/image.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import backwardText from '../../shaders/pad/backward.wgsl?raw';
import forwardText from '../../shaders/pad/forward.wgsl?raw';
import paramsText from '../../shaders/pad/params.wgsl?raw';
import { defineOp, type Op } from '../graph/define-op.ts';
import { padChannels, physicalSize } from '../graph/layout.ts';
import type { Kernel, PlanValue, ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { type Shape, show, sizeOf } from '../util/shape.ts';
import { reshape } from './reshape.ts';

export type PadMode = 'constant' | 'reflect' | 'replicate';

/** [top, left, bottom, right]; negative numbers cut. */
export type Sides = readonly [number, number, number, number];

type PadAttrs = { readonly padding: Sides; readonly mode: PadMode; readonly value: number };

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/divide.wgsl': divideText,
  'lib/image.wgsl': imageText,
  'pad/params.wgsl': paramsText,
};
const forward: ShaderSource = { file: 'pad/forward.wgsl', text: forwardText, includes };
const backward: ShaderSource = { file: 'pad/backward.wgsl', text: backwardText, includes };

function checkAttrs({ shape, dtype }: Value, { padding, mode, value }: PadAttrs, at: string): void {
  const fail = (why: string, fix: string): never => {
    throw new ShapeError(
      `${at}: ${why} (input ${dtype} ${show(shape)}, padding ${show(padding)}, mode ${mode}). ${fix}`,
    );
  };
  if (shape.length !== 4 || dtype !== 'f32') fail('the input is no image batch', 'Give it f32 [n, c, h, w].');
  if (!['constant', 'reflect', 'replicate'].includes(mode))
    fail(`there is no mode '${mode}'`, `Use 'constant', 'reflect' or 'replicate'.`);
  if (padding.length !== 4 || padding.some((side) => !Number.isInteger(side)))
    fail('the padding is not made of whole numbers for four sides', 'Pass [top, left, bottom, right].');
  if (!Number.isFinite(value)) fail(`the value is ${value}`, 'Pass a finite number.');
  for (const [name, size, before, after] of sides(shape, padding)) {
    if (size + before + after < 1) fail(`nothing is left of ${size} ${name} with ${before} and ${after}`, 'Cut less.');
    if (mode === 'reflect' && Math.max(before, after) >= size)
      fail(`${Math.max(before, after)} ${name} cannot be mirrored, the input has ${size}`, `Pad ${size - 1} at most.`);
  }
}

const sides = ([, , h, w]: Shape, [top, left, bottom, right]: Sides) =>
  [
    ['rows', h!, top, bottom],
    ['columns', w!, left, right],
  ] as const;

/** The kernel of either direction: a thread for each element of what it writes. */
function kernel(
  [x, y]: readonly [PlanValue, PlanValue],
  { padding: [top, left], mode, value }: PadAttrs,
  { shader, bind, writes }: Pick<Kernel, 'shader' | 'bind'> & { writes: PlanValue },
): Kernel {
  const [, channels, h, w] = x.shape as [number, number, number, number];
  const [, , oh, ow] = y.shape as [number, number, number, number];
  const padded = padChannels(channels);
  const four = padded % 4 === 0;
  const count = physicalSize(writes.shape, 'nhwc') / (four ? 4 : 1);
  return {
    shader,
    defines: { VEC: four, MODE: mode, FILL: value !== 0 },
    bind,
    params: { count, lanes: four ? padded / 4 : padded, channels, h, w, oh, ow, top, left, value },
    workgroups: linearGroups(count, 64),
  };
}

const images = () => ({ inputs: ['nhwc'] as const, outputs: ['nhwc'] as const });

const padBackward: Op<PadAttrs & { readonly shape: Shape }> = defineOp<PadAttrs & { readonly shape: Shape }>({
  name: 'padBackward',
  infer: (_, { shape }) => [{ shape, dtype: 'f32' }],
  layout: images,
  // It is linear: its gradient is the same padding, around zeros.
  grad: ({ dOutputs: [d], attrs: { shape: _, ...attrs } }) => padOp([d!], { ...attrs, value: 0 }),
  variants({ inputs: [dy], outputs: [dx], attrs }) {
    const how = { shader: backward, bind: { dy: dy!, dx: dx! }, writes: dx! };
    return [{ id: 'gather', kernels: [kernel([dx!, dy!], attrs, how)] }];
  },
});

const padOp: Op<PadAttrs> = defineOp<PadAttrs>({
  name: 'pad',
  infer([x], attrs, at) {
    checkAttrs(x!, attrs, at);
    const [n, c] = x!.shape as [number, number];
    const [oh, ow] = sides(x!.shape, attrs.padding).map(([, size, before, after]) => size + before + after);
    return [{ shape: [n, c, oh!, ow!], dtype: 'f32' }];
  },
  layout: images,
  grad: ({ inputs: [x], dOutputs: [dy], attrs }) => padBackward([dy!], { ...attrs, shape: x!.shape }),
  variants({ inputs: [x], outputs: [y], attrs }) {
    const how = { shader: forward, bind: { x: x!, y: y! }, writes: y! };
    return [{ id: 'gather', kernels: [kernel([x!, y!], attrs, how)] }];
  },
  flops: () => 0,
});

export interface PadOptions {
  /** One number for all sides, [h, w] for both sides of each axis, or [top, left, bottom, right]; negative numbers cut. */
  readonly padding: number | readonly [number, number] | Sides;
  /** What is around the image: a value, its mirror image (without the edge itself) or its edge; default 'constant'. */
  readonly mode?: PadMode;
  /** The value of 'constant'; default 0. */
  readonly value?: number;
}

const sidesOf = (padding: PadOptions['padding']): Sides => {
  if (typeof padding === 'number') return [padding, padding, padding, padding];
  return padding.length === 2 ? [padding[0], padding[1], padding[0], padding[1]] : padding;
};

/** More around the last two axes of [..., h, w], or less. (torch.nn.functional.pad, with the sides in another order) */
export function pad(x: Value, { padding, mode = 'constant', value = 0 }: PadOptions): Value {
  const attrs: PadAttrs = { padding: sidesOf(padding), mode, value };
  if (x.shape.length === 4 || x.shape.length < 2) return padOp([x], attrs)[0];
  const [lead, [h, w]] = [x.shape.slice(0, -2), x.shape.slice(-2)];
  const y = padOp([reshape(x, [sizeOf(lead), 1, h!, w!])], attrs)[0];
  return reshape(y, [...lead, ...y.shape.slice(2)]);
}
