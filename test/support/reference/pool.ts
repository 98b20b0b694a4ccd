/**
 * Pooling: max, average, adaptive and global. May import test/support/tensor.ts and attrs.ts.
 *
 * Every pool is a grid of windows: the rows and columns of the unpadded plane that an output cell reads. The padded part
 * of a window matters only to the divisor of the average pool.
 */
import { need, type Tensor, tensor } from '../tensor.ts';
import { type Attrs, flagAttr, optionalNumber, paddingAttr, pairAttr, type ReferenceOp } from './attrs.ts';

/** The positions along one axis that one output cell reads, and their number with padding counted. */
interface Span {
  readonly at: readonly number[];
  readonly padded: number;
}

interface Grid {
  readonly rows: readonly Span[];
  readonly columns: readonly Span[];
}

interface AxisOptions {
  readonly size: number;
  readonly kernel: number;
  readonly stride: number;
  readonly before: number;
  readonly after: number;
  readonly dilation: number;
  readonly ceil: boolean;
}

/** Output extent; in ceil mode a window that would start in the bottom or right padding is dropped. */
function outputSize({ size, kernel, stride, before, after, dilation, ceil }: AxisOptions): number {
  const steps = (size + before + after - dilation * (kernel - 1) - 1) / stride;
  const count = (ceil ? Math.ceil(steps) : Math.floor(steps)) + 1;
  return ceil && (count - 1) * stride >= size + before ? count - 1 : count;
}

function slidingSpans(axis: AxisOptions): Span[] {
  return Array.from({ length: outputSize(axis) }, (_, o) => {
    const start = o * axis.stride - axis.before;
    const all = Array.from({ length: axis.kernel }, (_, k) => start + k * axis.dilation);
    return {
      at: all.filter((p) => p >= 0 && p < axis.size),
      padded: all.filter((p) => p < axis.size + axis.after).length,
    };
  });
}

function slidingGrid(x: Tensor, attrs: Attrs): Grid {
  const [kh, kw] = pairAttr(attrs, 'kernel');
  const [sy, sx] = pairAttr(attrs, 'stride', [kh, kw]);
  const [dy, dx] = pairAttr(attrs, 'dilation', [1, 1]);
  const { top, left, bottom, right } = paddingAttr(attrs);
  const ceil = flagAttr(attrs, 'ceil_mode', false);
  const [size, width] = x.shape.slice(-2) as [number, number];
  return {
    rows: slidingSpans({ size, kernel: kh, stride: sy, before: top, after: bottom, dilation: dy, ceil }),
    columns: slidingSpans({ size: width, kernel: kw, stride: sx, before: left, after: right, dilation: dx, ceil }),
  };
}

/** Cell o of n reads from floor(o * size / n) up to ceil((o + 1) * size / n). */
function adaptiveSpans(size: number, outputs: number): Span[] {
  return Array.from({ length: outputs }, (_, o) => {
    const start = Math.floor((o * size) / outputs);
    const end = Math.ceil(((o + 1) * size) / outputs);
    return { at: Array.from({ length: end - start }, (_, k) => start + k), padded: end - start };
  });
}

function adaptiveGrid(x: Tensor, [rows, columns]: readonly [number, number]): Grid {
  const [height, width] = x.shape.slice(-2) as [number, number];
  return { rows: adaptiveSpans(height, rows), columns: adaptiveSpans(width, columns) };
}

/** Calls `visit` for every output cell with the offset of its plane and its window. */
function forEachCell(
  x: Tensor,
  { rows, columns }: Grid,
  visit: (cell: number, plane: number, row: Span, column: Span) => void,
): void {
  const [height, width] = x.shape.slice(-2) as [number, number];
  const planes = x.data.length / (height * width);
  for (let p = 0; p < planes; p++)
    rows.forEach((row, oy) => {
      columns.forEach((column, ox) => {
        visit((p * rows.length + oy) * columns.length + ox, p * height * width, row, column);
      });
    });
}

function gridShape(x: Tensor, grid: Grid): number[] {
  return [...x.shape.slice(0, -2), grid.rows.length, grid.columns.length];
}

/** Maxima and their positions in the H*W plane: the first one in row-major order wins; a NaN wins over everything. */
function maxima(x: Tensor, grid: Grid): { y: Tensor; indices: Tensor } {
  const width = x.shape.at(-1)!;
  const y = tensor(gridShape(x, grid));
  const indices = tensor(y.shape);
  forEachCell(x, grid, (cell, plane, row, column) => {
    let best = Number.NEGATIVE_INFINITY;
    let index = -1;
    for (const r of row.at)
      for (const c of column.at) {
        const value = x.data[plane + r * width + c]!;
        if (index < 0 || value > best || (Number.isNaN(value) && !Number.isNaN(best))) {
          best = value;
          index = r * width + c;
        }
      }
    y.data[cell] = best;
    indices.data[cell] = index;
  });
  return { y, indices };
}

function maxPool(gridOf: (x: Tensor, attrs: Attrs) => Grid): Required<ReferenceOp> {
  return {
    forward(tensors, attrs) {
      const x = need(tensors, 'x');
      return { ...maxima(x, gridOf(x, attrs)) };
    },
    backward(tensors, attrs, upstream) {
      const x = need(tensors, 'x');
      const g = need(upstream, 'y');
      const grid = gridOf(x, attrs);
      const { indices } = maxima(x, grid);
      const gx = tensor(x.shape);
      forEachCell(x, grid, (cell, plane) => {
        const at = indices.data[cell]!;
        if (at >= 0) gx.data[plane + at] = gx.data[plane + at]! + g.data[cell]!;
      });
      return { x: gx };
    },
  };
}

type Divisor = (row: Span, column: Span) => number;

/** PyTorch's rule: the override, or the cells of the window within the padded input, or those within the input. */
function divisorOf(attrs: Attrs): Divisor {
  const override = optionalNumber(attrs, 'divisor_override');
  if (override !== null) return () => override;
  if (flagAttr(attrs, 'count_include_pad', true)) return (row, column) => row.padded * column.padded;
  return (row, column) => row.at.length * column.at.length;
}

function avgPool(gridOf: (x: Tensor, attrs: Attrs) => Grid): Required<ReferenceOp> {
  return {
    forward(tensors, attrs) {
      const x = need(tensors, 'x');
      const width = x.shape.at(-1)!;
      const grid = gridOf(x, attrs);
      const divisor = divisorOf(attrs);
      const y = tensor(gridShape(x, grid));
      forEachCell(x, grid, (cell, plane, row, column) => {
        let sum = 0;
        for (const r of row.at) for (const c of column.at) sum += x.data[plane + r * width + c]!;
        y.data[cell] = sum / divisor(row, column);
      });
      return { y };
    },
    backward(tensors, attrs, upstream) {
      const x = need(tensors, 'x');
      const g = need(upstream, 'y');
      const width = x.shape.at(-1)!;
      const divisor = divisorOf(attrs);
      const gx = tensor(x.shape);
      forEachCell(x, gridOf(x, attrs), (cell, plane, row, column) => {
        const share = g.data[cell]! / divisor(row, column);
        for (const r of row.at)
          for (const c of column.at) {
            const at = plane + r * width + c;
            gx.data[at] = gx.data[at]! + share;
          }
      });
      return { x: gx };
    },
  };
}

const adaptive = (x: Tensor, attrs: Attrs): Grid => adaptiveGrid(x, pairAttr(attrs, 'output_size'));
const global = (x: Tensor): Grid => adaptiveGrid(x, [1, 1]);

export const pools: Record<string, ReferenceOp> = {
  max_pool2d: maxPool(slidingGrid),
  avg_pool2d: avgPool(slidingGrid),
  adaptive_avg_pool2d: avgPool(adaptive),
  adaptive_max_pool2d: maxPool(adaptive),
  global_avg_pool2d: avgPool(global),
  global_max_pool2d: maxPool(global),
};
