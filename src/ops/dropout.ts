/** Dropout with a mask that is recomputed, never stored. Imports graph, util and its shader. */
import dropoutText from '../../shaders/dropout/dropout.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import philoxText from '../../shaders/lib/philox.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import { defineOp, followFirst, type Op } from '../graph/define-op.ts';
import { padChannels, physicalSize } from '../graph/layout.ts';
import type { PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, show, sizeOf } from '../util/shape.ts';

const shader: ShaderSource = {
  file: 'dropout/dropout.wgsl',
  text: dropoutText,
  includes: { 'lib/linear-id.wgsl': linearIdText, 'lib/philox.wgsl': philoxText, 'lib/step.wgsl': stepText },
};

type Share = 'element' | 'channel' | 'sample';
type DropoutAttrs = { readonly p: number; readonly salt: number; readonly per: Share };

/** Which elements share a word of the mask, by their places in memory. */
function groupsOf({ shape, layout }: PlanValue, per: Share): Record<'per_sample' | 'inner' | 'channels', number> {
  const perSample = physicalSize(shape, layout) / shape[0]!;
  if (per === 'sample') return { per_sample: perSample, inner: 1, channels: 1 };
  if (layout === 'nhwc') return { per_sample: perSample, inner: 1, channels: padChannels(shape[1]!) };
  return { per_sample: perSample, inner: sizeOf(shape.slice(2)), channels: shape[1] ?? 1 };
}

function variantsOf(x: PlanValue, y: PlanValue, { p, salt, per }: DropoutAttrs): Variant[] {
  const count4 = ceilDiv(physicalSize(y.shape, y.layout), 4);
  const groups = per === 'element' ? { per_sample: 1, inner: 1, channels: 1 } : groupsOf(y, per);
  const kernel = {
    shader,
    defines: { GROUPS: per !== 'element' },
    bind: { x, y },
    params: { count4, salt, threshold: Math.floor(p * 2 ** 32), scale: 1 / (1 - p), ...groups },
    workgroups: linearGroups(count4, 64),
  };
  return [{ id: 'vec4', kernels: [kernel] }];
}

/**
 * [dy, y] -> dx. The mask goes by places in memory, so dy must lie as y did, wherever it comes from: y is asked for its
 * layout alone.
 */
const dropoutBackward: Op<DropoutAttrs> = defineOp<DropoutAttrs>({
  name: 'dropoutBackward',
  infer: ([dy]) => [{ shape: dy!.shape, dtype: 'f32' }],
  layout: ([, y]) => ({ inputs: [y!.layout, y!.layout], outputs: [y!.layout] }),
  grad: ({ inputs: [, y], dOutputs: [g], attrs }) => [dropoutBackward([g!, y!], attrs)[0], null],
  variants: ({ inputs: [dy], outputs: [dx], attrs }) => variantsOf(dy!, dx!, attrs),
});

const dropoutOp: Op<DropoutAttrs> = defineOp<DropoutAttrs>({
  name: 'dropout',
  infer([x], { p, per }, at) {
    if (per !== 'element' && x!.shape.length < (per === 'channel' ? 2 : 1))
      throw new ShapeError(`${at}: ${show(x!.shape)} has no axis of a ${per}. Pass [n, c, ...].`);
    if (!(p >= 0 && p < 1))
      throw new ShapeError(`${at}: p is ${p}. Pass the share of elements to drop, from 0 to below 1.`);
    return [{ shape: x!.shape, dtype: 'f32' }];
  },
  layout: (inputs) => followFirst(inputs, 1),
  grad: ({ outputs: [y], dOutputs: [dy], attrs }) => dropoutBackward([dy!, y!], attrs),
  variants: ({ inputs: [x], outputs: [y], attrs }) => variantsOf(x!, y!, attrs),
});

export interface DropoutOptions {
  /** Share of the elements that are zeroed. */
  readonly p: number;
  /** Distinguishes the masks of the layers of a model. */
  readonly salt: number;
  /** What is dropped together: each element by itself (default), whole channels of a sample, or whole samples. */
  readonly per?: Share;
}

/** Zeroes a random share p of the elements and scales the others by 1 / (1 - p). (torch.nn.functional.dropout, training) */
export const dropout = (x: Value, { p, salt, per = 'element' }: DropoutOptions): Value =>
  p === 0 ? x : dropoutOp([x], { p, salt, per })[0];
