/** How many units of a layer are like no other. Pure. */

/** Numbers between -1 and 1 that look random, the same every time. */
const direction = (seed: number) => (i: number) => 2 * ((Math.sin(i * 12.9898 + seed) * 43758.5453) % 1);

const ALONG = [direction(1), direction(2)];

/** As close as float32 sums of another order come. */
const TOLERANCE = 1e-5;

/**
 * Units, each with its own row of `weights`, that differ: twins count once. Rows are compared by where they lie along two fixed
 * directions, which tells any two apart but for a chance of about one in ten billion.
 */
export function distinctUnits(weights: ArrayLike<number>, units: number): number {
  const length = weights.length / units;
  const seen: (readonly [number, number])[] = [];
  let scale = 0;
  const places = Array.from({ length: units }, (_, unit): readonly [number, number] => {
    let [a, b, square] = [0, 0, 0];
    for (let i = 0; i < length; i++) {
      const weight = weights[unit * length + i]!;
      a += weight * ALONG[0]!(i);
      b += weight * ALONG[1]!(i);
      square += weight * weight;
    }
    scale = Math.max(scale, Math.sqrt(square));
    return [a, b];
  });
  const near = (x: number, y: number): boolean => Math.abs(x - y) <= TOLERANCE * scale;
  for (const [a, b] of places) if (!seen.some(([c, d]) => near(a, c) && near(b, d))) seen.push([a, b]);
  return seen.length;
}
