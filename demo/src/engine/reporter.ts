/** What training tells the page, in portions. Imports types of gabor and protocol. */
import type { BatchLogs, Callback } from '../../../src/index.ts';
import type { BatchPoint, LabEvent, Progress } from './protocol.ts';

/** Between two events, ms. */
const EVENT_MS = 100;

/** Gathers what batches tell into a few events a second. */
export class Reporter implements Callback {
  #emit: (event: LabEvent) => void;
  #points: BatchPoint[] = [];
  #progress: Progress | null = null;
  #last = performance.now();

  constructor(emit: (event: LabEvent) => void) {
    this.#emit = emit;
  }

  onBatchEnd({ step, loss, accuracy, epoch, batch, batches, samplesPerSecond }: BatchLogs): void {
    this.#points.push({ step, loss, accuracy });
    this.#progress = { step, epoch, batch, batches, imagesPerSecond: samplesPerSecond };
    if (performance.now() - this.#last > EVENT_MS) this.flush();
  }

  flush(): void {
    if (!this.#progress || this.#points.length === 0) return;
    this.#emit({ type: 'batches', points: this.#points, progress: this.#progress });
    this.#points = [];
    this.#last = performance.now();
  }
}
