/**
 * Windows of the pooling ops: their options, the shape rule and its errors, and the numbers that
 * shaders/lib/pool-window.wgsl wants. Imports graph, util and the shared shader text.
 */
import divideText from '../../shaders/lib/divide.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import loadText from '../../shaders/lib/pool-load.wgsl?raw';
import storeText from '../../shaders/lib/pool-store.wgsl?raw';
import windowText from '../../shaders/lib/pool-window.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import { type Layout, padChannels, sameMemory } from '../graph/layout.ts';
import type { LaidOut, ShaderSource } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, type Shape, show } from '../util/shape.ts';

type Pair = readonly [number, number];
type Sides = readonly [number, number, number, number];

/** One number for both axes, or [rows, columns]. */
export type PairOption = number | Pair;

export interface WindowOptions {
  readonly kernel: PairOption;
  /** Default: the kernel. */
  readonly stride?: PairOption;
  /** All sides, [rows, columns] or [top, left, bottom, right]; default 0. */
  readonly padding?: PairOption | Sides;
  /** Round the output size up: windows may hang over the bottom and the right; default false. */
  readonly ceilMode?: boolean;
}

/** Windows that slide, or that divide the plane into so many cells. As attributes of a node. */
export type Windows =
  | {
      readonly kernel: Pair;
      readonly stride: Pair;
      readonly padding: Sides;
      readonly dilation: Pair;
      readonly ceilMode: boolean;
    }
  | { readonly cells: Pair };

const pair = (value: PairOption): Pair => (typeof value === 'number' ? [value, value] : value);

function sides(padding: PairOption | Sides): Sides {
  if (typeof padding === 'number') return [padding, padding, padding, padding];
  return padding.length === 2 ? [padding[0], padding[1], padding[0], padding[1]] : padding;
}

/** The options with all defaults filled in. */
export function slidingWindows(
  { kernel, stride = kernel, padding = 0, ceilMode = false }: WindowOptions,
  dilation: PairOption = 1,
): Windows {
  return { kernel: pair(kernel), stride: pair(stride), padding: sides(padding), dilation: pair(dilation), ceilMode };
}

/** So many windows on each axis, covering the plane. */
export const cellWindows = (cells: PairOption): Windows => ({ cells: pair(cells) });

/** One axis of a pool. */
export interface WindowAxis {
  readonly size: number;
  readonly outputs: number;
  /** For adaptive windows the largest one. */
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
}

export interface Geometry {
  readonly batch: number;
  readonly channels: number;
  readonly rows: WindowAxis;
  readonly columns: WindowAxis;
  /** Windows of unequal sizes: floor(i * size / outputs) .. ceil((i + 1) * size / outputs). */
  readonly adaptive: boolean;
}

const AXES = ['rows', 'columns'] as const;

interface AxisRequest {
  readonly at: string;
  readonly axis: 0 | 1;
  readonly shape: Shape;
}

function checkIntegers(windows: Windows, at: string, shape: Shape): void {
  const least = { kernel: 1, stride: 1, dilation: 1, padding: 0, cells: 1 };
  for (const [name, value] of Object.entries(windows) as [keyof typeof least, boolean | readonly number[]][]) {
    if (typeof value === 'boolean' || value.every((v) => Number.isInteger(v) && v >= least[name])) continue;
    const label = name === 'cells' ? 'output size' : name;
    throw new ShapeError(
      `${at}: ${label} ${show(value)} is not made of integers of at least ${least[name]} (input ${show(shape)}). Use integers.`,
    );
  }
}

/** Every window must read an element: with dilation it could step over a small plane. */
function checkWindows(axis: WindowAxis, { at, axis: index, shape }: AxisRequest): WindowAxis {
  const { size, outputs, kernel, stride, dilation, before } = axis;
  for (let o = 0; o < outputs; o++) {
    const start = o * stride - before;
    const first = Math.max(0, Math.ceil(-start / dilation));
    if (first < kernel && start + first * dilation < size) continue;
    throw new ShapeError(
      `${at}: window ${o} of the ${AXES[index]} reads only padding: kernel ${kernel}, dilation ${dilation}, padding ${before} on ${size} ` +
        `${AXES[index]} (input ${show(shape)}). Use a smaller dilation or padding.`,
    );
  }
  return axis;
}

function slidingAxis(windows: Exclude<Windows, { cells: Pair }>, request: AxisRequest): WindowAxis {
  const { at, axis, shape } = request;
  const size = shape[axis + 2]!;
  const kernel = windows.kernel[axis];
  const stride = windows.stride[axis];
  const dilation = windows.dilation[axis];
  const before = windows.padding[axis];
  const after = windows.padding[axis === 0 ? 2 : 3];
  const extent = dilation * (kernel - 1) + 1;
  const most = Math.floor(extent / 2);
  if (Math.max(before, after) > most) {
    throw new ShapeError(
      `${at}: padding ${Math.max(before, after)} of the ${AXES[axis]} is more than half of the effective kernel size ${extent} ` +
        `(input ${show(shape)}, padding ${show(windows.padding)}). Use at most ${most}, or a larger kernel.`,
    );
  }
  const steps = (size + before + after - extent) / stride;
  const rounded = (windows.ceilMode ? Math.ceil(steps) : Math.floor(steps)) + 1;
  // PyTorch's rule: a window that would start in the padding behind the plane is dropped.
  const outputs = windows.ceilMode && (rounded - 1) * stride >= size + before ? rounded - 1 : rounded;
  if (outputs < 1) {
    throw new ShapeError(
      `${at}: the kernel covers ${extent} ${AXES[axis]}, but the padded input has ${size + before + after} ` +
        `(input ${show(shape)}, padding ${show(windows.padding)}). Use a smaller kernel or more padding.`,
    );
  }
  return checkWindows({ size, outputs, kernel, stride, dilation, before, after }, request);
}

/** An axis divided into cells; where they are equal, these are windows that slide. */
function cellAxis(cells: number, size: number): WindowAxis {
  const extent = (o: number): number => Math.ceil(((o + 1) * size) / cells) - Math.floor((o * size) / cells);
  const kernel = size % cells === 0 ? size / cells : Math.max(...Array.from({ length: cells }, (_, o) => extent(o)));
  return { size, outputs: cells, kernel, stride: kernel, dilation: 1, before: 0, after: 0 };
}

/** The shaders divide positions as floats (shaders/lib/divide.wgsl): with the padding these stay below 2^20. */
const LONGEST = 2 ** 19;

/** The windows on an input of this shape. Throws ShapeError. */
export function geometryOf(shape: Shape, windows: Windows, at: string): Geometry {
  if (shape.length !== 4 || shape.some((size) => size < 1)) {
    throw new ShapeError(
      `${at}: the input ${show(shape)} is not [n, c, h, w] with all sizes at least 1. Reshape it, or add axes of size 1.`,
    );
  }
  if (Math.max(...shape.slice(2)) > LONGEST) {
    throw new ShapeError(
      `${at}: the input ${show(shape)} has more than ${LONGEST} rows or columns. Split it along the longer axis.`,
    );
  }
  checkIntegers(windows, at, shape);
  const [batch, channels, h, w] = shape as [number, number, number, number];
  const cells = 'cells' in windows ? windows.cells : null;
  const axisOf = (axis: 0 | 1): WindowAxis =>
    'cells' in windows ? cellAxis(windows.cells[axis], axis === 0 ? h : w) : slidingAxis(windows, { at, axis, shape });
  const adaptive = cells !== null && (h % cells[0] !== 0 || w % cells[1] !== 0);
  return { batch, channels, rows: axisOf(0), columns: axisOf(1), adaptive };
}

/** Shape of the pooled planes. */
export const pooledShape = ({ batch, channels, rows, columns }: Geometry): number[] => [
  batch,
  channels,
  rows.outputs,
  columns.outputs,
];

/** Elements of a shader along the channels: four channels each, or a single one. */
export const lanesOf = (channels: number): number => (channels === 1 ? 1 : padChannels(channels) / 4);

/** Blocks of the size of the stride that cover an axis: as many as there are windows, or more. */
export const blocksOf = ({ size, before, stride }: WindowAxis): number => ceilDiv(size + before, stride);

/** Fields of `Params` in shaders/lib/pool-window.wgsl. */
export function windowParams({ channels, rows, columns }: Geometry, count: number): Record<string, number> {
  return {
    count,
    lanes: lanesOf(channels),
    channels,
    h: rows.size,
    w: columns.size,
    oh: rows.outputs,
    ow: columns.outputs,
    kh: rows.kernel,
    kw: columns.kernel,
    sh: rows.stride,
    sw: columns.stride,
    dh: rows.dilation,
    dw: columns.dilation,
    top: rows.before,
    left: columns.before,
    bottom: rows.after,
    right: columns.after,
    block_rows: blocksOf(rows),
    block_columns: blocksOf(columns),
  };
}

/** Defines of every shader that includes lib/pool-window.wgsl. */
export const windowDefines = ({
  channels,
  rows,
  columns,
  adaptive,
}: Geometry): { readonly [name: string]: boolean } => ({
  VEC: channels !== 1,
  ADAPTIVE: adaptive,
  DILATED: rows.dilation !== 1 || columns.dilation !== 1,
});

/** Define of the shaders that load or store pooled values in either layout. */
export const isPlain = ({ shape, layout }: LaidOut): boolean =>
  layout === 'plain' && !sameMemory(shape, 'plain', 'nhwc');

/** How a gradient kernel takes the gradient of the pooled values: as it is, unless it would be gathered over and over. */
export const gradientLayout = ({ layout }: LaidOut, g: Geometry): Layout =>
  layout === 'plain' && disjoint(g) ? 'plain' : 'nhwc';

/** All taps of all windows lie in the plane. */
export const unclipped = ({ rows, columns, adaptive }: Geometry): boolean =>
  !adaptive &&
  [rows, columns].every((a) => a.before === 0 && (a.outputs - 1) * a.stride + (a.kernel - 1) * a.dilation < a.size);

/** Windows that share no element and read all that lie in them: each element has one window at most. */
export const disjoint = ({ rows, columns, adaptive }: Geometry): boolean =>
  !adaptive && [rows, columns].every((a) => a.stride >= a.kernel && a.dilation === 1);

/** A thread for each block of the plane is faster than one for each element, unless that leaves a GPU too few threads. */
export const blocksFirst = ({ rows, columns }: Geometry, { software }: DeviceCaps): boolean =>
  software || rows.stride * columns.stride <= 16;

/** A shader with the files that all pooling shaders include. */
export const poolShader = (file: string, text: string): ShaderSource => ({
  file,
  text,
  includes: {
    'lib/divide.wgsl': divideText,
    'lib/linear-id.wgsl': linearIdText,
    'lib/math.wgsl': mathText,
    'lib/pool-load.wgsl': loadText,
    'lib/pool-store.wgsl': storeText,
    'lib/pool-window.wgsl': windowText,
    'lib/tree.wgsl': treeText,
  },
});
