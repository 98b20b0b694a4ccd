/** Augmentation in float64 on the host, written from torchvision's definitions; maps by wgpu-matrix. May import src. */
import { mat3d, vec2d } from 'wgpu-matrix';
import type { Transform } from '../../src/ops/augment-images.ts';
import { philox } from '../../src/util/philox.ts';

type Mat = Float64Array;

export interface AugmentCase {
  /** NCHW bytes of all samples. */
  readonly images: Uint8Array;
  readonly shape: readonly [number, number, number];
  readonly transforms: readonly Transform[];
  readonly fill?: number;
  readonly eraseValue?: number;
  readonly mean: readonly number[];
  readonly std: readonly number[];
  /** The step's word. */
  readonly seed: number;
}

/** What is drawn for a sample. */
export interface Drawn {
  readonly map: Mat;
  readonly brightness: number;
  readonly contrast: number;
  readonly erased: { readonly top: number; readonly left: number; readonly height: number; readonly width: number };
}

const between = ([low, high]: readonly [number, number], u: number): number => low + u * (high - low);

/** From the result to the image: each transformation is inverted, the first one is applied last. */
const translate = (x: number, y: number): Mat => mat3d.translation(vec2d.create(x, y));

function affine(
  transform: Transform & { kind: 'affine' },
  u: readonly number[],
  [h, w]: readonly [number, number],
): Mat {
  const rad = Math.PI / 180;
  const tx = Math.round(transform.translate[0] * w * (2 * u[1]! - 1));
  const ty = Math.round(transform.translate[1] * h * (2 * u[2]! - 1));
  const [tanX, tanY] = [transform.shearX, transform.shearY].map((range, i) =>
    Math.tan(rad * between(range, u[4 + i]!)),
  );
  const scale = between(transform.scale, u[3]!);
  const [cx, cy] = [(w - 1) / 2, (h - 1) / 2];
  // Columns. torchvision: translate(t) centre rotate shearY shearX scale centre^-1.
  const shearY = mat3d.create(1, -tanY!, 0, 0, 1, 0, 0, 0, 1);
  const shearX = mat3d.create(1, 0, 0, -tanX!, 1, 0, 0, 0, 1);
  const parts = [
    translate(tx, ty),
    translate(cx, cy),
    mat3d.rotation(rad * between(transform.degrees, u[0]!)),
    shearY,
    shearX,
    mat3d.scaling(vec2d.create(scale, scale)),
    translate(-cx, -cy),
  ];
  return mat3d.inverse(parts.reduce((a, b) => mat3d.multiply(a, b))) as Mat;
}

/** What the GPU draws for a sample, in float64. */
export function draw(sample: number, { transforms, shape: [, h, w], seed }: AugmentCase): Drawn {
  let map = mat3d.identity() as Mat;
  let [brightness, contrast] = [1, 1];
  let erased = { top: 0, left: 0, height: 0, width: 0 };
  for (const [call, transform] of transforms.entries()) {
    const uniforms = (block: number): number[] =>
      philox([sample, block, call, 1], [seed, 0]).map((word) => (word >>> 8) / 2 ** 24);
    const u = [...uniforms(0), ...uniforms(1)];
    const append = (next: Mat): void => {
      map = mat3d.multiply(map, next) as Mat;
    };
    switch (transform.kind) {
      case 'flipX':
        if (u[0]! < transform.p) append(mat3d.create(-1, 0, 0, 0, 1, 0, w - 1, 0, 1) as Mat);
        break;
      case 'flipY':
        if (u[0]! < transform.p) append(mat3d.create(1, 0, 0, 0, -1, 0, 0, h - 1, 1) as Mat);
        break;
      case 'crop': {
        const [bx, by] = transform.border;
        append(translate(Math.floor(u[0]! * (2 * bx + 1)) - bx, Math.floor(u[1]! * (2 * by + 1)) - by));
        break;
      }
      case 'affine':
        append(affine(transform, u, [h, w]));
        break;
      case 'jitter':
        brightness = between(transform.brightness, u[0]!);
        contrast = between(transform.contrast, u[1]!);
        break;
      case 'erase': {
        if (u[0]! >= transform.p) break;
        for (let attempt = 1; attempt <= 10; attempt++) {
          const v = uniforms(attempt);
          const area = h * w * between(transform.scale, v[0]!);
          const aspect = Math.exp(between([Math.log(transform.ratio[0]), Math.log(transform.ratio[1])], v[1]!));
          const [height, width] = [Math.round(Math.sqrt(area * aspect)), Math.round(Math.sqrt(area / aspect))];
          if (height >= h || width >= w) continue;
          const [top, left] = [Math.floor(v[2]! * (h - height + 1)), Math.floor(v[3]! * (w - width + 1))];
          erased = { top, left, height, width };
          break;
        }
      }
    }
  }
  return { map, brightness, contrast, erased };
}

/** An image after the map, [c][y * w + x], in bytes. */
function warp(sample: number, map: Mat, { images, shape: [c, h, w], fill = 0 }: AugmentCase): Float64Array[] {
  const at = (channel: number, y: number, x: number): number =>
    y < 0 || x < 0 || y >= h || x >= w ? 255 * fill : images[((sample * c + channel) * h + y) * w + x]!;
  return Array.from({ length: c }, (_, channel) =>
    Float64Array.from({ length: h * w }, (_, i) => {
      const [x, y] = vec2d.transformMat3(vec2d.create(i % w, Math.floor(i / w)), map);
      const [x0, y0] = [Math.floor(x!), Math.floor(y!)];
      const [fx, fy] = [x! - x0, y! - y0];
      const row = (yy: number): number => at(channel, yy, x0) * (1 - fx) + at(channel, yy, x0 + 1) * fx;
      return row(y0) * (1 - fy) + row(y0 + 1) * fy;
    }),
  );
}

const clamp = (v: number): number => Math.min(255, Math.max(0, v));

/** A sample augmented and normalised, [c, h, w]. */
export function augmented(sample: number, one: AugmentCase): Float64Array {
  const { map, brightness, contrast, erased } = draw(sample, one);
  const [c, h, w] = one.shape;
  const bright = warp(sample, map, one).map((plane) => plane.map((v) => clamp(v * brightness)));
  const weights = c === 3 ? [0.2989, 0.587, 0.114] : bright.map(() => 1 / c);
  const jitters = one.transforms.some(({ kind }) => kind === 'jitter');
  let grey = 0;
  for (let i = 0; i < h * w; i++)
    for (const [k, plane] of bright.entries()) grey += (weights[k]! * plane[i]!) / (h * w);
  const out = new Float64Array(c * h * w);
  for (let i = 0; i < out.length; i++) {
    const [k, y, x] = [Math.floor(i / (h * w)), Math.floor((i % (h * w)) / w), i % w];
    const v = bright[k]![y * w + x]!;
    const byte = jitters ? clamp(contrast * v + (1 - contrast) * grey) : v;
    const { top, left, height, width } = erased;
    const gone = y >= top && y < top + height && x >= left && x < left + width;
    out[i] = gone ? (one.eraseValue ?? 0) : (byte / 255 - one.mean[k]!) / one.std[k]!;
  }
  return out;
}
