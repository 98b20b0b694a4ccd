/** How Winograd's convolution cuts images and products: plain numbers. Imports util, conv2d-geometry. */
import { ceilDiv, roundUp } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';

/** Results of a tile along an axis, and products for a tile. */
const TILE = 4;
export const POSITIONS = 36;

/** 3x3, one apart, all channels in whole vec4s. */
export const isWinograd = ({ groups, kh, kw, sy, sx, dy, dx, cs, os }: ConvGeometry): boolean =>
  groups === 1 && kh === 3 && kw === 3 && sy * sx * dy * dx === 1 && cs % 4 === 0 && os % 4 === 0;

/** Strips that go through the kernels together, of those of all images: number `first` to `first + count`. */
export interface Chunk {
  readonly first: number;
  readonly count: number;
}

/** Tiles that cover a chunk, in strips: see winograd-tiles.wgsl. */
export interface Tiles {
  /** Strips of an image, tiles of a strip. */
  readonly down: number;
  readonly across: number;
  /** Of the chunk, with empty ones behind the last: a multiple of 4. */
  readonly strips: number;
  /** Of all its strips. */
  readonly count: number;
}

type Results = Pick<ConvGeometry, 'n' | 'oh' | 'ow'>;

/** The strips of all images. */
const allStrips = ({ n, oh }: Results): Chunk => ({ first: 0, count: n * ceilDiv(oh, TILE) });

export function tilesOf(results: Results, chunk: Chunk = allStrips(results)): Tiles {
  const { oh, ow } = results;
  const [down, across] = [ceilDiv(oh, TILE), ceilDiv(ow, TILE)];
  const strips = roundUp(chunk.count, 4);
  return { down, across, strips, count: strips * across };
}

/** Bytes of a chunk's matrices: so many stay in a cache from one kernel to the next (measured on lavapipe). */
const CHUNK_BYTES = 12e6;

/** Chunks of nearly as many strips, no more than `most`; the largest comes first. */
export function chunksOf(g: ConvGeometry, most = Number.POSITIVE_INFINITY): Chunk[] {
  const { count } = allStrips(g);
  const bytes = 4 * POSITIONS * tilesOf(g).count * (g.cs + g.os);
  const chunks = Math.max(1, Math.min(Math.floor(most), ceilDiv(count, 4), ceilDiv(bytes, CHUNK_BYTES)));
  const starts = Array.from({ length: chunks + 1 }, (_, i) => ceilDiv(i * count, chunks));
  return starts.slice(1).map((end, i) => ({ first: starts[i]!, count: end - starts[i]! }));
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
