/**
 * Scales and moves grey images by averaging areas. Imports wgpu-matrix and the type of an image.
 */
import { mat3d, vec2d } from 'wgpu-matrix';
import type { GrayImage } from './gray-image.ts';

/**
 * Draws `source` into a new image of `width` x `height`: each output pixel is the mean of the source area that it covers,
 * with exact shares of the pixels at the edge; outside the source all is 0.
 * @param target.toSource affine map of output coordinates to source coordinates, in pixels with the origin at the upper
 *   left corner; scales and moves only, so that areas stay rectangles.
 */
export function resample(
  source: GrayImage,
  target: { width: number; height: number; toSource: ReturnType<typeof mat3d.create> },
): GrayImage {
  const { width, height, toSource } = target;
  const data = new Float32Array(width * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [left = 0, top = 0] = vec2d.transformMat3([x, y], toSource);
      const [right = 0, bottom = 0] = vec2d.transformMat3([x + 1, y + 1], toSource);
      data[y * width + x] = meanOfArea(source, { left, top, right, bottom });
    }
  }
  return { width, height, data };
}

/** Returns an image of at most `longSide` pixels on its longer side: `image` itself where it is small enough. */
export function shrinkTo(image: GrayImage, longSide: number): GrayImage {
  const factor = Math.max(image.width, image.height) / longSide;
  if (factor <= 1) return image;
  const width = Math.max(1, Math.round(image.width / factor));
  const height = Math.max(1, Math.round(image.height / factor));
  return resample(image, { width, height, toSource: mat3d.scaling([image.width / width, image.height / height]) });
}

function meanOfArea(source: GrayImage, area: { left: number; top: number; right: number; bottom: number }): number {
  const { left, top, right, bottom } = area;
  const lastColumn = Math.min(source.width, Math.ceil(right));
  const lastRow = Math.min(source.height, Math.ceil(bottom));
  let sum = 0;
  for (let row = Math.max(0, Math.floor(top)); row < lastRow; row += 1) {
    const rowShare = Math.min(bottom, row + 1) - Math.max(top, row);
    for (let column = Math.max(0, Math.floor(left)); column < lastColumn; column += 1) {
      const columnShare = Math.min(right, column + 1) - Math.max(left, column);
      sum += rowShare * columnShare * (source.data[row * source.width + column] ?? 0);
    }
  }
  return sum / ((right - left) * (bottom - top));
}
