/**
 * The ring of metrics: each step leaves its loss and hits in a slot on the GPU; every few steps the ring is copied to a
 * staging buffer, in the step's own encoder, and read when the copy arrives. That arrival is also how the training loop
 * knows how far the GPU is. Imports gpu and util.
 */
import type { Device } from '../gpu/device.ts';
import { allOrNone } from '../gpu/ledger.ts';
import { waitFor } from '../gpu/wait.ts';

export interface StepMetrics {
  readonly loss: number;
  readonly correct: number;
  readonly samples: number;
  /** Of all gradients, where they were clipped by norm; else 0. */
  readonly gradientNorm: number;
}

/** Steps that fit before the ring must have been read. */
export const RING_SLOTS = 64;

const SLOT_BYTES = 16;

/** A copy on its way. */
export interface RingRead {
  /** Waits for it; the metrics are in the order of the slots asked for. Call once. */
  collect(): Promise<readonly StepMetrics[]>;
}

export class MetricsRing {
  readonly buffer: GPUBuffer;
  #device: Device;
  #staging: readonly GPUBuffer[];
  #free: GPUBuffer[];

  constructor(device: Device, stagingCount = 3) {
    this.#device = device;
    const bytes = RING_SLOTS * SLOT_BYTES;
    const [buffer, staging] = allOrNone(device.ledger, (create) => [
      create('metrics ring', bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC),
      Array.from({ length: stagingCount }, () =>
        create('metrics staging', bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST),
      ),
    ]);
    this.buffer = buffer;
    this.#staging = staging;
    this.#free = [...staging];
  }

  /** A staging buffer to copy the ring to; null while all of them are on their way. */
  take(): GPUBuffer | null {
    return this.#free.pop() ?? null;
  }

  /** Call after the submit that copied the ring into `staging`. */
  read(staging: GPUBuffer, slots: readonly number[]): RingRead {
    const mapped = staging.mapAsync(GPUMapMode.READ);
    mapped.catch(() => {}); // whoever collects hears of it; a ring may also be disposed of with reads on their way
    return {
      collect: async () => {
        await waitFor(mapped);
        const data = new Float32Array(staging.getMappedRange().slice(0));
        staging.unmap();
        this.#free.push(staging);
        return slots.map((slot): StepMetrics => {
          const [loss = 0, correct = 0, samples = 0, gradientNorm = 0] = data.subarray(slot * 4, slot * 4 + 4);
          return { loss, correct, samples, gradientNorm };
        });
      },
    };
  }

  dispose(): void {
    for (const buffer of [this.buffer, ...this.#staging]) this.#device.ledger.destroy(buffer);
  }
}
