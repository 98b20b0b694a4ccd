/** Weights as one long vector, planes through their space, and the principal plane of paths (PCA). Pure. */

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: Float32Array<ArrayBuffer>;
}

export type Vector = Float32Array<ArrayBuffer>;

/** The tensors of a map that have these names, one behind the other. */
export function flatten(tensors: ReadonlyMap<string, Tensor>, names: readonly string[]): Vector {
  const parts = names.map((name) => tensors.get(name)!.data);
  const vector = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    vector.set(part, at);
    at += part.length;
  }
  return vector;
}

/** The other way round; tensors are views of the vector. */
export function unflatten(
  vector: Vector,
  specs: readonly { readonly name: string; readonly shape: readonly number[] }[],
): Map<string, Tensor> {
  let at = 0;
  return new Map(
    specs.map(({ name, shape }) => {
      const size = shape.reduce((product, extent) => product * extent, 1);
      at += size;
      return [name, { shape, data: vector.subarray(at - size, at) }];
    }),
  );
}

export function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

export function difference(a: Float32Array, b: Float32Array): Vector {
  const result = new Float32Array(a.length);
  for (let i = 0; i < a.length; i++) result[i] = a[i]! - b[i]!;
  return result;
}

/** Normally distributed numbers, the same ones for the same seed (mulberry32 and Box-Muller). */
export function gaussians(seed: number): () => number {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}

/**
 * A random direction in which each filter (each row of a linear layer) is as long as the weights' own; biases and norms stay
 * (Li et al. 2018, "Visualizing the loss landscape of neural nets").
 */
export function filterNormalized(weights: ReadonlyMap<string, Tensor>, gaussian: () => number): Map<string, Tensor> {
  return new Map(
    [...weights].map(([name, { shape, data }]) => {
      const direction = new Float32Array(data.length);
      if (shape.length < 2) return [name, { shape, data: direction }];
      const size = data.length / shape[0]!;
      for (let start = 0; start < data.length; start += size) {
        const filter = data.subarray(start, start + size);
        const random = direction.subarray(start, start + size);
        for (let i = 0; i < size; i++) random[i] = gaussian();
        const scale = Math.sqrt(dot(filter, filter) / dot(random, random));
        for (let i = 0; i < size; i++) random[i]! *= scale;
      }
      return [name, { shape, data: direction }];
    }),
  );
}

/** Points origin + a u + b v. */
export interface Plane {
  readonly origin: Vector;
  readonly u: Vector;
  readonly v: Vector;
}

export function pointOf({ origin, u, v }: Plane, a: number, b: number): Vector {
  const point = new Float32Array(origin.length);
  for (let i = 0; i < point.length; i++) point[i] = origin[i]! + a * u[i]! + b * v[i]!;
  return point;
}

export interface Projected {
  readonly a: number;
  readonly b: number;
  /** Squared distance from the origin, and the part of it that lies in the plane. */
  readonly squared: number;
  readonly inside: number;
}

/** The point of a plane that is nearest to some weights. u and v need not be orthogonal. */
export function projector({ origin, u, v }: Plane): (weights: Vector) => Projected {
  const [uu, uv, vv] = [dot(u, u), dot(u, v), dot(v, v)];
  const determinant = uu * vv - uv * uv;
  return (weights) => {
    const way = difference(weights, origin);
    const [along, across] = [dot(way, u), dot(way, v)];
    const a = determinant > 0 ? (along * vv - across * uv) / determinant : 0;
    const b = determinant > 0 ? (across * uu - along * uv) / determinant : 0;
    return { a, b, squared: dot(way, way), inside: Math.max(0, a * along + b * across) };
  };
}

/** Eigenvalues and eigenvectors (as rows) of a symmetric matrix, largest first: cyclic Jacobi rotations. */
export function eigen(symmetric: readonly (readonly number[])[]): { values: number[]; vectors: number[][] } {
  const n = symmetric.length;
  const a = symmetric.map((row) => [...row]);
  const vectors = a.map((_, i) => a.map((_, j) => (i === j ? 1 : 0)));
  const rotate = (p: number, q: number): void => {
    const theta = (a[q]![q]! - a[p]![p]!) / (2 * a[p]![q]!);
    const t = Math.sign(theta || 1) / (Math.abs(theta) + Math.hypot(theta, 1));
    const c = 1 / Math.hypot(t, 1);
    const s = t * c;
    for (let k = 0; k < n; k++) {
      const [x, y] = [a[k]![p]!, a[k]![q]!];
      [a[k]![p], a[k]![q]] = [c * x - s * y, s * x + c * y];
    }
    for (const rows of [a, vectors])
      for (let k = 0; k < n; k++) {
        const [x, y] = [rows[p]![k]!, rows[q]![k]!];
        [rows[p]![k], rows[q]![k]] = [c * x - s * y, s * x + c * y];
      }
  };
  const size = a.reduce((sum, row, i) => sum + Math.abs(row[i]!), 0);
  for (let sweep = 0; sweep < 30; sweep++) {
    let rest = 0;
    for (let p = 0; p < n; p++)
      for (let q = p + 1; q < n; q++) {
        rest += Math.abs(a[p]![q]!);
        if (Math.abs(a[p]![q]!) > 1e-15 * size) rotate(p, q);
      }
    if (rest <= 1e-12 * size) break;
  }
  const order = a.map((_, i) => i).sort((i, j) => a[j]![j]! - a[i]![i]!);
  return { values: order.map((i) => a[i]![i]!), vectors: order.map((i) => vectors[i]!) };
}

/**
 * The plane through `origin` that is nearest to what paths have passed through, each path counting alike however far it went:
 * principal components from the Gram matrix, as there are far fewer points than weights. `pause` is called between slices.
 */
export async function principalPlane(
  origin: Vector,
  paths: readonly (readonly Vector[])[],
  pause: () => Promise<void>,
): Promise<Plane> {
  const ways: Vector[] = [];
  for (const path of paths) {
    const part = path.map((weights) => difference(weights, origin));
    const mean = Math.sqrt(part.reduce((sum, way) => sum + dot(way, way), 0) / Math.max(1, part.length));
    if (mean > 0) ways.push(...part.map((way) => way.map((value) => value / mean)));
  }
  const gram = ways.map(() => new Array<number>(ways.length).fill(0));
  for (const [i, way] of ways.entries()) {
    for (let j = 0; j <= i; j++) gram[i]![j] = gram[j]![i] = dot(way, ways[j]!);
    await pause();
  }
  const { values, vectors } = eigen(gram);
  const axis = (k: number): Vector => {
    const sum = new Float32Array(origin.length);
    const length = Math.sqrt(values[k] ?? 0);
    if (!(length > 1e-6 * Math.sqrt(values[0] ?? 0))) return sum;
    for (const [i, way] of ways.entries()) {
      const share = vectors[k]![i]! / length;
      for (let at = 0; at < sum.length; at++) sum[at]! += share * way[at]!;
    }
    return sum;
  };
  return { origin, u: axis(0), v: axis(1) };
}
