/** Health in the worker: what watches training, and the comparison of two losses. Loaded by the service. Imports lab's types, watch, duel. */
import { lostSoon, messageOf } from '../../engine/failures.ts';
import type { Experiment, Lab } from '../../engine/lab.ts';
import { fight } from './duel.ts';
import type { Duel, HealthEvent } from './protocol.ts';
import { Watch } from './watch.ts';

interface Running {
  readonly abort: AbortController;
  readonly device: Experiment['device'];
  done: Promise<void>;
}

/** Between two looks at whether somebody sees the panel, ms. */
const WAIT_MS = 200;

export class Health {
  readonly watch: Watch;
  #lab: Lab;
  #experiment: Experiment | null = null;
  #running: Running | null = null;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.watch = new Watch((look) => this.#tell({ type: 'look', look }));
  }

  #tell(data: HealthEvent): void {
    this.#lab.emit({ type: 'panel', panel: 'health', data });
  }

  /** The comparison has networks of its own: it ends with the device only. */
  attach(experiment: Experiment | null): void {
    this.watch.attach(experiment);
    this.#experiment = experiment;
    if (experiment && this.#running && this.#running.device !== experiment.device)
      this.#running.abort.abort(new Error('The GPU was lost. Start the comparison again.'));
  }

  cancel(): void {
    this.#running?.abort.abort(null);
  }

  async compare(duel: Duel): Promise<void> {
    const { device } = this.#experiment ?? this.#lab.experiment;
    this.cancel();
    await this.#running?.done;
    const abort = new AbortController();
    const running: Running = { abort, device, done: Promise.resolve() };
    this.#running = running;
    running.done = this.#fight(duel, running);
    await running.done;
  }

  /** Waits while nobody looks; throws where the comparison is no longer wanted. */
  async #gate(signal: AbortSignal): Promise<void> {
    while (!this.watch.wanted && !signal.aborted) await new Promise((resolve) => setTimeout(resolve, WAIT_MS));
    signal.throwIfAborted();
  }

  async #fight(duel: Duel, { abort: { signal }, device }: Running): Promise<void> {
    let message: string | null = null;
    try {
      await fight({
        device,
        data: this.#lab.mnist.train,
        duel,
        gate: () => this.#gate(signal),
        onPoint: (point) => this.#tell({ type: 'duel', point }),
      });
    } catch (error) {
      if (!signal.aborted)
        message = (await lostSoon(device)) ? 'The GPU was lost. Start the comparison again.' : messageOf(error);
      else if (signal.reason) message = messageOf(signal.reason);
    } finally {
      this.#running = null;
      this.#tell({ type: 'duelEnd', message });
    }
  }
}
