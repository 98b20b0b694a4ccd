/**
 * Operators that move or blend elements: pad, slice, reshape, flatten, transpose, concat, nearest and bilinear upsampling.
 * May import test/support/tensor.ts and attrs.ts.
 *
 * Each is a list of links (element of x, element of y, weight): y += weight * x, and gx += weight * gy.
 */
import { axisOf, forEachIndex, need, sizeOf, stridesOf, type Tensor, tensor } from '../tensor.ts';
import {
  type Attrs,
  flagAttr,
  numberAttr,
  numbersAttr,
  paddingAttr,
  pairAttr,
  type ReferenceOp,
  textAttr,
} from './attrs.ts';

interface Links {
  readonly shape: readonly number[];
  /** Start value of y, for constant padding. */
  readonly fill?: number;
  each(link: (from: number, to: number, weight: number) => void): void;
}

function linked(linksOf: (x: Tensor, attrs: Attrs) => Links): Required<ReferenceOp> {
  return {
    forward(tensors, attrs) {
      const x = need(tensors, 'x');
      const { shape, fill = 0, each } = linksOf(x, attrs);
      const y = tensor(shape);
      const reached = new Uint8Array(y.data.length);
      each((from, to, weight) => {
        y.data[to] = y.data[to]! + weight * x.data[from]!;
        reached[to] = 1;
      });
      return {
        y: tensor(
          shape,
          y.data.map((v, i) => (reached[i] ? v : fill)),
        ),
      };
    },
    backward(tensors, attrs, upstream) {
      const x = need(tensors, 'x');
      const g = need(upstream, 'y');
      const gx = tensor(x.shape);
      linksOf(x, attrs).each((from, to, weight) => {
        gx.data[from] = gx.data[from]! + weight * g.data[to]!;
      });
      return { x: gx };
    },
  };
}

/** Copies, each axis by itself: `maps[axis][i]` is the index of x that index i of y reads, or -1 for the fill value. */
function axisMaps(x: Tensor, maps: readonly (readonly number[])[], fill?: number): Links {
  const strides = stridesOf(x.shape);
  const shape = maps.map((m) => m.length);
  return {
    shape,
    fill,
    each(link) {
      forEachIndex(shape, (index, to) => {
        const from = index.map((i, axis) => maps[axis]![i]!);
        if (from.every((i) => i >= 0))
          link(
            from.reduce((sum, i, axis) => sum + i * strides[axis]!, 0),
            to,
            1,
          );
      });
    },
  };
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/** The index of x behind index i of a padded axis; -1 outside, for constant padding. */
function paddedIndex(i: number, size: number, mode: string): number {
  if (i >= 0 && i < size) return i;
  if (mode === 'constant') return -1;
  if (mode === 'replicate') return Math.min(Math.max(i, 0), size - 1);
  if (mode === 'reflect') return i < 0 ? -i : 2 * (size - 1) - i;
  throw new Error(`unknown padding mode "${mode}"`);
}

function pad(x: Tensor, attrs: Attrs): Links {
  const { top, left, bottom, right } = paddingAttr(attrs);
  const mode = textAttr(attrs, 'mode', 'constant');
  const axis = (size: number, before: number, after: number) =>
    range(size + before + after).map((i) => paddedIndex(i - before, size, mode));
  const [height, width] = x.shape.slice(-2) as [number, number];
  const maps = [...x.shape.slice(0, -2).map(range), axis(height, top, bottom), axis(width, left, right)];
  return axisMaps(x, maps, numberAttr(attrs, 'value', 0));
}

/** Starts and ends as in Python: negative ones count from the end, all are held within the axis. Steps are positive. */
function slice(x: Tensor, attrs: Attrs): Links {
  const starts = numbersAttr(attrs, 'starts');
  const ends = numbersAttr(attrs, 'ends');
  const steps = numbersAttr(
    attrs,
    'steps',
    starts.map(() => 1),
  );
  const maps = x.shape.map(range);
  numbersAttr(attrs, 'axes').forEach((given, k) => {
    const axis = axisOf(x.shape.length, given);
    const size = x.shape[axis]!;
    const bound = (v: number) => Math.min(Math.max(v < 0 ? v + size : v, 0), size);
    maps[axis] = range(size).filter((i) => {
      const start = bound(starts[k]!);
      return i >= start && i < bound(ends[k]!) && (i - start) % steps[k]! === 0;
    });
  });
  return axisMaps(x, maps);
}

function sameOrder(x: Tensor, shape: readonly number[]): Links {
  if (sizeOf(shape) !== x.data.length) throw new Error(`cannot reshape [${x.shape}] to [${shape}]`);
  return {
    shape,
    each(link) {
      for (let i = 0; i < x.data.length; i++) link(i, i, 1);
    },
  };
}

function reshape(x: Tensor, attrs: Attrs): Links {
  const wanted = numbersAttr(attrs, 'shape');
  const known = sizeOf(wanted.filter((d) => d !== -1));
  return sameOrder(
    x,
    wanted.map((d) => (d === -1 ? x.data.length / known : d)),
  );
}

function flatten(x: Tensor, attrs: Attrs): Links {
  const start = axisOf(x.shape.length, numberAttr(attrs, 'start_axis', 1));
  return sameOrder(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start))]);
}

function transpose(x: Tensor, attrs: Attrs): Links {
  const perm = numbersAttr(attrs, 'perm');
  const strides = stridesOf(x.shape);
  const shape = perm.map((axis) => x.shape[axis]!);
  return {
    shape,
    each(link) {
      forEachIndex(shape, (index, to) => {
        link(
          index.reduce((sum, i, k) => sum + i * strides[perm[k]!]!, 0),
          to,
          1,
        );
      });
    },
  };
}

function nearest(x: Tensor, attrs: Attrs): Links {
  const [height, width] = pairAttr(attrs, 'size');
  const axis = (from: number, to: number) => range(to).map((i) => Math.floor((i * from) / to));
  const [h, w] = x.shape.slice(-2) as [number, number];
  return axisMaps(x, [...x.shape.slice(0, -2).map(range), axis(h, height), axis(w, width)]);
}

/** The two source indices of output index i and the weight of the second one. */
function blend(i: number, from: number, to: number, { corners }: { corners: boolean }) {
  const half = Math.max(((i + 0.5) * from) / to - 0.5, 0);
  const source = corners ? (to === 1 ? 0 : (i * (from - 1)) / (to - 1)) : half;
  const low = Math.min(Math.floor(source), from - 1);
  return { low, high: Math.min(low + 1, from - 1), weight: source - low };
}

function bilinear(x: Tensor, attrs: Attrs): Links {
  const [height, width] = pairAttr(attrs, 'size');
  const corners = flagAttr(attrs, 'align_corners', false);
  const [h, w] = x.shape.slice(-2) as [number, number];
  const shape = [...x.shape.slice(0, -2), height, width];
  return {
    shape,
    each(link) {
      for (let p = 0; p < x.data.length / (h * w); p++)
        for (let oy = 0; oy < height; oy++)
          for (let ox = 0; ox < width; ox++) {
            const to = (p * height + oy) * width + ox;
            const row = blend(oy, h, height, { corners });
            const column = blend(ox, w, width, { corners });
            const at = (r: number, c: number) => (p * h + r) * w + c;
            link(at(row.low, column.low), to, (1 - row.weight) * (1 - column.weight));
            link(at(row.low, column.high), to, (1 - row.weight) * column.weight);
            link(at(row.high, column.low), to, row.weight * (1 - column.weight));
            link(at(row.high, column.high), to, row.weight * column.weight);
          }
    },
  };
}

/** Inputs x0, x1, ... along an axis: every input is cut out of the result again by a slice. */
const concat: Required<ReferenceOp> = {
  forward(tensors, attrs) {
    const { shape, parts } = concatParts(tensors, attrs);
    const y = tensor(shape);
    for (const { name, links } of parts) {
      const x = need(tensors, name);
      links.each((from, to) => {
        y.data[from] = x.data[to]!;
      });
    }
    return { y };
  },
  backward(tensors, attrs, upstream) {
    const g = need(upstream, 'y');
    const cut = ({ name, links }: Part): [string, Tensor] => {
      const gx = tensor(links.shape);
      links.each((from, to) => {
        gx.data[to] = g.data[from]!;
      });
      return [name, gx];
    };
    return Object.fromEntries(concatParts(tensors, attrs).parts.map(cut));
  },
};

interface Part {
  readonly name: string;
  readonly links: Links;
}

function concatParts(tensors: Readonly<Record<string, Tensor>>, attrs: Attrs): { shape: number[]; parts: Part[] } {
  const names = Object.keys(tensors).map((_, i) => `x${i}`);
  const first = need(tensors, 'x0');
  const axis = axisOf(first.shape.length, numberAttr(attrs, 'axis'));
  const sizes = names.map((name) => need(tensors, name).shape[axis]!);
  const shape = first.shape.map((d, k) => (k === axis ? sizes.reduce((sum, s) => sum + s, 0) : d));
  const whole = tensor(shape);
  const parts = names.map((name, k) => {
    const start = sizes.slice(0, k).reduce((sum, s) => sum + s, 0);
    return { name, links: slice(whole, { axes: [axis], starts: [start], ends: [start + sizes[k]!] }) };
  });
  return { shape, parts };
}

export const moves: Record<string, ReferenceOp> = {
  pad: linked(pad),
  slice: linked(slice),
  reshape: linked(reshape),
  flatten: linked(flatten),
  transpose: linked(transpose),
  upsample_nearest2d: linked(nearest),
  upsample_bilinear2d: linked(bilinear),
  concat,
};
