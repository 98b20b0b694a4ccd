/** Data sets in memory: images as bytes or samples as numbers, with labels or target values. Imports util. */
import { ArgumentError } from '../util/errors.ts';
import { type Shape, show, sizeOf } from '../util/shape.ts';
import { shuffled, streamKey } from '../util/shuffle.ts';

/** A batch on the host: samples row after row, ready to be uploaded. */
export interface Batch {
  /** [size, ...shape], normalised. */
  readonly x: Float32Array<ArrayBuffer>;
  /** [size] labels, or [size, ...targetShape] values. */
  readonly y: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  readonly size: number;
}

export interface BatchesOptions {
  /** Order of the samples: a number shuffles them, the same number always the same way. Default: as they are. */
  readonly shuffleSeed?: number;
  /** Leave out the last batch where it is not full; default false. */
  readonly dropLast?: boolean;
}

export interface Dataset {
  readonly count: number;
  /** Of one sample. */
  readonly shape: Shape;
  /** Number of classes where the targets are labels, else null. */
  readonly classes: number | null;
  /** Bytes (to be divided by 255 and normalised) or numbers (taken as they are), sample after sample. */
  readonly samples: Uint8Array | Float32Array<ArrayBuffer>;
  readonly targets: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  /** Of one sample's targets: [] for a label. */
  readonly targetShape: Shape;
  /** For each channel, of values in 0..1; used where samples are bytes. */
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The samples at these positions as a batch. */
  gather(positions: readonly number[]): Batch;
  /** All samples, `size` at a time. */
  batches(size: number, options?: BatchesOptions): Generator<Batch>;
  /** Samples start..end-1 as a data set; shares memory. The same range gives the same one, which is on the GPU only once. */
  slice(start: number, end: number): Dataset;
}

interface Fields extends Omit<Dataset, 'gather' | 'batches' | 'slice'> {}

/** What each byte of a channel becomes: rounded as shaders/gather-batch/images.wgsl does. */
function normalizeTable(mean: number, std: number): Float32Array {
  const [m, scale] = [Math.fround(255 * mean), Math.fround(1 / (255 * std))];
  return Float32Array.from({ length: 256 }, (_, byte) => Math.fround(byte - m) * scale);
}

/** Bytes of whole samples as normalised numbers, in `out`: (byte / 255 - mean) / std, the same bits as on the GPU. */
export function normalize(
  data: Uint8Array,
  { shape, mean, std }: { shape: Shape; mean: readonly number[]; std: readonly number[] },
  out = new Float32Array(data.length),
): Float32Array<ArrayBuffer> {
  const plane = sizeOf(shape.slice(1));
  const channels = shape[0] ?? 1;
  const tables = Array.from({ length: channels }, (_, c) => normalizeTable(mean[c]!, std[c]!));
  for (let start = 0, c = 0; start < data.length; start += plane, c = (c + 1) % channels) {
    const table = tables[c]!;
    for (let i = start; i < start + plane; i++) out[i] = table[data[i]!]!;
  }
  return out;
}

function build(fields: Fields): Dataset {
  const { count, shape, samples, targets, targetShape } = fields;
  const sampleSize = sizeOf(shape);
  const targetSize = sizeOf(targetShape);
  const slices = new Map<string, WeakRef<Dataset>>();
  const gather = (positions: readonly number[]): Batch => {
    const raw =
      samples instanceof Uint8Array
        ? new Uint8Array(positions.length * sampleSize)
        : new Float32Array(positions.length * sampleSize);
    const y = new (targets instanceof Int32Array ? Int32Array : Float32Array)(positions.length * targetSize);
    for (const [r, at] of positions.entries()) {
      raw.set(samples.subarray(at * sampleSize, (at + 1) * sampleSize), r * sampleSize);
      y.set(targets.subarray(at * targetSize, (at + 1) * targetSize), r * targetSize);
    }
    return { x: raw instanceof Uint8Array ? normalize(raw, fields) : raw, y, size: positions.length };
  };
  return {
    ...fields,
    gather,
    *batches(size, { shuffleSeed, dropLast = false } = {}) {
      if (!Number.isInteger(size) || size < 1 || size > count) {
        throw new ArgumentError(
          `batches: the batch size is ${size}, the data set has ${count} samples. Pass a whole number from 1 to ${count}.`,
        );
      }
      for (let first = 0; first < count; first += size) {
        const length = Math.min(size, count - first);
        if (dropLast && length < size) return;
        const at = (i: number): number =>
          shuffleSeed === undefined ? i : shuffled(i, count, streamKey(shuffleSeed, 0));
        yield gather(Array.from({ length }, (_, i) => at(first + i)));
      }
    },
    slice(start, end) {
      if (!(Number.isInteger(start) && Number.isInteger(end) && 0 <= start && start < end && end <= count)) {
        throw new ArgumentError(`slice: ${start}..${end} of ${count} samples. Pass 0 <= start < end <= ${count}.`);
      }
      const range = `${start} ${end}`;
      const known = slices.get(range)?.deref();
      if (known) return known;
      const made = build({
        ...fields,
        count: end - start,
        samples: samples.subarray(start * sampleSize, end * sampleSize) as typeof samples,
        targets: targets.subarray(start * targetSize, end * targetSize) as typeof targets,
      });
      slices.set(range, new WeakRef(made));
      return made;
    },
  };
}

function checkLabels(labels: ArrayLike<number>, classes: number, at: string): void {
  for (let i = 0; i < labels.length; i++) {
    const label = labels[i]!;
    if (!Number.isInteger(label) || label < 0 || label >= classes) {
      throw new ArgumentError(
        `${at}: label ${label} of sample ${i} is not one of 0..${classes - 1}. Correct the labels or pass the right number of classes.`,
      );
    }
  }
}

function checkCounts(
  at: string,
  { samples, shape, targets }: { samples: number; shape: Shape; targets: number },
): number {
  const count = samples / sizeOf(shape);
  if (!Number.isInteger(count) || count < 1) {
    throw new ArgumentError(
      `${at}: ${samples} values are not a whole number of samples of ${show(shape)} (${sizeOf(shape)} each). Pass whole samples.`,
    );
  }
  if (targets !== count)
    throw new ArgumentError(`${at}: ${count} samples with ${targets} targets. Pass one target for each sample.`);
  return count;
}

export interface ImageDatasetOptions {
  /** NCHW bytes, image after image. */
  readonly images: Uint8Array;
  readonly labels: ArrayLike<number>;
  /** [c, h, w] of one image, 1 to 4 channels. */
  readonly shape: Shape;
  readonly classes: number;
  /** Mean of each channel, of values in 0..1; default 0. */
  readonly mean?: readonly number[];
  /** Deviation of each channel; default 1. */
  readonly std?: readonly number[];
}

/** Images with labels. Throws ArgumentError where counts, labels or shapes do not fit. */
export function imageDataset({ images, labels, shape, classes, mean, std }: ImageDatasetOptions): Dataset {
  if (shape.length !== 3)
    throw new ArgumentError(`imageDataset: the shape is ${show(shape)}. Pass [c, h, w] of one image.`);
  const channels = shape[0]!;
  if (channels > 4)
    throw new ArgumentError(
      `imageDataset: images of ${channels} channels. Pass 1 to 4 channels, or numbers to tensorDataset.`,
    );
  const count = checkCounts('imageDataset', { samples: images.length, shape, targets: labels.length });
  checkLabels(labels, classes, 'imageDataset');
  const perChannel = (values: readonly number[] | undefined, otherwise: number): readonly number[] =>
    values ?? new Array<number>(channels).fill(otherwise);
  const [m, s] = [perChannel(mean, 0), perChannel(std, 1)];
  if (m.length !== channels || s.length !== channels || s.some((v) => !(v > 0))) {
    throw new ArgumentError(
      `imageDataset: mean ${show(m)} and std ${show(s)} for ${channels} channels. Pass one mean and one positive deviation for each.`,
    );
  }
  return build({
    count,
    shape,
    classes,
    samples: images,
    targets: Int32Array.from(labels),
    targetShape: [],
    mean: m,
    std: s,
  });
}

export interface TensorDatasetOptions {
  /** Samples, row-major, taken as they are. */
  readonly x: Float32Array<ArrayBuffer>;
  /** Shape of one sample. */
  readonly shape: Shape;
  /** Labels (with `classes`) or target values. */
  readonly y: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  /** Number of classes; needed where y holds labels. */
  readonly classes?: number;
}

/** Numbers with labels or target values. Throws ArgumentError where counts, labels or shapes do not fit. (torch.utils.data.TensorDataset) */
export function tensorDataset({ x, shape, y, classes }: TensorDatasetOptions): Dataset {
  const common = { shape, samples: x, mean: [0], std: [1] };
  if (y instanceof Int32Array) {
    const count = checkCounts('tensorDataset', { samples: x.length, shape, targets: y.length });
    const most = classes ?? y.reduce((a, b) => Math.max(a, b), 0) + 1;
    checkLabels(y, most, 'tensorDataset');
    return build({ ...common, count, classes: most, targets: y, targetShape: [] });
  }
  const count = x.length / sizeOf(shape);
  const width = y.length / count;
  checkCounts('tensorDataset', {
    samples: x.length,
    shape,
    targets: Number.isInteger(width) && width >= 1 ? count : y.length,
  });
  return build({ ...common, count, classes: null, targets: y, targetShape: [width] });
}
