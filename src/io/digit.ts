/**
 * Makes an MNIST digit of a picture of a digit, the way MNIST itself was made. Imports wgpu-matrix, the ink finder, the
 * resampler and the type of an image.
 *
 * Source: http://yann.lecun.com/exdb/mnist/: digits were scaled to fit 20 x 20, antialiased, and placed in 28 x 28 by
 * their centre of mass. Measured on all 70,000 images: that centre lies in [14, 15) from the upper left corner in both
 * directions, that is on pixel 14, and the digits move by whole pixels.
 */
import { mat3d } from 'wgpu-matrix';
import type { GrayImage } from './gray-image.ts';
import { type Box, findInk } from './ink.ts';
import { resample, shrinkTo } from './resample.ts';

const SIDE = 28;
const DIGIT_SIDE = 20;
/** The first of the coordinates in which the centre of mass may lie; they span one pixel. */
const CENTRE = 14;
/** Errors of this size, in pixels, do not decide about a whole pixel. */
const ROUNDING = 0.01;
/** Larger images are shrunk first; a digit loses nothing by that. */
const WORK_SIDE = 1024;

/**
 * Returns the digit in `image` as [28, 28] bytes, white (255) on black (0), as a network trained on MNIST expects it.
 *
 * Ink may be dark on light or light on dark; uneven light and specks of dirt are removed; contrast is stretched. An image
 * that is already made like MNIST's (28 x 28, pure black or pure white around a digit of 19 or 20 pixels, centred) comes
 * back unchanged, or only inverted.
 * @throws FormatError if the image is blank.
 */
export function toMnistDigit(image: GrayImage): Uint8Array {
  const ready =
    asMnist(image.data, image) ??
    asMnist(
      image.data.map((value) => 1 - value),
      image,
    );
  if (ready !== undefined) return ready;
  const { ink, box } = findInk(shrinkTo(image, WORK_SIDE));
  const scale = DIGIT_SIDE / Math.max(box.right - box.left, box.bottom - box.top);
  const centre = centreOfMass(ink);
  const shift = [
    wholeShift(scale * (centre.x - box.left), scale * (box.right - box.left)),
    wholeShift(scale * (centre.y - box.top), scale * (box.bottom - box.top)),
  ] as const;
  const toSource = mat3d.translation([box.left, box.top]);
  mat3d.scale(toSource, [1 / scale, 1 / scale], toSource);
  mat3d.translate(toSource, [-shift[0], -shift[1]], toSource);
  const digit = resample(ink, { width: SIDE, height: SIDE, toSource }).data;
  // Thin strokes come out grey: full ink is made white again.
  const peak = digit.reduce((most, value) => Math.max(most, value), 0);
  return Uint8Array.from(digit, (value) => Math.round((255 * value) / peak));
}

/** Whole pixels to move a scaled digit by, so that its centre of mass comes into [14, 15) unless ink would be cut off. */
function wholeShift(centre: number, extent: number): number {
  return Math.max(0, Math.min(Math.ceil(CENTRE - centre - ROUNDING), SIDE - Math.ceil(extent - ROUNDING)));
}

/** The image as bytes if it already looks like one of MNIST's. */
function asMnist(data: Float32Array, { width, height }: GrayImage): Uint8Array | undefined {
  if (width !== SIDE || height !== SIDE) return;
  const bytes = Uint8Array.from(data, (value) => Math.round(255 * value));
  const box = boxOfBytes(bytes);
  const longSide = Math.max(box.right - box.left, box.bottom - box.top);
  if (longSide !== DIGIT_SIDE && longSide !== DIGIT_SIDE - 1) return;
  const { x, y } = centreOfMass({ width, height, data });
  const isCentred = (value: number) => value > CENTRE - 0.5 && value < CENTRE + 1.5;
  return isCentred(x) && isCentred(y) ? bytes : undefined;
}

function boxOfBytes(bytes: Uint8Array): Box {
  const columns: number[] = [];
  const rows: number[] = [];
  bytes.forEach((byte, index) => {
    if (byte === 0) return;
    columns.push(index % SIDE);
    rows.push(Math.floor(index / SIDE));
  });
  return {
    left: Math.min(...columns),
    top: Math.min(...rows),
    right: Math.max(...columns) + 1,
    bottom: Math.max(...rows) + 1,
  };
}

/** Centre of mass in pixels from the upper left corner. */
function centreOfMass({ width, data }: GrayImage): { x: number; y: number } {
  let mass = 0;
  let x = 0;
  let y = 0;
  data.forEach((value, index) => {
    mass += value;
    x += value * ((index % width) + 0.5);
    y += value * (Math.floor(index / width) + 0.5);
  });
  return { x: x / mass, y: y / mass };
}
