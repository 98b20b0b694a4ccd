/**
 * Finds the ink in a grey image, be it dark on light or light on dark, on paper that may be noisy or lit from one side.
 * Imports wgpu-matrix, the type of an image and the error classes.
 */
import { mat3d, vec3d } from 'wgpu-matrix';
import { FormatError } from '../util/errors.ts';
import type { GrayImage } from './gray-image.ts';

/** Ink that differs less than this from its paper, in units of black to white, counts as none. */
const MIN_CONTRAST = 0.06;
/** The ink's full strength is taken from at least 4 pixels, or this share of all, so that a bright speck does not set it. */
const PEAK_SHARE = 0.0005;
/** A border pixel further from the paper than this is not paper. */
const PAPER_TOLERANCE = 0.15;
/** Weakest ink, of full ink 1, that belongs to a stroke on clean paper; below lie the ripples of JPEG. */
const INK_THRESHOLD = 0.1;
/** Parts of the ink lighter than this share of the heaviest one are dirt. */
const DIRT_SHARE = 0.03;

/**
 * Returns the ink of `image` in 0 (paper) to 1 (full ink), dirt removed, and the box around it.
 * @throws FormatError if the image is blank.
 */
export function findInk(image: GrayImage): { ink: GrayImage; box: Box } {
  const border = borderIndices(image);
  const difference = subtractPaper(image, border);
  const sorted = difference.slice().sort();
  const peakIndex = Math.min(sorted.length, Math.max(4, Math.ceil(sorted.length * PEAK_SHARE)));
  const lightest = sorted[sorted.length - peakIndex] ?? 0;
  const darkest = sorted[peakIndex - 1] ?? 0;
  const isDarkInk = -darkest > lightest;
  const peak = isDarkInk ? -darkest : lightest;
  const noise = 4 * median(Float32Array.from(border, (index) => Math.abs(difference[index] ?? 0)));
  if (peak - noise < MIN_CONTRAST) {
    const found = `${percent(peak)} between the paper and the strongest ink, of which ${percent(noise)} are noise`;
    throw new FormatError(`the image is blank: ${found}. Draw the digit with a stronger pen, or larger.`);
  }
  const sign = isDarkInk ? -1 : 1;
  const data = difference.map((value) => Math.min(1, Math.max(0, (sign * value - noise) / (peak - noise))));
  const ink = { width: image.width, height: image.height, data };
  const threshold = Math.min(0.5, INK_THRESHOLD + (2 * noise) / peak);
  return { ink, box: removeDirt(ink, threshold) };
}

/** A rectangle of pixels: `right` and `bottom` are one past the last. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Indices of the pixels in a frame along the edges, 2 % of the shorter side wide. */
function borderIndices({ width, height }: GrayImage): number[] {
  const thickness = Math.max(1, Math.round(0.02 * Math.min(width, height)));
  const indices: number[] = [];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (Math.min(x, y, width - 1 - x, height - 1 - y) < thickness) indices.push(y * width + x);
    }
  }
  return indices;
}

/** Subtracts the paper: a plane through the border pixels, fitted again without those that are far from it. */
function subtractPaper(image: GrayImage, border: readonly number[]): Float32Array {
  const level = median(Float32Array.from(border, (index) => image.data[index] ?? 0));
  const position = (index: number): [number, number, number] => [
    1,
    (2 * (index % image.width)) / image.width - 1,
    (2 * Math.floor(index / image.width)) / image.height - 1,
  ];
  let plane = [0, 0, 0];
  const residual = (index: number) => {
    const [one, x, y] = position(index);
    return (image.data[index] ?? 0) - level - ((plane[0] ?? 0) * one + (plane[1] ?? 0) * x + (plane[2] ?? 0) * y);
  };
  for (let round = 0; round < 4; round += 1) {
    const paper = border.filter((index) => Math.abs(residual(index)) < PAPER_TOLERANCE);
    plane = fitPlane(paper.map((index) => ({ at: position(index), value: (image.data[index] ?? 0) - level })));
  }
  return image.data.map((_, index) => residual(index));
}

/** Least squares: the plane [a, b, c] for which a + b x + c y is closest to the values; [0, 0, 0] if there is no one. */
function fitPlane(points: { at: [number, number, number]; value: number }[]): number[] {
  // Columns of four numbers: wgpu-matrix pads the columns of a 3 x 3 matrix as WGSL does.
  const normal = mat3d.set(0, 0, 0, 0, 0, 0, 0, 0, 0);
  const right = [0, 0, 0];
  for (const { at, value } of points) {
    for (let row = 0; row < 3; row += 1) {
      right[row] = (right[row] ?? 0) + (at[row] ?? 0) * value;
      for (let column = 0; column < 3; column += 1) {
        const cell = column * 4 + row;
        normal[cell] = (normal[cell] ?? 0) + (at[row] ?? 0) * (at[column] ?? 0);
      }
    }
  }
  const plane = [...vec3d.transformMat3(right, mat3d.inverse(normal))];
  return plane.every((value) => Math.abs(value) <= 1) ? plane : [0, 0, 0];
}

/**
 * Finds the connected parts of the ink above `threshold` (8 neighbours), clears those that are dirt and all ink outside
 * the box around the others, and returns that box.
 */
function removeDirt(ink: GrayImage, threshold: number): Box {
  const parts = connectedParts(ink, threshold);
  const heaviest = parts.reduce((most, { mass }) => Math.max(most, mass), 0);
  let box: Box = { left: ink.width, top: ink.height, right: 0, bottom: 0 };
  for (const { mass, pixels } of parts) {
    for (const index of pixels) {
      if (mass < DIRT_SHARE * heaviest) ink.data[index] = 0;
      else box = extend(box, index % ink.width, Math.floor(index / ink.width));
    }
  }
  ink.data.forEach((_, index) => {
    const x = index % ink.width;
    const y = Math.floor(index / ink.width);
    if (x < box.left || x >= box.right || y < box.top || y >= box.bottom) ink.data[index] = 0;
  });
  return box;
}

function connectedParts({ width, height, data }: GrayImage, threshold: number): { mass: number; pixels: number[] }[] {
  const isSeen = new Uint8Array(data.length);
  const parts: { mass: number; pixels: number[] }[] = [];
  for (let start = 0; start < data.length; start += 1) {
    if (isSeen[start] === 1 || (data[start] ?? 0) <= threshold) continue;
    isSeen[start] = 1;
    const pixels = [start];
    let mass = 0;
    for (let next = 0; next < pixels.length; next += 1) {
      const index = pixels[next] ?? 0;
      mass += data[index] ?? 0;
      const x = index % width;
      const y = Math.floor(index / width);
      for (let row = Math.max(0, y - 1); row <= Math.min(height - 1, y + 1); row += 1) {
        for (let column = Math.max(0, x - 1); column <= Math.min(width - 1, x + 1); column += 1) {
          const neighbour = row * width + column;
          if (isSeen[neighbour] === 1 || (data[neighbour] ?? 0) <= threshold) continue;
          isSeen[neighbour] = 1;
          pixels.push(neighbour);
        }
      }
    }
    parts.push({ mass, pixels });
  }
  return parts;
}

function extend(box: Box, x: number, y: number): Box {
  return {
    left: Math.min(box.left, x),
    top: Math.min(box.top, y),
    right: Math.max(box.right, x + 1),
    bottom: Math.max(box.bottom, y + 1),
  };
}

function median(values: Float32Array): number {
  return values.sort()[Math.floor(values.length / 2)] ?? 0;
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)} %`;
}
