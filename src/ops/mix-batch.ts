/** A batch mixed with itself, shifted by one sample (mixup, cutmix). How much is told by the step. Imports graph, util and its shaders. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import labelsText from '../../shaders/mix-batch/labels.wgsl?raw';
import rowsText from '../../shaders/mix-batch/rows.wgsl?raw';
import shareText from '../../shaders/mix-batch/share.wgsl?raw';
import { defineOp, followFirst } from '../graph/define-op.ts';
import { physicalSize } from '../graph/layout.ts';
import type { ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { show } from '../util/shape.ts';
import { runsOf } from './gather-batch.ts';

const includes = { 'lib/linear-id.wgsl': linearIdText, 'lib/step.wgsl': stepText, 'mix-batch/share.wgsl': shareText };
const rowsShader: ShaderSource = { file: 'mix-batch/rows.wgsl', text: rowsText, includes };
const labelsShader: ShaderSource = { file: 'mix-batch/labels.wgsl', text: labelsText, includes };

export type MixOptions = {
  readonly kind: 'mixup' | 'cutmix';
  /** [h, w] of the images that are cut, by which the share of cutmix is worked out. */
  readonly size: readonly number[];
};

type RowsAttrs = MixOptions & { readonly cut: boolean };
type LabelsAttrs = MixOptions & { readonly classes: number };

const sizeParams = ({ size: [h = 1, w = 1] }: MixOptions): { readonly h: number; readonly w: number } => ({ h, w });

const mixRowsOp = defineOp<RowsAttrs>({
  name: 'mixRows',
  infer([x], { cut, size }, at) {
    const { shape } = x!;
    if (cut && (shape.length !== 4 || show(shape.slice(2)) !== show(size)))
      throw new ShapeError(
        `${at}: cutmix of ${show(size)} in samples ${show(shape)}. Use images [n, c, h, w] of that size.`,
      );
    return [{ shape, dtype: 'f32' }];
  },
  layout: (inputs, { cut }) => (cut ? { inputs: ['nhwc'], outputs: ['nhwc'] } : followFirst(inputs, 1)),
  variants({ inputs: [x], outputs: [y], attrs }, caps) {
    const batch = y!.shape[0]!;
    const numbers = physicalSize(y!.shape, y!.layout) / batch;
    // A pixel that is cut is whole vec4s, or a number of its own.
    const vec = numbers % 4 === 0 && !(attrs.cut && y!.shape[1] === 1);
    const each = vec ? numbers / 4 : numbers;
    const { count, run, runs } = runsOf({ batch, pixels: each }, caps);
    const kernel = {
      shader: rowsShader,
      defines: { MIX: attrs.kind, CUT: attrs.cut, VEC: vec },
      bind: { x: x!, y: y! },
      params: { count, batch, each, run, runs, ...sizeParams(attrs) },
      workgroups: linearGroups(count, 64),
    };
    return [{ id: 'direct', kernels: [kernel] }];
  },
});

const mixLabelsOp = defineOp<LabelsAttrs>({
  name: 'mixLabels',
  infer([labels], { classes }, at) {
    if (labels!.shape.length !== 1 || labels!.dtype !== 'i32')
      throw new ShapeError(
        `${at}: labels are ${labels!.dtype} ${show(labels!.shape)}. Pass one i32 label for each sample, or probabilities.`,
      );
    return [{ shape: [labels!.shape[0]!, classes], dtype: 'f32' }];
  },
  variants({ inputs: [x], outputs: [y], attrs }) {
    const [batch, each] = y!.shape as [number, number];
    const kernel = {
      shader: labelsShader,
      defines: { MIX: attrs.kind },
      bind: { x: x!, y: y! },
      params: { count: batch * each, batch, each, run: 1, runs: each, ...sizeParams(attrs) },
      workgroups: linearGroups(batch * each, 64),
    };
    return [{ id: 'direct', kernels: [kernel] }];
  },
});

/** Samples mixed with the one before: all of it for mixup, a box of it for cutmix. */
export const mixSamples = (x: Value, options: MixOptions): Value =>
  mixRowsOp([x], { ...options, cut: options.kind === 'cutmix' })[0];

/** Targets that are numbers, mixed as the samples are. */
export const mixValues = (y: Value, options: MixOptions): Value => mixRowsOp([y], { ...options, cut: false })[0];

/** Labels [n] as probabilities [n, classes], mixed as the samples are. */
export const mixLabels = (labels: Value, options: MixOptions & { readonly classes: number }): Value =>
  mixLabelsOp([labels], options)[0];
