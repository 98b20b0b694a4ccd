/** Tiles: what is to be drawn of which tensor, and where its elements lie in the tensor's buffer. Pure. */

/** Rectangles of a canvas with a part of a tensor in each. */
export interface TileGroup {
  /** Name of a layer's output, of a parameter, or `input`. */
  readonly tensor: string;
  /** x, y, width, height in CSS pixels, of each tile. */
  readonly rects: Float32Array<ArrayBuffer>;
  /** The first two indices of each tile's part; what is left of the tensor is drawn. */
  readonly at: Uint32Array<ArrayBuffer>;
  /** Rows and columns of what begins there, where the tensor has no axes left: elements one after another. */
  readonly image: readonly [rows: number, columns: number] | null;
}

/** A part of a tensor in memory: three axes, outermost first. */
export interface Source {
  readonly offset: number;
  readonly counts: readonly [number, number, number];
  readonly strides: readonly [number, number, number];
}

interface Strided {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
}

/** Where that part of a tensor lies which the first indices leave, or an image of elements one after another. */
export function sourceOf({ shape, strides }: Strided, at: readonly number[], image: TileGroup['image'] = null): Source {
  const offset = at.reduce((sum, index, axis) => sum + index * strides[axis]!, 0);
  if (image) {
    const [rows, columns] = image;
    const step = strides.at(-1)!;
    return { offset, counts: [1, rows, columns], strides: [rows * columns * step, columns * step, step] };
  }
  const rest = shape.slice(at.length);
  const steps = strides.slice(at.length);
  const [c = 1, h = 1, w = 1] = [...Array<number>(3 - rest.length).fill(1), ...rest];
  const [sc = 0, sh = 0, sw = 0] = [...Array<number>(3 - steps.length).fill(0), ...steps];
  return { offset, counts: [c, h, w], strides: [sc, sh, sw] };
}

/** Bytes of one `Tile` of tiles.wgsl. */
export const TILE_BYTES = 32;

/** Tiles as tiles.wgsl reads them, in pixels of the screen. */
export function packTiles({ rects, at, image }: TileGroup, tensor: Strided, ratio: number): ArrayBuffer {
  const count = rects.length / 4;
  const packed = new ArrayBuffer(Math.max(1, count) * TILE_BYTES);
  const floats = new Float32Array(packed);
  const words = new Uint32Array(packed);
  for (let i = 0; i < count; i++) {
    const [x = 0, y = 0, width = 0, height = 0] = rects.subarray(4 * i, 4 * i + 4);
    // Edges on whole pixels, so that none is blurred.
    const [left, top, right, bottom] = [x, y, x + width, y + height].map((edge) => Math.round(edge * ratio));
    floats.set([left!, top!, right! - left!, bottom! - top!], 8 * i);
    const { offset, counts, strides } = sourceOf(tensor, [...at.subarray(2 * i, 2 * i + 2)], image);
    words.set([offset, strides[2], strides[1], counts[2] | (counts[1] << 16)], 8 * i + 4);
  }
  return packed;
}

interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** A group from its tiles one by one. */
export function groupOf(
  tensor: string,
  tiles: readonly { readonly rect: Rect; readonly at: readonly [number, number] }[],
  image: TileGroup['image'] = null,
): TileGroup {
  const rects = new Float32Array(4 * tiles.length);
  const at = new Uint32Array(2 * tiles.length);
  for (const [i, tile] of tiles.entries()) {
    const { x, y, width, height } = tile.rect;
    rects.set([x, y, width, height], 4 * i);
    at.set(tile.at, 2 * i);
  }
  return { tensor, rects, at, image };
}
