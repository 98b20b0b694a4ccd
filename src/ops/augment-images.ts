/** The next batch of a data set of images that lives on the GPU, augmented: one affine map, colours and a hole a sample. Imports graph, util and its shaders. */
import drawText from '../../shaders/augment-images/draw.wgsl?raw';
import greyText from '../../shaders/augment-images/grey.wgsl?raw';
import imagesText from '../../shaders/augment-images/images.wgsl?raw';
import pixelText from '../../shaders/augment-images/pixel.wgsl?raw';
import sampleText from '../../shaders/augment-images/sample.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import philoxText from '../../shaders/lib/philox.wgsl?raw';
import shuffleText from '../../shaders/lib/shuffle.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import { defineOp } from '../graph/define-op.ts';
import { padChannels } from '../graph/layout.ts';
import type { Kernel, Scratch, ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { halfBits } from '../util/shuffle.ts';
import {
  type GatheredBatch,
  type GatherImagesOptions,
  imageLayout,
  imageSpecs,
  normalizationParams,
  runsOf,
  targetIncludes,
  targetParts,
} from './gather-batch.ts';

const includes = {
  ...targetIncludes,
  'lib/linear-id.wgsl': linearIdText,
  'lib/philox.wgsl': philoxText,
  'lib/shuffle.wgsl': shuffleText,
  'lib/step.wgsl': stepText,
  'lib/tree.wgsl': treeText,
  'augment-images/pixel.wgsl': pixelText,
  'augment-images/sample.wgsl': sampleText,
};
const drawShader: ShaderSource = { file: 'augment-images/draw.wgsl', text: drawText, includes };
const greyShader: ShaderSource = { file: 'augment-images/grey.wgsl', text: greyText, includes };
const imagesShader: ShaderSource = { file: 'augment-images/images.wgsl', text: imagesText, includes };

type Range = readonly [low: number, high: number];

/** One transformation, drawn anew for each sample; the ranges are closed. */
export type Transform =
  | { readonly kind: 'flipX' | 'flipY'; readonly p: number }
  /** A window of the image's size out of the image with a border of so many pixels. */
  | { readonly kind: 'crop'; readonly border: readonly [x: number, y: number] }
  | {
      readonly kind: 'affine';
      readonly degrees: Range;
      /** Largest shift along each axis, a share of the width and the height. */
      readonly translate: readonly [x: number, y: number];
      readonly scale: Range;
      readonly shearX: Range;
      readonly shearY: Range;
    }
  /** Factors; the contrast is changed about the mean grey of the image. Once at most, behind all maps. */
  | { readonly kind: 'jitter'; readonly brightness: Range; readonly contrast: Range }
  /** Areas as shares of the image, ratios of height to width. Once at most, at the end. */
  | { readonly kind: 'erase'; readonly p: number; readonly scale: Range; readonly ratio: Range };

export type AugmentOptions = GatherImagesOptions & {
  readonly transforms: readonly Transform[];
  /** What lies around the image, of values in 0..1. */
  readonly fill: number;
  /** What erased pixels become, normalised. */
  readonly eraseValue: number;
};

/** WGSL that applies a transformation, and the numbers that it takes from Params. */
function call(transform: Transform, at: number, [h, w]: readonly [number, number]): { code: string; params: number[] } {
  const of = (name: string, ...args: readonly (readonly number[])[]): { code: string; params: number[] } => {
    let next = 0;
    const field = (): string => `params.t${at}_${next++}`;
    const texts = args.map((arg) => (arg.length === 1 ? field() : `vec${arg.length}f(${arg.map(field).join(', ')})`));
    return { code: `${name}(${[`${at}u`, ...texts].join(', ')});`, params: args.flat() };
  };
  switch (transform.kind) {
    case 'flipX':
      return of('flip_x', [transform.p]);
    case 'flipY':
      return of('flip_y', [transform.p]);
    case 'crop':
      return of('crop', [transform.border[0]], [transform.border[1]]);
    case 'affine': {
      const { degrees, translate, scale, shearX, shearY } = transform;
      return of('affine', degrees, [translate[0] * w, translate[1] * h], scale, shearX, shearY);
    }
    case 'jitter':
      return of('jitter', transform.brightness, transform.contrast);
    case 'erase':
      return of('erase', [transform.p], transform.scale, transform.ratio.map(Math.log));
  }
}

/** How much each channel counts for the grey of a pixel: of red, green and blue as the eye sees them (ITU-R 601), else alike. */
const greyWeights = (channels: number): readonly number[] =>
  channels === 3 ? [0.2989, 0.587, 0.114] : new Array<number>(channels).fill(1 / channels);

/** Parameters that all kernels share. */
function commonParams(options: AugmentOptions): Record<string, number> {
  const { batch, samples, shape, fill, eraseValue } = options;
  const [c, h, w] = shape as [number, number, number];
  const params: Record<string, number> = {
    ...{ batch, samples, half_bits: halfBits(samples), h, w },
    ...normalizationParams(options),
  };
  const grey = greyWeights(c);
  for (let i = 0; i < 4; i++) {
    params[`fill${i}`] = i < c ? 255 * fill : 0;
    params[`grey${i}`] = grey[i] ?? 0;
  }
  return { ...params, erase_value: eraseValue };
}

const augmentImagesOp = defineOp<AugmentOptions>({
  name: 'augmentImages',
  infer: imageSpecs,
  layout: imageLayout,
  variants(context, caps) {
    const {
      inputs: [images],
      outputs: [x],
      attrs,
    } = context;
    const { batch, shuffle, shape, transforms } = attrs;
    const [c, h, w] = shape as [number, number, number];
    const threads = runsOf({ batch, pixels: h * w }, caps);
    const params = { ...commonParams(attrs), ...threads };
    const calls = transforms.map((transform, i) => call(transform, i, [h, w]));
    const own = Object.fromEntries(calls.flatMap((one, i) => one.params.map((value, k) => [`t${i}_${k}`, value])));
    const draws: Scratch = { scratch: 'draws', elements: 16 * batch };
    const jitter = transforms.find(({ kind }) => kind === 'jitter');
    const draw: Kernel = {
      shader: drawShader,
      defines: { SHUFFLE: shuffle },
      slots: {
        fields: Object.keys(own)
          .map((name) => `  ${name}: f32,`)
          .join('\n'),
        transforms: calls.map(({ code }) => `  ${code}`).join('\n'),
      },
      bind: { draws },
      params: { ...params, ...own },
      workgroups: linearGroups(batch, 64),
    };
    const grey: Kernel = {
      slots: { fields: '' },
      params,
      shader: greyShader,
      defines: { SHUFFLE: shuffle, CHANNELS: c },
      bind: { images: images!, draws },
      workgroups: linearGroups(batch, 1),
    };
    const target = targetParts(context);
    const gather: Kernel = {
      slots: { fields: target.defines.TARGETS ? '  target_width: u32,' : '' },
      params: { ...params, ...target.params },
      shader: imagesShader,
      defines: {
        ...target.defines,
        SHUFFLE: shuffle,
        CHANNELS: c,
        VEC: padChannels(c) === 4,
        COLOUR: jitter !== undefined,
        ERASE: transforms.some(({ kind }) => kind === 'erase'),
      },
      bind: { images: images!, draws, x: x!, ...target.bind },
      workgroups: linearGroups(threads.count, 64),
    };
    return [{ id: 'direct', kernels: jitter ? [draw, grey, gather] : [draw, gather] }];
  },
});

/**
 * Images of the batch as [batch, c, h, w], augmented and then normalised; `images` holds bytes, four to a u32. What is drawn
 * follows from the step's random numbers and the number of the sample alone.
 */
export const augmentImages = (images: Value, options: AugmentOptions): Value => augmentImagesOp([images], options)[0];

/** The same, and the targets that belong to them. */
export function augmentImagesAndTargets(images: Value, targets: Value, options: AugmentOptions): GatheredBatch {
  const [x, y] = augmentImagesOp([images, targets], options);
  return { x, y: y! };
}
