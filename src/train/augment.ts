/** Augmentations of images for `fit`, named as in torchvision.transforms. Imports ops types, util. */
import type { Transform } from '../ops/augment-images.ts';
import { ArgumentError } from '../util/errors.ts';

/** What is done to each image of a batch before it is trained on; made by the functions below. */
export interface Augmentation {
  readonly transforms: readonly Transform[];
  /** What lies around an image, of values in 0..1; null where nothing says so (black). */
  readonly fill: number | null;
  /** What erased pixels become, of normalised values. */
  readonly eraseValue: number;
}

type Range = readonly [low: number, high: number];

const one = (transform: Transform, rest: Partial<Augmentation> = {}): Augmentation => ({
  transforms: [transform],
  fill: null,
  eraseValue: 0,
  ...rest,
});

/** Throws ArgumentError unless it is an increasing pair within the limits. */
function checkRange(at: string, [low, high]: Range, [least, most]: Range): Range {
  if (!(low >= least && low <= high && high <= most))
    throw new ArgumentError(`${at} is ${low}..${high}. Pass numbers from ${least} to ${most}, the smaller one first.`);
  return [low, high];
}

const checkShare = (at: string, p: number): number => checkRange(at, [p, p], [0, 1])[0];

/** A number stands for -number..number. */
const around = (value: number | Range): Range => (typeof value === 'number' ? [-value, value] : value);

export interface RandomAffineOptions {
  /** Angles, clockwise; a number stands for -number..number. Default 0. */
  readonly degrees?: number | Range;
  /** Largest shift along x and y, as shares of the width and the height; whole pixels are drawn. Default none. */
  readonly translate?: readonly [x: number, y: number];
  /** Default 1. */
  readonly scale?: Range;
  /** Angles in degrees along x, or [lowX, highX, lowY, highY]; a number stands for -number..number. Default 0. */
  readonly shear?: number | Range | readonly [number, number, number, number];
  /** What lies around the image, of values in 0..1; default 0. */
  readonly fill?: number;
}

/** Rotates, shifts, scales and shears about the centre, with bilinear interpolation. (torchvision.transforms.RandomAffine) */
export function randomAffine(options: RandomAffineOptions): Augmentation {
  const { degrees = 0, translate = [0, 0], scale = [1, 1], shear = 0, fill } = options;
  const at = 'randomAffine';
  const shears = typeof shear === 'number' ? around(shear) : shear;
  const [lowX, highX, lowY = 0, highY = 0] = shears;
  return one(
    {
      kind: 'affine',
      degrees: checkRange(`${at}: degrees`, around(degrees), [-360, 360]),
      translate: [
        checkShare(`${at}: translate along x`, translate[0]),
        checkShare(`${at}: translate along y`, translate[1]),
      ],
      scale: checkRange(`${at}: scale`, scale, [1e-3, 1e3]),
      shearX: checkRange(`${at}: shear along x`, [lowX, highX], [-89, 89]),
      shearY: checkRange(`${at}: shear along y`, [lowY, highY], [-89, 89]),
    },
    fill === undefined ? {} : { fill: checkShare(`${at}: fill`, fill) },
  );
}

/** Rotates about the centre, counter-clockwise; a number stands for -number..number. (torchvision.transforms.RandomRotation) */
export function randomRotation(degrees: number | Range, { fill }: { readonly fill?: number } = {}): Augmentation {
  const [low, high] = around(degrees);
  return randomAffine({ degrees: [-high, -low], fill });
}

/** Exchanges left and right with probability p, default 0.5. (torchvision.transforms.RandomHorizontalFlip) */
export const randomHorizontalFlip = ({ p = 0.5 }: { readonly p?: number } = {}): Augmentation =>
  one({ kind: 'flipX', p: checkShare('randomHorizontalFlip: p', p) });

/** Exchanges top and bottom with probability p, default 0.5. (torchvision.transforms.RandomVerticalFlip) */
export const randomVerticalFlip = ({ p = 0.5 }: { readonly p?: number } = {}): Augmentation =>
  one({ kind: 'flipY', p: checkShare('randomVerticalFlip: p', p) });

/**
 * Puts a border of so many pixels around the image and cuts out a window of the image's own size.
 * (torchvision.transforms.RandomCrop with padding)
 */
export function randomCrop(options: {
  /** For all sides, or along x and y. */
  readonly padding: number | readonly [x: number, y: number];
  /** Of values in 0..1; default 0. */
  readonly fill?: number;
}): Augmentation {
  const { padding, fill } = options;
  const border = typeof padding === 'number' ? ([padding, padding] as const) : padding;
  for (const pixels of border)
    if (!Number.isInteger(pixels) || pixels < 0 || pixels > 4096)
      throw new ArgumentError(`randomCrop: padding is ${pixels}. Pass whole pixels from 0 to 4096.`);
  return one({ kind: 'crop', border }, fill === undefined ? {} : { fill: checkShare('randomCrop: fill', fill) });
}

export interface ColorJitterOptions {
  /** Factors; a number stands for max(0, 1 - number)..1 + number. Default 0. */
  readonly brightness?: number | Range;
  readonly contrast?: number | Range;
}

/**
 * Changes the brightness, then the contrast about the mean grey of the image; values stay in 0..1. Grey is 0.2989 red +
 * 0.587 green + 0.114 blue; of other than 3 channels their mean. (torchvision.transforms.ColorJitter, which takes them in random order)
 */
export function colorJitter({ brightness = 0, contrast = 0 }: ColorJitterOptions): Augmentation {
  const factors = (name: string, value: number | Range): Range =>
    checkRange(
      `colorJitter: ${name}`,
      typeof value === 'number' ? [Math.max(0, 1 - value), 1 + value] : value,
      [0, 1e3],
    );
  return one({
    kind: 'jitter',
    brightness: factors('brightness', brightness),
    contrast: factors('contrast', contrast),
  });
}

export interface RandomErasingOptions {
  /** Default 0.5. */
  readonly p?: number;
  /** Share of the image's area; default 0.02..0.33. */
  readonly scale?: Range;
  /** Height by width; default 0.3..3.3. */
  readonly ratio?: Range;
  /** What its pixels become, of normalised values; default 0, the mean. */
  readonly value?: number;
}

/** Erases a rectangle with probability p. Goes last, since it writes normalised values. (torchvision.transforms.RandomErasing) */
export function randomErasing(options: RandomErasingOptions = {}): Augmentation {
  const { p = 0.5, scale = [0.02, 0.33], ratio = [0.3, 3.3], value = 0 } = options;
  const at = 'randomErasing';
  if (!Number.isFinite(value)) throw new ArgumentError(`${at}: value is ${value}. Pass a finite number.`);
  return one(
    {
      kind: 'erase',
      p: checkShare(`${at}: p`, p),
      scale: checkRange(`${at}: scale`, scale, [0, 1]),
      ratio: checkRange(`${at}: ratio`, ratio, [1e-3, 1e3]),
    },
    { eraseValue: value },
  );
}

/** Where a kind may stand: maps of the plane first, then colours, then erasing. */
const rank = ({ kind }: Transform): number => (kind === 'erase' ? 2 : kind === 'jitter' ? 1 : 0);

const MOST_TRANSFORMS = 16;

/**
 * One augmentation after another. Shifts, flips, rotations and crops become a single map of the plane, so that an image is
 * interpolated once and what one moves out another can move back in. Behind them colorJitter, then randomErasing, once each.
 * (torchvision.transforms.Compose)
 */
export function compose(parts: readonly Augmentation[]): Augmentation {
  const transforms = parts.flatMap((part) => part.transforms);
  const fills = [...new Set(parts.flatMap(({ fill }) => (fill === null ? [] : [fill])))];
  if (fills.length > 1)
    throw new ArgumentError(`compose: the fills are ${fills.join(' and ')}. Use the same for all of them.`);
  const ranks = transforms.map(rank);
  if (ranks.some((r, i) => i > 0 && (r < ranks[i - 1]! || (r > 0 && r === ranks[i - 1]))))
    throw new ArgumentError(
      'compose: the order is flips, crops and affine maps, then one colorJitter, then one randomErasing. Put them in this order.',
    );
  if (transforms.length > MOST_TRANSFORMS)
    throw new ArgumentError(`compose: ${transforms.length} transforms. Use ${MOST_TRANSFORMS} at most.`);
  const erasing = parts.find((part) => part.transforms.some(({ kind }) => kind === 'erase'));
  return { transforms, fill: fills[0] ?? null, eraseValue: erasing?.eraseValue ?? 0 };
}
