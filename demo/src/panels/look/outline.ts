/** Outlines over tiles: rectangles of a canvas, as styles. Pure; imports field, layout, rows. */
import { clip, type Region } from './field.ts';
import type { Rect } from './layout.ts';
import { imagesOf } from './rows.ts';

export const place = ({ x, y, width, height }: Rect) => ({
  left: `${x}px`,
  top: `${y}px`,
  width: `${width}px`,
  height: `${height}px`,
});

/** A region of a map as a rectangle of the canvas, cut off at the map's edge. */
export function regionRect(region: Region, tile: Rect, [h, w]: readonly [number, number]): Rect | null {
  const inside = clip(region, [h, w]);
  if (!inside) return null;
  const [sy, sx] = [tile.height / h, tile.width / w];
  const { y0, x0, y1, x1 } = inside;
  return { x: tile.x + x0 * sx, y: tile.y + y0 * sy, width: (x1 - x0) * sx, height: (y1 - y0) * sy };
}

/** A pixel of a map of this shape as a rectangle of its tile. */
export function pixelRect([y, x]: readonly [number, number], tile: Rect, shape: readonly number[]): Rect | null {
  const [, h, w] = imagesOf(shape);
  return regionRect({ y0: y, x0: x, y1: y + 1, x1: x + 1 }, tile, [h, w]);
}
