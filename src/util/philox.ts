/**
 * Philox4x32-10, the counter-based generator of Salmon et al. 2011 ("Parallel random numbers: as easy as 1, 2, 3"),
 * and what is drawn from it on the host. The same counter and key give the same numbers here and in WGSL. Imports nothing.
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** The upper 32 bits of a product of 32-bit numbers. */
function mulHi(a: number, b: number): number {
  const al = a & 0xffff;
  const ah = a >>> 16;
  const bl = b & 0xffff;
  const bh = b >>> 16;
  const mid = (Math.imul(ah, bl) >>> 0) + (Math.imul(al, bl) >>> 16);
  const mid2 = (Math.imul(al, bh) >>> 0) + (mid & 0xffff);
  return (Math.imul(ah, bh) + (mid >>> 16) + (mid2 >>> 16)) | 0;
}

type Words = [number, number, number, number];

/** Four 32-bit words for a counter of four words and a key of two, into `out`: a large model draws 100 million numbers. */
function philoxInto(out: Words, counter: Readonly<Words>, key: readonly [number, number]): void {
  let [x0, x1, x2, x3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const hi0 = mulHi(M0, x0);
    const hi1 = mulHi(M1, x2);
    const lo0 = Math.imul(M0, x0);
    x0 = hi1 ^ x1 ^ k0;
    x1 = Math.imul(M1, x2);
    x2 = hi0 ^ x3 ^ k1;
    x3 = lo0;
    k0 = (k0 + W0) | 0;
    k1 = (k1 + W1) | 0;
  }
  out[0] = x0 >>> 0;
  out[1] = x1 >>> 0;
  out[2] = x2 >>> 0;
  out[3] = x3 >>> 0;
}

/** Four 32-bit words for a counter of four words and a key of two. */
export function philox(counter: Readonly<Words>, key: readonly [number, number]): Words {
  const out: Words = [0, 0, 0, 0];
  philoxInto(out, counter, key);
  return out;
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
  const block: Words = [0, 0, 0, 0];
  const counter: Words = [0, 0, stream >>> 0, 0];
  let used = 4;
  const word = (): number => {
    if (used === 4) {
      philoxInto(block, counter, key);
      counter[0] = (counter[0] + 1) >>> 0;
      used = 0;
    }
    return block[used++]!;
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
