/** Which unit or pixel a key leads to. Pure; imports rows. */
import type { Chosen } from './field.ts';
import { imagesOf, isImages } from './rows.ts';

interface Press {
  readonly key: string;
  readonly shiftKey: boolean;
}

const ARROWS: { readonly [key: string]: readonly [dy: number, dx: number] } = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
};

const within = (value: number, count: number): number => Math.min(count - 1, Math.max(0, value));

/**
 * Arrows lead from unit to unit, Home and End to the first and last; with Shift, arrows lead over the pixels of the map, and
 * Escape leaves them. Null for any other key.
 */
export function afterKey(
  { key, shiftKey }: Press,
  now: Chosen,
  { shape, columns }: { readonly shape: readonly number[]; readonly columns: number },
): Chosen | null {
  const [count, h, w] = imagesOf(shape);
  if (key === 'Home') return { ...now, unit: 0 };
  if (key === 'End') return { ...now, unit: count - 1 };
  if (key === 'Escape' && now.pixel) return { ...now, pixel: null };
  const arrow = ARROWS[key];
  if (!arrow) return null;
  const [dy, dx] = arrow;
  if (!shiftKey) {
    const unit = now.unit + dx + dy * columns;
    return { ...now, unit: unit < 0 || unit >= count ? now.unit : unit };
  }
  if (!isImages(shape)) return now;
  const [y, x] = now.pixel ?? [Math.floor(h / 2) - dy, Math.floor(w / 2) - dx];
  return { ...now, pixel: [within(y + dy, h), within(x + dx, w)] };
}
