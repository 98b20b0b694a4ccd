/** mixup and cutmix: what `fit` mixes, and the numbers of each step, drawn on the host. Imports nn types, runtime types, util. */
import type { Dataset } from '../data/dataset.ts';
import type { Loss } from '../nn/losses.ts';
import type { Model } from '../nn/model.ts';
import { ArgumentError } from '../util/errors.ts';
import { randomStream } from '../util/philox.ts';
import { show } from '../util/shape.ts';

/** How the samples of a batch are mixed with each other; made by `mixup` and `cutmix`. */
export interface Mix {
  readonly kind: 'mixup' | 'cutmix';
  /** Both parameters of the Beta distribution of the share. */
  readonly alpha: number;
}

export interface MixupOptions {
  /** The share of each sample is drawn from Beta(alpha, alpha), once a batch. */
  readonly alpha: number;
}

function mixOf(kind: Mix['kind'], alpha: number): Mix {
  if (!(alpha > 0 && alpha <= 1e6)) throw new ArgumentError(`${kind}: alpha is ${alpha}. Pass a number above 0.`);
  return { kind, alpha };
}

/**
 * Each sample, and its target, become a weighted mean with the sample before in the batch, which is shuffled. The accuracy
 * of the training then counts the classes with the larger share.
 * Source: torchvision.transforms.v2.MixUp (Zhang et al. 2017), default alpha 1.
 */
export const mixup = ({ alpha }: MixupOptions = { alpha: 1 }): Mix => mixOf('mixup', alpha);

/**
 * A box of each image is replaced by that of the image before in the batch; targets are mixed by the areas.
 * Source: torchvision.transforms.v2.CutMix (Yun et al. 2019), default alpha 1.
 */
export const cutmix = ({ alpha }: MixupOptions = { alpha: 1 }): Mix => mixOf('cutmix', alpha);

/** Keeps these random numbers apart from all others of a step's key. */
const STREAM = 0x6d697800;

/** The logarithm of a gamma variate (Marsaglia and Tsang 2000): for a small alpha the variate itself may be 0. */
function logGamma(alpha: number, random: ReturnType<typeof randomStream>): number {
  const open = (): number => (random.word() + 0.5) / 2 ** 32;
  const boost = alpha < 1 ? Math.log(open()) / alpha : 0;
  const d = (alpha < 1 ? alpha + 1 : alpha) - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = random.normal();
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(open()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return Math.log(d * v) + boost;
  }
}

/** What a step draws: the share that each sample keeps; for cutmix also the box. The same for the same key. */
export function drawMix(
  { kind, alpha }: Mix,
  { key, size: [h = 1, w = 1] }: { readonly key: number; readonly size: readonly number[] },
): {
  readonly share: number;
  readonly box: { readonly x: readonly [number, number]; readonly y: readonly [number, number] };
} {
  const random = randomStream(key, STREAM);
  const share = 1 / (1 + Math.exp(logGamma(alpha, random) - logGamma(alpha, random)));
  if (kind === 'mixup') return { share, box: { x: [0, 0], y: [0, 0] } };
  const half = 0.5 * Math.sqrt(1 - share);
  const range = (length: number): readonly [number, number] => {
    const [centre, extent] = [Math.floor(random.uniform() * length), Math.trunc(half * length)];
    return [Math.max(0, centre - extent), Math.min(length, centre + extent)];
  };
  const [x, y] = [range(w), range(h)];
  return { share: 1 - ((x[1] - x[0]) * (y[1] - y[0])) / (w * h), box: { x, y } };
}

const bits = new Uint32Array(1);
const float = new Float32Array(bits.buffer);

/** The words of a step that tell the kernels of mix-batch. */
export function mixWords(mix: Mix, at: { readonly key: number; readonly size: readonly number[] }): [number, number] {
  const { share, box } = drawMix(mix, at);
  if (mix.kind === 'cutmix') return [box.x[0] + box.x[1] * 0x10000, box.y[0] + box.y[1] * 0x10000];
  float[0] = share;
  return [bits[0]!, 0];
}

/** Throws ArgumentError where model or loss cannot be trained with mixed samples. */
export function checkMix({ kind }: Mix, { model, loss }: { readonly model: Model; readonly loss: Loss }): void {
  const { inputShape, outputShape } = model;
  if (kind === 'cutmix' && inputShape.length !== 3)
    throw new ArgumentError(
      `fit, cutmix: the model takes samples of ${show(inputShape)}, not images [c, h, w]. Use mixup.`,
    );
  if (loss.targets === 'labels' && (!loss.applyProbs || outputShape.length !== 1))
    throw new ArgumentError(
      `fit, ${kind}: ${loss.name} of outputs ${show(outputShape)} does not take mixed labels. Use crossEntropy and one label for each sample.`,
    );
}

/** Throws ArgumentError unless a data set can be augmented: images, as bytes, on the GPU. */
export function checkAugmentable({ samples, shape }: Dataset, { resident }: { readonly resident: boolean }): void {
  if (!(samples instanceof Uint8Array))
    throw new ArgumentError(
      `fit, augment: the samples are ${samples.constructor.name} ${show(shape)}, not images of bytes. Use imageDataset, or leave out augment.`,
    );
  if (!resident)
    throw new ArgumentError(
      `fit, augment: the ${samples.byteLength} bytes of the images are more than this GPU binds. Use a part of the data, or leave out augment.`,
    );
}
