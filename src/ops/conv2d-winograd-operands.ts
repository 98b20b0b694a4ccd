/**
 * The matrices of Winograd's convolution as scratch, for a chunk of the images at a time: what lies where, and whether a device
 * can bind it. Imports graph, util, conv2d-geometry, conv2d-winograd-tiles.
 */
import type { Scratch } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ceilDiv } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import { type Chunk, chunksOf, isWinograd, POSITIONS, type Tiles, tilesOf } from './conv2d-winograd-tiles.ts';

/** Vec4s of at least `count`, an odd number of cache lines: 36 planes at a power of two would share a few places of a cache. */
const oddLines = (count: number): number => 4 * (ceilDiv(count, 4) | 1);

/** Scratch for 36 matrices of vec4s, whole or in blocks of `width` vec4s of each row. */
export interface Planes extends Scratch {
  readonly width: number;
  /** Vec4s between matrices, and between blocks. */
  readonly plane: number;
  readonly block: number;
}

function planes(
  scratch: string,
  { rows, width, blocks = 1 }: Record<'rows' | 'width', number> & { blocks?: number },
): Planes {
  const plane = oddLines(rows * width);
  const block = POSITIONS * plane;
  return { scratch, elements: 4 * blocks * block, width, plane, block };
}

/** Vec4s of a block where tiles come last: a cache line, so that a thread's stores are close to each other. */
const BLOCK = 4;

/** The matrices of a chunk. */
export interface Operands {
  readonly tiles: Tiles;
  readonly left: Planes;
  readonly right: Planes;
  readonly result: Planes;
}

/** Whether the device can bind them. */
const fits = ({ left, right, result }: Operands, { maxBindingBytes }: DeviceCaps): boolean =>
  [left, right, result].every(({ elements }) => 4 * elements <= maxBindingBytes);

export function convolutionOperands(g: ConvGeometry, chunk: Chunk): Operands {
  const { cs, os } = g;
  const tiles = tilesOf(g, chunk);
  return {
    tiles,
    left: planes('tiles', { rows: cs, width: BLOCK, blocks: ceilDiv(tiles.count / 4, BLOCK) }),
    right: planes('filter', { rows: cs, width: os / 4 }),
    result: planes('products', { rows: tiles.count, width: os / 4 }),
  };
}

/** The result has a part for each of so many chunks. */
export function weightOperands(g: ConvGeometry, chunk: Chunk, parts: number): Operands {
  const { cs, os } = g;
  const tiles = tilesOf(g, chunk);
  return {
    tiles,
    left: planes('tiles', { rows: tiles.count, width: cs / 4 }),
    right: planes('filter', { rows: tiles.count, width: os / 4 }),
    result: planes('products', { rows: cs, width: os / 4, blocks: parts }),
  };
}

/** More chunks than the parts of the result take memory for are no gain. */
export const weightChunks = (g: ConvGeometry): Chunk[] =>
  chunksOf(g, Math.max(1, Math.sqrt((tilesOf(g).count * (g.cs + g.os)) / (g.cs * g.os))));

/** Whether there are kernels for the convolution, or the gradient of its weight, on a device with these limits. */
export const convolutionFits = (g: ConvGeometry, caps: DeviceCaps): boolean =>
  isWinograd(g) && fits(convolutionOperands(g, chunksOf(g)[0]!), caps);
export function weightFits(g: ConvGeometry, caps: DeviceCaps): boolean {
  const chunks = weightChunks(g);
  return isWinograd(g) && fits(weightOperands(g, chunks[0]!, chunks.length), caps);
}
