/** The next batch of a data set that lives on the GPU: shuffled, gathered, normalised. Imports graph, util and its shaders. */
import imagesText from '../../shaders/gather-batch/images.wgsl?raw';
import rowsText from '../../shaders/gather-batch/rows.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import shuffleText from '../../shaders/lib/shuffle.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import { defineOp } from '../graph/define-op.ts';
import { padChannels } from '../graph/layout.ts';
import type { ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, show, sizeOf } from '../util/shape.ts';
import { halfBits } from '../util/shuffle.ts';

const includes = { 'lib/linear-id.wgsl': linearIdText, 'lib/shuffle.wgsl': shuffleText, 'lib/step.wgsl': stepText };
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

/** Threads for the pixels of a batch: `runs` a sample, each for `run` pixels in a row. A shuffled place costs more than a pixel: a CPU finds it for several at once. */
export function runsOf(
  { batch, pixels }: { readonly batch: number; readonly pixels: number },
  { software }: DeviceCaps,
): { readonly count: number; readonly run: number; readonly runs: number } {
  const run = software ? 16 : 1;
  const runs = ceilDiv(pixels, run);
  return { count: batch * runs, run, runs };
}

const gatherImagesOp = defineOp<GatherImagesOptions>({
  name: 'gatherImages',
  infer(_, { batch, shape, mean, std }, at) {
    if (shape.length !== 3 || shape[0]! > 4 || mean.length !== shape[0] || std.length !== shape[0]) {
      throw new ShapeError(
        `${at}: images ${show(shape)} with ${mean.length} means and ${std.length} deviations. Use [c, h, w] with 1 to 4 channels and one mean and deviation each.`,
      );
    }
    return [{ shape: [batch, ...shape], dtype: 'f32' }];
  },
  layout: () => ({ inputs: ['plain'], outputs: ['nhwc'] }),
  variants({ inputs: [images], outputs: [x], attrs: { batch, samples, shuffle, shape, mean, std } }, caps) {
    const [c, h, w] = shape as [number, number, number];
    const { count, run, runs } = runsOf({ batch, pixels: h * w }, caps);
    const params: Record<string, number> = { count, samples, half_bits: halfBits(samples), plane: h * w, run, runs };
    for (let i = 0; i < 4; i++) {
      params[`mean${i}`] = 255 * (mean[i] ?? 0);
      params[`scale${i}`] = 1 / (255 * (std[i] ?? 1));
    }
    const kernel = {
      shader: imagesShader,
      defines: { SHUFFLE: shuffle, CHANNELS: c, VEC: padChannels(c) === 4 },
      bind: { images: images!, x: x! },
      params,
      workgroups: linearGroups(count, 64),
    };
    return [{ id: 'direct', kernels: [kernel] }];
  },
});

const gatherRowsOp = defineOp<GatherOptions>({
  name: 'gatherRows',
  infer: ([rows], { batch }) => [{ shape: [batch, ...rows!.shape.slice(1)], dtype: rows!.dtype }],
  variants({ inputs: [rows], outputs: [y], attrs: { samples, shuffle } }) {
    const count = sizeOf(y!.shape);
    const kernel = {
      shader: rowsShader,
      defines: { SHUFFLE: shuffle },
      bind: { rows: rows!, y: y! },
      params: { count, samples, half_bits: halfBits(samples), width: sizeOf(y!.shape.slice(1)) },
      workgroups: linearGroups(count, 64),
    };
    return [{ id: 'direct', kernels: [kernel] }];
  },
});

/** Images of the batch as [batch, c, h, w], normalised; `images` holds bytes, four to a u32. */
export const gatherImages = (images: Value, options: GatherImagesOptions): Value =>
  gatherImagesOp([images], options)[0];

/** Rows of the batch: labels, or samples that are rows of numbers. */
export const gatherRows = (rows: Value, options: GatherOptions): Value => gatherRowsOp([rows], options)[0];
