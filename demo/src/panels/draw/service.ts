/** Panel "Draw" in the worker: drawings as MNIST would have them, and digits of the test set. Imports gabor's digit reader, lab. */
import { FormatError } from '../../../../src/index.ts';
import type { Lab, Service } from '../../engine/lab.ts';

export class DrawService implements Service {
  #lab: Lab;
  /** Where the last one was taken from, so that asking again gives another. */
  #last = -1;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** A new network begins with the first images. */
  attach(): void {
    this.#last = -1;
  }

  /** A drawing of side x side, 0 = black to 1 = white, as 28 x 28 bytes; null where it is blank. */
  async digitOf(data: Float32Array, side: number): Promise<Uint8Array<ArrayBuffer> | null> {
    // Only who draws needs the reader of digits: it is no part of the first load.
    const { toMnistDigit } = await import('../../../../src/io/digit.ts');
    try {
      return Uint8Array.from(toMnistDigit({ width: side, height: side, data }));
    } catch (error) {
      if (error instanceof FormatError) return null;
      throw error;
    }
  }

  /** The next test image of a class, or of any. */
  next(label: number | null): {
    readonly index: number;
    readonly pixels: Uint8Array<ArrayBuffer>;
    readonly label: number;
  } {
    const { targets, count } = this.#lab.mnist.test;
    let index = this.#last;
    do index = (index + 1) % count;
    while (label !== null && targets[index] !== label);
    this.#last = index;
    return { index, ...this.#lab.testImage(index) };
  }
}
