/** The shuffle of an epoch as a formula, the twin of shaders/lib/shuffle.wgsl. Imports nothing. */

function mixBits(v: number): number {
  let h = v >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x7feb352d) >>> 0;
  h = Math.imul(h ^ (h >>> 15), 0x846ca68b) >>> 0;
  return (h ^ (h >>> 16)) >>> 0;
}

/** Half the bits of the Feistel network's domain, the smallest even power of two that holds `count`. */
export function halfBits(count: number): number {
  let bits = 1;
  while (4 ** bits < count) bits++;
  return bits;
}

/** Where position `index` of a shuffled epoch of `count` samples lies in the data. A bijection for every key. */
export function shuffled(index: number, count: number, key: number): number {
  const half = halfBits(count);
  const mask = 2 ** half - 1;
  let at = index;
  for (let walk = 0; walk < 64; walk++) {
    let left = at >>> half;
    let right = at & mask;
    for (let round = 0; round < 6; round++) {
      const roundKey = mixBits((key + Math.imul(round, 0x9e3779b9)) >>> 0);
      [left, right] = [right, (left ^ (mixBits((right ^ roundKey) >>> 0) & mask)) >>> 0];
    }
    at = ((left << half) | right) >>> 0;
    if (at < count) break;
  }
  return at;
}

/** Key of an epoch's shuffle and of a step's random numbers. */
export const streamKey = (seed: number, stream: number): number =>
  mixBits((mixBits(seed >>> 0) + Math.imul(stream, 0x9e3779b9)) >>> 0);
