/**
 * Seeded random numbers and tensors for tests. May import test/support/tensor.ts.
 *
 * Generator: mulberry32 (Tommy Ettinger, public domain): a 32-bit counter that grows by 0x6D2B79F5 and is mixed by two
 * multiply-xorshift rounds. Period 2^32, the same numbers everywhere, good enough for test data.
 *
 * Values are rounded to float32, so that the GPU and the float64 reference are given the same numbers.
 */
import { sizeOf, type Tensor, tensor } from './tensor.ts';

export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** Uniform in [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let z = this.#state;
    z = Math.imul(z ^ (z >>> 15), z | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 2 ** 32;
  }

  /** Uniform integer in [min, max], both included. */
  integer(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** One of the given values. */
  pick<T>(values: readonly T[]): T {
    const value = values[this.integer(0, values.length - 1)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }

  /** Standard normal, by Box and Muller. */
  gaussian(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** A tensor of normal numbers. */
  normal(shape: readonly number[], { mean = 0, std = 1 } = {}): Tensor {
    return this.#fill(shape, () => mean + std * this.gaussian());
  }

  /** A tensor of numbers uniform in [min, max). */
  uniform(shape: readonly number[], { min = 0, max = 1 } = {}): Tensor {
    return this.#fill(shape, () => min + (max - min) * this.next());
  }

  /** A tensor of integers uniform in [min, max]: sums of products of small ones are exact in float32 too. */
  integers(shape: readonly number[], { min = -4, max = 4 } = {}): Tensor {
    return this.#fill(shape, () => this.integer(min, max));
  }

  /** A tensor of distinct values at least `gap` apart in random order: no ties, and safe from kinks under a small step. */
  distinct(shape: readonly number[], { gap = 0.05 } = {}): Tensor {
    const size = sizeOf(shape);
    const values = Array.from({ length: size }, (_, i) => (i - (size - 1) / 2 + 0.25) * gap);
    for (let i = size - 1; i > 0; i--) {
      const j = this.integer(0, i);
      [values[i], values[j]] = [values[j]!, values[i]!];
    }
    return this.#fill(shape, (i) => values[i]!);
  }

  #fill(shape: readonly number[], draw: (index: number) => number): Tensor {
    return tensor(
      shape,
      Array.from({ length: sizeOf(shape) }, (_, i) => Math.fround(draw(i))),
    );
  }
}
