/**
 * The ring of metrics: the loss and hits of each step are copied to a slot on the GPU, which costs no dispatch; every few
 * steps the ring is copied to a staging buffer, in the step's own encoder, and read when the copy arrives. That arrival is
 * also how the training loop knows how far the GPU is. Imports gpu and util.
 */
import type { Device } from '../gpu/device.ts';
import { allOrNone } from '../gpu/ledger.ts';
import { readRanges } from '../gpu/readback.ts';
import { waitFor } from '../gpu/wait.ts';
import type { Copy, Prepared } from './work.ts';

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

/** What was recorded in a slot. */
interface Batch {
  readonly samples: number;
  /** Whether hits were counted. */
  readonly classifies: boolean;
}

function metricsOf([loss = 0, correct = 0, , gradientNorm = 0]: Float32Array, batch: Batch): StepMetrics {
  return { loss, correct: batch.classifies ? correct : 0, samples: batch.samples, gradientNorm };
}

/** Milliseconds between looks at a copy while others are behind it: the GPU is busy for longer than that. */
export const LONG_NAP = 6;

/** A copy on its way. */
export interface RingRead {
  /** Waits for it, `nap` as for `waitFor`; the metrics are in the order of the slots asked for. Call once. */
  collect(nap?: number): Promise<readonly StepMetrics[]>;
}

export class MetricsRing {
  readonly buffer: GPUBuffer;
  #device: Device;
  #staging: readonly GPUBuffer[];
  #free: GPUBuffer[];
  /** What the host knows of each slot. */
  #batches: Batch[] = Array.from({ length: RING_SLOTS }, () => ({ samples: 0, classifies: false }));

  constructor(device: Device, stagingCount = 3) {
    this.#device = device;
    const bytes = RING_SLOTS * SLOT_BYTES;
    const [buffer, staging] = allOrNone(device.ledger, (create) => [
      create('metrics ring', bytes, GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST),
      Array.from({ length: stagingCount }, () =>
        create('metrics staging', bytes, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST),
      ),
    ]);
    this.buffer = buffer;
    this.#staging = staging;
    this.#free = [...staging];
  }

  /**
   * Copies of the outputs `loss` and `correct` of a plan to a slot: to be made before another plan that draws slabs from the
   * session's pool, and best at the end of a run, since they end a pass.
   */
  record({ plan, bufferOf }: Prepared, { slot, samples }: { readonly slot: number; readonly samples: number }): Copy[] {
    const places = ['loss', 'correct'].map((name) => plan.outputs.find((output) => output.name === name)?.place);
    this.#batches[slot] = { samples, classifies: places[1] !== undefined };
    return places.flatMap((place, i) => {
      if (!place) return [];
      const targetOffset = slot * SLOT_BYTES + 4 * i;
      return [
        { source: bufferOf(place.buffer), sourceOffset: place.offset, target: this.buffer, targetOffset, bytes: 4 },
      ];
    });
  }

  /** What a slot holds, after all work submitted so far. */
  async readSlot(slot: number): Promise<StepMetrics> {
    const batch = this.#batches[slot]!;
    const range = { buffer: this.buffer, offset: slot * SLOT_BYTES, bytes: SLOT_BYTES };
    const [bytes] = await readRanges(this.#device, [range]);
    return metricsOf(new Float32Array(bytes!), batch);
  }

  /** A staging buffer to copy the ring to; null while all of them are on their way. */
  take(): GPUBuffer | null {
    return this.#free.pop() ?? null;
  }

  /** Call after the submit that copied the ring into `staging`. */
  read(staging: GPUBuffer, slots: readonly number[]): RingRead {
    const mapped = staging.mapAsync(GPUMapMode.READ);
    const batches = slots.map((slot) => this.#batches[slot]!);
    mapped.catch(() => {}); // whoever collects hears of it; a ring may also be disposed of with reads on their way
    return {
      collect: async (nap) => {
        await waitFor(mapped, nap);
        const data = new Float32Array(staging.getMappedRange().slice(0));
        staging.unmap();
        this.#free.push(staging);
        return slots.map((slot, i) => metricsOf(data.subarray(slot * 4, slot * 4 + 4), batches[i]!));
      },
    };
  }

  dispose(): void {
    for (const buffer of [this.buffer, ...this.#staging]) this.#device.ledger.destroy(buffer);
  }
}
