/** Labels as rows of zeros with a single one. Imports graph, util and its shader. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import text from '../../shaders/one-hot/forward.wgsl?raw';
import { defineOp } from '../graph/define-op.ts';
import type { ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';

const shader: ShaderSource = { file: 'one-hot/forward.wgsl', text, includes: { 'lib/linear-id.wgsl': linearIdText } };

const oneHotOp = defineOp<{ readonly classes: number }>({
  name: 'oneHot',
  infer([labels], { classes }, at) {
    if (labels!.dtype !== 'i32' || !Number.isSafeInteger(classes) || classes < 1)
      throw new ShapeError(
        `${at}: ${labels!.dtype} ${show(labels!.shape)} with ${classes} classes. Pass i32 labels and a whole number of classes from 1.`,
      );
    return [{ shape: [...labels!.shape, classes], dtype: 'f32' }];
  },
  // Labels are no function that has a slope.
  grad: () => [null],
  variants({ inputs: [labels], outputs: [y], attrs: { classes } }) {
    const count = sizeOf(y!.shape);
    const kernel = {
      shader,
      bind: { labels: labels!, y: y! },
      params: { count, classes },
      workgroups: linearGroups(count, 64),
    };
    return [{ id: 'direct', kernels: [kernel] }];
  },
});

/**
 * i32 labels [...] as f32 [..., classes]: 1 at the label, 0 elsewhere; a label outside of 0..classes-1 gives zeros only.
 * (torch.nn.functional.one_hot, whose result is of integers)
 *
 * @throws ShapeError unless the labels are i32 and the classes a whole number from 1.
 */
export const oneHot = (labels: Value, classes: number): Value => oneHotOp([labels], { classes })[0];
