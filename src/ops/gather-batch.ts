/** The next batch of a data set that lives on the GPU: shuffled, gathered, normalised, with its targets in the same dispatch. Imports graph, util and its shaders. */
import imagesText from '../../shaders/gather-batch/images.wgsl?raw';
import rowsText from '../../shaders/gather-batch/rows.wgsl?raw';
import targetsText from '../../shaders/gather-batch/targets.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import shuffleText from '../../shaders/lib/shuffle.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import { defineOp } from '../graph/define-op.ts';
import { padChannels } from '../graph/layout.ts';
import type { Kernel, KernelContext, LaidOut, LayoutChoice, ShaderSource, Value, ValueSpec } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, show, sizeOf } from '../util/shape.ts';
import { halfBits } from '../util/shuffle.ts';

/** What kernels with `targetParts` include. */
export const targetIncludes = { 'gather-batch/targets.wgsl': targetsText };

const includes = {
  ...targetIncludes,
  'lib/linear-id.wgsl': linearIdText,
  'lib/shuffle.wgsl': shuffleText,
  'lib/step.wgsl': stepText,
};
const imagesShader: ShaderSource = { file: 'gather-batch/images.wgsl', text: imagesText, includes };
const rowsShader: ShaderSource = { file: 'gather-batch/rows.wgsl', text: rowsText, includes };

export type GatherOptions = {
  /** Samples in the batch. */
  readonly batch: number;
  /** Samples in the data set. */
  readonly samples: number;
  /** Take the epoch's samples in shuffled order. */
  readonly shuffle: boolean;
};

export type GatherImagesOptions = GatherOptions & {
  /** [c, h, w] of one image. */
  readonly shape: readonly number[];
  /** For each channel, of values in 0..1. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
};

/**
 * Threads for the pixels (or other units) of a batch: `runs` a sample, each for `run` of them in a row. A shuffled place costs
 * more than a pixel: a CPU finds it once for as many as `most`.
 */
export function runsOf(
  { batch, pixels, most = 16 }: { readonly batch: number; readonly pixels: number; readonly most?: number },
  { software }: DeviceCaps,
): { readonly count: number; readonly run: number; readonly runs: number } {
  const run = software ? Math.min(most, pixels) : 1;
  const runs = ceilDiv(pixels, run);
  return { count: batch * runs, run, runs };
}

/** The targets of a batch, where an op has them as its second input. */
export const targetSpecs = ([, targets]: readonly ValueSpec[], batch: number): ValueSpec[] =>
  targets ? [{ shape: [batch, ...targets.shape.slice(1)], dtype: targets.dtype }] : [];

/** Images of a batch and, where the op has them, their targets. Throws ShapeError unless shape, means and deviations fit. */
export function imageSpecs(
  inputs: readonly ValueSpec[],
  { batch, shape, mean, std }: GatherImagesOptions,
  at: string,
): ValueSpec[] {
  if (shape.length !== 3 || shape[0]! > 4 || mean.length !== shape[0] || std.length !== shape[0]) {
    throw new ShapeError(
      `${at}: images ${show(shape)} with ${mean.length} means and ${std.length} deviations. Use [c, h, w] with 1 to 4 channels and one mean and deviation each.`,
    );
  }
  return [{ shape: [batch, ...shape], dtype: 'f32' }, ...targetSpecs(inputs, batch)];
}

/** What turns bytes into normalised numbers: (byte - mean) * scale, for each of four channels. */
export function normalizationParams({ mean, std }: Pick<GatherImagesOptions, 'mean' | 'std'>): Record<string, number> {
  const params: Record<string, number> = {};
  for (let i = 0; i < 4; i++) {
    params[`mean${i}`] = 255 * (mean[i] ?? 0);
    params[`scale${i}`] = 1 / (255 * (std[i] ?? 1));
  }
  return params;
}

/** Images as nhwc, all else plain. */
export const imageLayout = (inputs: readonly LaidOut[]): LayoutChoice => ({
  inputs: inputs.map(() => 'plain'),
  outputs: inputs.map((_, i) => (i === 0 ? 'nhwc' : 'plain')),
});

interface TargetParts {
  readonly defines: { readonly TARGETS: boolean };
  readonly bind: Kernel['bind'];
  readonly params: { readonly [name: string]: number };
}

/** What a kernel takes and is given to copy the targets along: see gather-batch/targets.wgsl. Nothing where nobody reads them. */
export function targetParts({ inputs: [, targets], outputs: [, y], used }: KernelContext<GatherOptions>): TargetParts {
  const copies = targets !== undefined && y !== undefined && used[1] === true;
  return {
    defines: { TARGETS: copies },
    bind: copies ? { targets, y } : {},
    params: copies ? { target_width: sizeOf(y.shape.slice(1)) } : {},
  };
}

const gatherImagesOp = defineOp<GatherImagesOptions>({
  name: 'gatherImages',
  infer: imageSpecs,
  layout: imageLayout,
  variants(context, caps) {
    const { inputs, outputs, attrs } = context;
    const { batch, samples, shuffle, shape } = attrs;
    const target = targetParts(context);
    const [c, h, w] = shape as [number, number, number];
    const pixels = (h * w) % 4 === 0 ? 4 : 1; // of a unit
    const plane = (h * w) / pixels;
    const { count, run, runs } = runsOf({ batch, pixels: plane, most: pixels === 4 ? 8 : 16 }, caps);
    const kernel = {
      shader: imagesShader,
      defines: {
        ...target.defines,
        ...{ SHUFFLE: shuffle, CHANNELS: c, PIXELS: pixels },
        FORM: padChannels(c) === 4 ? 'channels' : pixels === 4 ? 'quads' : 'pixel',
      },
      bind: { images: inputs[0]!, x: outputs[0]!, ...target.bind },
      params: {
        ...{ count, samples, half_bits: halfBits(samples), plane, run, runs },
        ...normalizationParams(attrs),
        ...target.params,
      },
      workgroups: linearGroups(count, 64),
    };
    return [{ id: 'direct', kernels: [kernel] }];
  },
});

const gatherRowsOp = defineOp<GatherOptions>({
  name: 'gatherRows',
  infer: (inputs, { batch }) => [...targetSpecs([inputs[0]!, inputs[0]!], batch), ...targetSpecs(inputs, batch)],
  variants(context, caps) {
    const { inputs, outputs, attrs } = context;
    const { batch, samples, shuffle } = attrs;
    const target = targetParts(context);
    const elements = sizeOf(outputs[0]!.shape.slice(1));
    const wide = elements % 4 === 0;
    const width = wide ? elements / 4 : elements;
    const { count, run, runs } = runsOf({ batch, pixels: width, most: 8 }, caps);
    const kernel = {
      shader: rowsShader,
      defines: { ...target.defines, SHUFFLE: shuffle, WIDE: wide },
      bind: { rows: inputs[0]!, x: outputs[0]!, ...target.bind },
      params: {
        ...{ count, samples, half_bits: halfBits(samples), width, run, runs },
        ...target.params,
      },
      workgroups: linearGroups(count, 64),
    };
    return [{ id: 'direct', kernels: [kernel] }];
  },
});

/** A batch: what the model is given, and what is wanted of it. */
export interface GatheredBatch {
  readonly x: Value;
  readonly y: Value;
}

/** Images of the batch as [batch, c, h, w], normalised; `images` holds bytes, four to a u32. */
export const gatherImages = (images: Value, options: GatherImagesOptions): Value =>
  gatherImagesOp([images], options)[0];

/** The same, and the targets that belong to them. */
export function gatherImagesAndTargets(images: Value, targets: Value, options: GatherImagesOptions): GatheredBatch {
  const [x, y] = gatherImagesOp([images, targets], options);
  return { x, y: y! };
}

/** Rows of the batch: labels, or samples that are rows of numbers. */
export const gatherRows = (rows: Value, options: GatherOptions): Value => gatherRowsOp([rows], options)[0];

/** The same, and the targets that belong to them. */
export function gatherRowsAndTargets(rows: Value, targets: Value, options: GatherOptions): GatheredBatch {
  const [x, y] = gatherRowsOp([rows, targets], options);
  return { x, y: y! };
}
