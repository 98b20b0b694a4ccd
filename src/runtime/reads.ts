/** Outputs of many runs, each read while the runs behind it work: a GPU that has to wait for nobody. Imports gpu, session. */
import type { PlanTensor } from '../compile/plan.ts';
import { waitFor } from '../gpu/wait.ts';
import { decode } from './decode.ts';
import type { Prepared, Session, TensorData } from './session.ts';

/** Runs on their way: one that works, one that waits for it, one that is being read. */
const MOST = 3;

/** Their copies hold so much at most, so that large outputs do not pile up. */
const MOST_BYTES = 64 * 2 ** 20;

interface Read {
  readonly tensor: PlanTensor;
  readonly staging: GPUBuffer;
  readonly mapped: Promise<void>;
}

/** A queue of runs: call `run` while it is not full, `next` for the oldest, `dispose` in any case. */
export class OutputReads {
  #session: Session;
  #flying: Read[] = [];
  #free: GPUBuffer[] = [];

  constructor(session: Session) {
    this.#session = session;
  }

  get length(): number {
    return this.#flying.length;
  }

  /** Whether `next` should come before another `run`. */
  get isFull(): boolean {
    const bytes = this.#flying.reduce((sum, { staging }) => sum + staging.size, 0);
    const largest = this.#flying[0]?.staging.size ?? 0;
    return this.#flying.length > 0 && (this.#flying.length >= MOST || bytes + largest > MOST_BYTES);
  }

  #take(bytes: number): GPUBuffer {
    const at = this.#free.findIndex(({ size }) => size >= bytes);
    if (at >= 0) return this.#free.splice(at, 1)[0]!;
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return this.#session.device.ledger.create('output staging', bytes, usage);
  }

  /** Runs a plan with what was written to its inputs, and sends for one of its outputs. Returns at once. */
  run(prepared: Prepared, name: string): void {
    const tensor = prepared.plan.outputs.find((output) => output.name === name)!;
    const { buffer, offset, bytes } = tensor.place;
    const staging = this.#take(bytes);
    try {
      const copy = { source: prepared.bufferOf(buffer), sourceOffset: offset, target: staging, bytes };
      this.#session.run([prepared, copy]);
    } catch (error) {
      this.#free.push(staging);
      throw error;
    }
    const mapped = staging.mapAsync(GPUMapMode.READ, 0, bytes);
    mapped.catch(() => {}); // `next` tells, unless nobody asks any more
    this.#flying.push({ tensor, staging, mapped });
  }

  /** The output of the oldest run, row-major. */
  async next(): Promise<TensorData> {
    const { tensor, staging, mapped } = this.#flying[0]!;
    await waitFor(mapped);
    const bytes = staging.getMappedRange(0, tensor.place.bytes).slice(0);
    staging.unmap();
    this.#flying.shift();
    this.#free.push(staging);
    return decode(tensor, bytes);
  }

  /** Frees its memory, whatever is on its way. */
  dispose(): void {
    for (const buffer of [...this.#free, ...this.#flying.map(({ staging }) => staging)])
      this.#session.device.ledger.destroy(buffer);
    this.#free = [];
    this.#flying = [];
  }
}
