/**
 * Philox4x32-10, the counter-based generator of Salmon et al. 2011 ("Parallel random numbers: as easy as 1, 2, 3"),
 * and what is drawn from it on the host. The same counter and key give the same numbers here and in WGSL. Imports nothing.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

function mulHiLo(a: number, b: number): [hi: number, lo: number] {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const ll = al * bl;
  const mid = ah * bl + (ll >>> 16);
  const mid2 = al * bh + (mid % 0x10000);
  return [(ah * bh + Math.floor(mid / 0x10000) + Math.floor(mid2 / 0x10000)) >>> 0, Math.imul(a, b) >>> 0];
}

/** Four 32-bit words for a counter of four words and a key of two. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [x0, x1, x2, x3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const [hi0, lo0] = mulHiLo(M0, x0);
    const [hi1, lo1] = mulHiLo(M1, x2);
    [x0, x1, x2, x3] = [(hi1 ^ x1 ^ k0) >>> 0, lo1, (hi0 ^ x3 ^ k1) >>> 0, lo0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [x0, x1, x2, x3];
}

/** FNV-1a hash of a text: turns a parameter's name into the stream its numbers come from. */
export function hashText(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

/** A sequence of numbers from (seed, stream): independent of how many other sequences are drawn, and in which order. */
export function randomStream(seed: number, stream: number) {
  const key = [seed >>> 0, Math.floor(seed / 2 ** 32) >>> 0] as const;
  let block: number[] = [];
  let counter = 0;
  const word = (): number => {
    if (block.length === 0) block = philox([counter++ >>> 0, 0, stream >>> 0, 0], key).reverse();
    return block.pop()!;
  };
  /** Uniform in [0, 1), 24 bits: exact in float32. */
  const uniform = (): number => (word() >>> 8) / 2 ** 24;
  /** Standard normal, by Box and Muller. */
  const normal = (): number => {
    const u = (word() + 1) / 2 ** 32;
    return Math.sqrt(-2 * Math.log(u)) * Math.cos((2 * Math.PI * word()) / 2 ** 32);
  };
  return { word, uniform, normal };
}
