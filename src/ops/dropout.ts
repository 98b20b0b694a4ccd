/** Dropout with a mask that is recomputed, never stored. Imports graph, util and its shader. */
import dropoutText from '../../shaders/dropout/dropout.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import philoxText from '../../shaders/lib/philox.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import { defineOp, followFirst, type Op } from '../graph/define-op.ts';
import { physicalSize } from '../graph/layout.ts';
import type { ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv } from '../util/shape.ts';

const shader: ShaderSource = {
  file: 'dropout/dropout.wgsl',
  text: dropoutText,
  includes: { 'lib/linear-id.wgsl': linearIdText, 'lib/philox.wgsl': philoxText, 'lib/step.wgsl': stepText },
};

type DropoutAttrs = { readonly p: number; readonly salt: number };

const dropoutOp: Op<DropoutAttrs> = defineOp<DropoutAttrs>({
  name: 'dropout',
  infer([x], { p }, at) {
    if (!(p >= 0 && p < 1))
      throw new ShapeError(`${at}: p is ${p}. Pass the share of elements to drop, from 0 to below 1.`);
    return [{ shape: x!.shape, dtype: 'f32' }];
  },
  layout: (inputs) => followFirst(inputs, 1),
  grad: ({ dOutputs: [dy], attrs }) => dropoutOp([dy!], attrs),
  variants({ inputs: [x], outputs: [y], attrs: { p, salt } }) {
    const count4 = ceilDiv(physicalSize(y!.shape, y!.layout), 4);
    const kernel = {
      shader,
      bind: { x: x!, y: y! },
      params: { count4, salt, threshold: Math.floor(p * 2 ** 32), scale: 1 / (1 - p) },
      workgroups: linearGroups(count4, 64),
    };
    return [{ id: 'vec4', kernels: [kernel] }];
  },
});

export interface DropoutOptions {
  /** Share of the elements that are zeroed. */
  readonly p: number;
  /** Distinguishes the masks of the layers of a model. */
  readonly salt: number;
}

/** Zeroes a random share p of the elements and scales the others by 1 / (1 - p). (torch.nn.functional.dropout, training) */
export const dropout = (x: Value, { p, salt }: DropoutOptions): Value => (p === 0 ? x : dropoutOp([x], { p, salt })[0]);
