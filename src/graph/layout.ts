/**
 * Physical layouts of values. The public shapes are always NCHW, OIHW and row-major; how the elements lie in a buffer is
 * the layout, chosen by a pass over the plan. Imports only util.
 *
 * | layout | logical shape | in memory |
 * |---|---|---|
 * | plain | any | row-major |
 * | nhwc | [n, c, h, w] | [n, h, w, c'], c' = padded channels |
 * | hwio | [o, i, kh, kw] | [kh, kw, i', o'] |
 *
 * Padding lanes always hold zero: every kernel that writes nhwc or hwio writes zeros there, every reader may rely on it.
 */
import { roundUp, rowMajorStrides, type Shape, sizeOf } from '../util/shape.ts';

export type Layout = 'plain' | 'nhwc' | 'hwio';

/** Channels in memory: a multiple of 4, so that they load as vec4; a single channel stays single (grey images). */
export const padChannels = (channels: number): number => (channels === 1 ? 1 : roundUp(channels, 4));

/** Stride, in elements, of each logical axis. */
export function stridesOf(shape: Shape, layout: Layout): number[] {
  if (layout === 'plain') return rowMajorStrides(shape);
  const [a, b, h, w] = shape as [number, number, number, number];
  if (layout === 'nhwc') {
    const c = padChannels(b);
    return [h * w * c, 1, w * c, c];
  }
  const i = padChannels(b);
  const o = padChannels(a);
  return [1, o, w * i * o, i * o];
}

/** Elements in memory, padding included. */
export function physicalSize(shape: Shape, layout: Layout): number {
  if (layout === 'plain') return sizeOf(shape);
  const [a, b, h, w] = shape as [number, number, number, number];
  return layout === 'nhwc' ? a * padChannels(b) * h * w : padChannels(a) * padChannels(b) * h * w;
}

/** Logical axes in the order they lie in memory, outermost first, with padded sizes. */
export function memoryAxes(shape: Shape, layout: Layout): { axis: number; size: number }[] {
  if (layout === 'plain') return shape.map((size, axis) => ({ axis, size }));
  const order = layout === 'nhwc' ? [0, 2, 3, 1] : [2, 3, 1, 0];
  const padded = layout === 'nhwc' ? [1] : [0, 1];
  return order.map((axis) => ({ axis, size: padded.includes(axis) ? padChannels(shape[axis]!) : shape[axis]! }));
}

/** True where both layouts put every element at the same place, so that no conversion is needed. */
export function sameMemory(shape: Shape, a: Layout, b: Layout): boolean {
  if (a === b) return true;
  if (physicalSize(shape, a) !== physicalSize(shape, b)) return false;
  const p = stridesOf(shape, a);
  const q = stridesOf(shape, b);
  return shape.every((size, axis) => size === 1 || p[axis] === q[axis]);
}

/** Visits all elements of a shape in row-major order with their offset in the layout. */
function forEachOffset(shape: Shape, layout: Layout, visit: (index: number, offset: number) => void): void {
  const strides = stridesOf(shape, layout);
  const at = new Array<number>(shape.length).fill(0);
  let offset = 0;
  for (let index = 0, count = sizeOf(shape); index < count; index++) {
    visit(index, offset);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at[axis]!++;
      offset += strides[axis]!;
      if (at[axis]! < shape[axis]!) break;
      offset -= strides[axis]! * shape[axis]!;
      at[axis] = 0;
    }
  }
}

type Numbers = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Row-major elements into memory order; padding is zero. Returns the input itself where nothing changes. */
export function toMemory<T extends Numbers>(data: T, shape: Shape, layout: Layout): T {
  if (sameMemory(shape, 'plain', layout)) return data;
  const out = new (data.constructor as new (length: number) => T)(physicalSize(shape, layout));
  forEachOffset(shape, layout, (index, offset) => {
    out[offset] = data[index]!;
  });
  return out;
}

/** Memory order into row-major elements; padding is dropped. Returns the input itself where nothing changes. */
export function fromMemory<T extends Numbers>(memory: T, shape: Shape, layout: Layout): T {
  if (sameMemory(shape, 'plain', layout)) return memory;
  const out = new (memory.constructor as new (length: number) => T)(sizeOf(shape));
  forEachOffset(shape, layout, (index, offset) => {
    out[index] = memory[offset]!;
  });
  return out;
}
