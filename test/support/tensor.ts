/**
 * Float64 tensors for the CPU reference: a shape and its values in row-major order, with the few index helpers that the
 * reference operators share. Imports nothing.
 */

/** Values in row-major order; a scalar has shape [] and one value. Integer tensors (labels, indices) are stored likewise. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float64Array;
}

/** Named tensors: the inputs, outputs, upstream gradients or gradients of an operator. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Number of elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, d) => product * d, 1);
}

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** A tensor of a shape, of zeros or of the given values, which are copied. */
export function tensor(shape: readonly number[], values?: ArrayLike<number>): Tensor {
  const size = sizeOf(shape);
  if (values && values.length !== size) throw new Error(`${values.length} values for shape [${shape}]`);
  return { shape: [...shape], data: values ? Float64Array.from(values) : new Float64Array(size) };
}

/** The same values in double precision: float32 and int32 numbers are exact. */
export function fromFloat32(source: { readonly shape: readonly number[]; readonly data: ArrayLike<number> }): Tensor {
  return tensor(source.shape, source.data);
}

/** The values rounded once to float32, for upload or for comparison with float32 data. */
export function toFloat32(source: Tensor): Float32Array<ArrayBuffer> {
  return Float32Array.from(source.data);
}

/** A tensor with the same values and another shape of the same size. */
export function reshaped(source: Tensor, shape: readonly number[]): Tensor {
  return tensor(shape, source.data);
}

/** Element-wise function of one tensor. */
export function map(source: Tensor, fn: (value: number, index: number) => number): Tensor {
  return { shape: source.shape, data: source.data.map((value, index) => fn(value, index)) };
}

/** The named tensor; an error that says what is there if it is missing. */
export function need(tensors: Tensors, name: string): Tensor {
  const found = tensors[name];
  if (!found) throw new Error(`tensor "${name}" is missing (given: ${Object.keys(tensors).join(', ')})`);
  return found;
}

/** Calls `visit` for every multi-index of a shape in row-major order. `index` is reused between the calls. */
export function forEachIndex(
  shape: readonly number[],
  visit: (index: readonly number[], position: number) => void,
): void {
  const index = new Array<number>(shape.length).fill(0);
  const size = sizeOf(shape);
  for (let position = 0; position < size; position++) {
    visit(index, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      index[axis] = index[axis]! + 1;
      if (index[axis]! < shape[axis]!) break;
      index[axis] = 0;
    }
  }
}

/** An axis counted from the end if negative. */
export function axisOf(rank: number, axis: number): number {
  const resolved = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || resolved < 0 || resolved >= rank) throw new Error(`axis ${axis} of ${rank} axes`);
  return resolved;
}

/** The common shape of operands under NumPy's broadcasting rules. */
export function broadcastShape(...shapes: readonly (readonly number[])[]): number[] {
  const rank = Math.max(...shapes.map((s) => s.length));
  return Array.from({ length: rank }, (_, axis) => {
    const extents = shapes.map((s) => s[axis - rank + s.length] ?? 1);
    const extent = extents.find((d) => d !== 1) ?? 1;
    if (extents.some((d) => d !== 1 && d !== extent)) throw new Error(`cannot broadcast [${shapes.join('] with [')}]`);
    return extent;
  });
}

/** For every element of `to`, the position of the element of `from` that broadcasting reads there. */
export function broadcastPositions(from: readonly number[], to: readonly number[]): Int32Array {
  const strides = stridesOf(from);
  const lead = to.length - from.length;
  const positions = new Int32Array(sizeOf(to));
  forEachIndex(to, (index, position) => {
    for (let axis = 0; axis < from.length; axis++) {
      if (from[axis] !== 1) positions[position] = positions[position]! + index[axis + lead]! * strides[axis]!;
    }
  });
  return positions;
}

/** Calls `visit` with the positions of every lane along an axis (the elements that differ in that index only). */
export function forEachLane(
  shape: readonly number[],
  axis: number,
  visit: (positions: readonly number[]) => void,
): void {
  const at = axisOf(shape.length, axis);
  const length = shape[at]!;
  const inner = sizeOf(shape.slice(at + 1));
  const outer = sizeOf(shape.slice(0, at));
  for (let o = 0; o < outer; o++) {
    for (let i = 0; i < inner; i++) visit(Array.from({ length }, (_, k) => (o * length + k) * inner + i));
  }
}
