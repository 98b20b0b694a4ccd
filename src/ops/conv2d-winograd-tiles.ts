/** How Winograd's convolution cuts images and products: plain numbers. Imports util, conv2d-geometry. */
import { ceilDiv, roundUp } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';

/** Results of a tile along an axis, and products for a tile. */
const TILE = 4;
export const POSITIONS = 36;

/** 3x3, one apart, all channels in whole vec4s. */
export const isWinograd = ({ groups, kh, kw, sy, sx, dy, dx, cs, os }: ConvGeometry): boolean =>
  groups === 1 && kh === 3 && kw === 3 && sy * sx * dy * dx === 1 && cs % 4 === 0 && os % 4 === 0;

/** Tiles that cover images, in strips: see winograd-tiles.wgsl. */
export interface Tiles {
  /** Strips of an image, tiles of a strip. */
  readonly down: number;
  readonly across: number;
  /** Of all images, with empty ones behind the last: a multiple of 4. */
  readonly strips: number;
  /** Of all strips. */
  readonly count: number;
}

export function tilesOf(n: number, h: number, w: number): Tiles {
  const [down, across] = [ceilDiv(h, TILE), ceilDiv(w, TILE)];
  const strips = roundUp(n * down, 4);
  return { down, across, strips, count: strips * across };
}

/** What a lane multiplies: vec4s of rows and of columns. More are no faster. */
const MOST_ROWS = 2;
const MOST_VECTORS = 8;

export function multiplyTile(
  lanes: number,
  { rows, columns }: Record<'rows' | 'columns', number>,
): { rowVectors: number; vectors: number } {
  // Equal blocks of columns.
  const vectors = ceilDiv(columns / 4, ceilDiv(columns / 4, MOST_VECTORS));
  return { vectors, rowVectors: rows / 4 > lanes ? MOST_ROWS : 1 };
}
