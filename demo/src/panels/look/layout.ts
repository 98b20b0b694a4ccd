/** Where the tiles of a row lie on its canvas, in CSS pixels, and which one is under a point. Pure; imports rows. */
import { imagesOf, isImages, type LookRow } from './rows.ts';

export interface Rect {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

export interface RowLayout {
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  /** One for each map or unit. */
  readonly units: readonly Rect[];
  /** Below each unit its filter, one kernel for each map before, in a square. Empty where there are none. */
  readonly filters: readonly Rect[];
  readonly kernels: KernelGrid | null;
}

/** Kernels of one filter side by side. */
export interface KernelGrid {
  readonly columns: number;
  readonly rows: number;
  /** Side of one kernel, and space between two. */
  readonly side: number;
  readonly gap: number;
}

/** Size that maps come near to, and space between them. */
const TILE = 56;
const GAP = 8;
const FILTER_GAP = 4;
/** Cells of a fully connected layer, and of the output. */
const CELL = 14;
const CELL_GAP = 2;
const CLASS_CELL = 44;
const CLASS_HEIGHT = 22;
/** Filters of fully connected layers that would have more kernels than this are drawn for the chosen unit alone. */
const MOST_WEIGHT_TILES = 4096;
/** Room for a class's name and probability below its cell. */
const CLASS_LABEL = 40;
/** A pixel of a small map is not drawn larger than this. */
const LARGEST_PIXEL = 18;

/** Whole screen pixels for each pixel of a map, so that all are equally large. */
export const scaleOf = (size: number, tile = TILE): number =>
  Math.min(LARGEST_PIXEL, Math.max(1, Math.floor(tile / size)));

/** As many columns as fit, then as few as keep the number of lines, so that lines are equally long. */
export function balanced(count: number, most: number): number {
  const lines = Math.ceil(count / Math.max(1, most));
  return Math.ceil(count / lines);
}

export function kernelGrid(inputs: number, kernel: number, tile = TILE): KernelGrid {
  const columns = Math.ceil(Math.sqrt(inputs));
  const gap = columns > 1 ? (columns > 8 ? 1 : 2) : 0;
  const scale = Math.max(1, Math.floor((tile - gap * (columns - 1)) / (columns * kernel)));
  return { columns, rows: Math.ceil(inputs / columns), side: scale * kernel, gap };
}

const extent = (count: number, side: number, gap: number): number => count * side + (count - 1) * gap;

export const gridWidth = ({ columns, side, gap }: KernelGrid): number => extent(columns, side, gap);
export const gridHeight = ({ rows, side, gap }: KernelGrid): number => extent(rows, side, gap);

/** Where a kernel lies, with its filter's corner at x, y. */
export function kernelRect({ columns, side, gap }: KernelGrid, index: number, { x, y }: Pick<Rect, 'x' | 'y'>): Rect {
  const column = index % columns;
  const line = Math.floor(index / columns);
  return { x: x + column * (side + gap), y: y + line * (side + gap), width: side, height: side };
}

interface Cells {
  readonly count: number;
  readonly width: number;
  readonly height: number;
  readonly gap: number;
}

function cells(
  { count, width, height, gap }: Cells,
  available: number,
): { columns: number; at: Rect[]; height: number } {
  const columns = balanced(count, Math.floor((available + gap) / (width + gap)));
  const at = Array.from({ length: count }, (_, i) => ({
    x: (i % columns) * (width + gap),
    y: Math.floor(i / columns) * (height + gap),
    width,
    height,
  }));
  return { columns, at, height: extent(Math.ceil(count / columns), height, gap) };
}

/** Filters that are drawn below their units: of convolutions, and of fully connected layers that take images. */
function gridOf({ kind, shape, from, window }: LookRow): KernelGrid | null {
  const [inputs, h] = imagesOf(from.shape);
  if (kind === 'conv') return kernelGrid(inputs, window!.kernel);
  const many = inputs * shape[0]! > MOST_WEIGHT_TILES;
  return kind === 'linear' && h > 1 && !many ? kernelGrid(inputs, h) : null;
}

interface UnitSize {
  readonly width: number;
  readonly height: number;
  /** Between the unit and what is below it: a filter, or a label. */
  readonly label?: number;
  readonly gap: number;
}

function unitSize({ shape, output }: LookRow, available: number, filterWidth: number): UnitSize {
  const [, h, w] = imagesOf(shape);
  if (isImages(shape)) {
    const scale = scaleOf(Math.max(h, w));
    return { width: scale * w, height: scale * h, gap: Math.max(scale * w, filterWidth) > 24 ? GAP : CELL_GAP };
  }
  if (output) {
    const fit = Math.min(CLASS_CELL, Math.floor((available + 4) / 10) - 4);
    return { width: Math.max(fit, filterWidth), height: CLASS_HEIGHT, label: CLASS_LABEL, gap: 4 };
  }
  return filterWidth > 0 ? { width: filterWidth, height: 10, gap: GAP } : { width: CELL, height: CELL, gap: CELL_GAP };
}

/** The tiles of a row on a canvas of this width. */
export function layoutOf(row: LookRow, width: number): RowLayout {
  const kernels = gridOf(row);
  const filter = kernels && { width: gridWidth(kernels), height: gridHeight(kernels) };
  const unit = unitSize(row, width, filter?.width ?? 0);
  const below = unit.height + (unit.label ?? 0);
  const cell = {
    width: Math.max(unit.width, filter?.width ?? 0),
    height: below + (filter ? FILTER_GAP + filter.height : 0),
    gap: unit.gap,
  };
  const { columns, at, height } = cells({ count: row.shape[0]!, ...cell }, width);
  const middle = ({ x }: Rect, inner: number): number => x + Math.floor((cell.width - inner) / 2);
  return {
    width,
    height,
    columns,
    units: at.map((rect) => ({ x: middle(rect, unit.width), y: rect.y, width: unit.width, height: unit.height })),
    filters: filter
      ? at.map((rect) => ({ ...filter, x: middle(rect, filter.width), y: rect.y + below + FILTER_GAP }))
      : [],
    kernels,
  };
}

const inside = ({ x, y, width, height }: Rect, px: number, py: number): boolean =>
  px >= x && py >= y && px < x + width && py < y + height;

/** The unit under a point, and the pixel of its map; null between tiles. */
export function unitAt(
  { units, filters }: RowLayout,
  shape: readonly number[],
  [px, py]: readonly [number, number],
): { unit: number; pixel: [number, number] | null } | null {
  const onFilter = filters.findIndex((rect) => inside(rect, px, py));
  if (onFilter >= 0) return { unit: onFilter, pixel: null };
  const unit = units.findIndex((rect) => inside(rect, px, py));
  if (unit < 0) return null;
  const [, h, w] = imagesOf(shape);
  const { x, y, width, height } = units[unit]!;
  const pixel: [number, number] = [Math.floor(((py - y) * h) / height), Math.floor(((px - x) * w) / width)];
  return { unit, pixel: isImages(shape) ? pixel : null };
}
