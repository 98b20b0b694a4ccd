/** Integers that kernels of many runs add to, read once at the end. Imports gpu. */
import type { Device } from '../gpu/device.ts';
import { readRanges } from '../gpu/readback.ts';

export class Counts {
  readonly buffer: GPUBuffer;
  readonly bytes: number;
  #device: Device;
  #length: number;

  /** So many counts, zero. */
  constructor(device: Device, length: number) {
    this.#device = device;
    this.#length = length;
    this.bytes = Math.ceil(length / 4) * 16;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    this.buffer = device.ledger.create('counts', this.bytes, usage);
  }

  clear(): void {
    this.#device.gpu.queue.writeBuffer(this.buffer, 0, new Uint32Array(this.bytes / 4));
  }

  /** After all work submitted so far. */
  async read(): Promise<Uint32Array<ArrayBuffer>> {
    const [bytes] = await readRanges(this.#device, [{ buffer: this.buffer, offset: 0, bytes: this.bytes }]);
    return new Uint32Array(bytes!, 0, this.#length);
  }

  dispose(): void {
    this.#device.ledger.destroy(this.buffer);
  }
}
