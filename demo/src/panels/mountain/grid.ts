/** The points of the surface: in which order they are measured, what is shown meanwhile, heights between them. Pure. */

/** Distances between the points of each round, for 3 * 2^k + 1 points a side: 4 points a side come first, then twice as many, ... */
export function strides(side: number): number[] {
  const result = [];
  for (let stride = (side - 1) / 3; ; stride /= 2) {
    result.push(stride);
    if (stride % 2 !== 0) return result;
  }
}

/** Points of a round that no round before it has, row by row. */
export function newPoints(side: number, stride: number, before: number | null): number[] {
  const result = [];
  for (let row = 0; row < side; row += stride)
    for (let column = 0; column < side; column += stride)
      if (before === null || row % before !== 0 || column % before !== 0) result.push(row * side + column);
  return result;
}

/** All values: those that are measured, and between them what the last whole round says. */
export function filled(values: Float32Array, known: Uint8Array, stride: number): Float32Array<ArrayBuffer> {
  const side = Math.sqrt(values.length);
  const result = new Float32Array(values.length);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const at = row * side + column;
      if (known[at]) {
        result[at] = values[at]!;
        continue;
      }
      const top = Math.min(side - 1 - stride, row - (row % stride));
      const left = Math.min(side - 1 - stride, column - (column % stride));
      const [y, x] = [(row - top) / stride, (column - left) / stride];
      const of = (dy: number, dx: number): number => values[(top + dy * stride) * side + left + dx * stride]!;
      result[at] = (1 - y) * ((1 - x) * of(0, 0) + x * of(0, 1)) + y * ((1 - x) * of(1, 0) + x * of(1, 1));
    }
  return result;
}

/**
 * A value between points, as the mesh has it: each cell is two triangles, parted from its lower left to its upper right corner.
 * x and y are 0..1; NaN outside.
 */
export function sampled(values: Float32Array, x: number, y: number): number {
  const side = Math.sqrt(values.length);
  if (!(x >= 0 && x <= 1 && y >= 0 && y <= 1)) return Number.NaN;
  const column = Math.min(side - 2, Math.floor(x * (side - 1)));
  const row = Math.min(side - 2, Math.floor(y * (side - 1)));
  const [s, t] = [x * (side - 1) - column, y * (side - 1) - row];
  const at = row * side + column;
  const [v00, v10, v01, v11] = [values[at]!, values[at + 1]!, values[at + side]!, values[at + side + 1]!];
  // The parting line runs from (0, 0) to (1, 1).
  return s >= t ? v00 + s * (v10 - v00) + t * (v11 - v10) : v00 + t * (v01 - v00) + s * (v11 - v01);
}
