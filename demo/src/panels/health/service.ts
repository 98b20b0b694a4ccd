/** Health's door in the worker: loads what watches and compares when the panel is first seen. Imports types, late, part. */
import type { BatchLogs, Callback, Trainer } from '../../../../src/index.ts';
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import { Late } from '../../engine/late.ts';
import type { Health } from './part.ts';
import type { Duel } from './protocol.ts';

export class HealthService implements Service {
  #late: Late<Health>;
  /** Takes part in every training, so that the panel may be scrolled to while one is under way. */
  #callback: Callback = {
    onTrainBegin: async (trainer: Trainer) => this.#late.part?.watch.begin(trainer),
    onBatchEnd: async (logs: BatchLogs) => this.#late.part?.watch.batch(logs.step),
    onTrainEnd: async () => this.#late.part?.watch.end(),
  };

  constructor(lab: Lab) {
    this.#late = new Late(async () => new (await import('./part.ts')).Health(lab));
  }

  attach(experiment: Experiment | null): void {
    this.#late.attach(experiment);
  }

  callbacks(): readonly Callback[] {
    return [this.#callback];
  }

  /** Whether steps are to be looked at: while somebody sees the panel. */
  async visible(visible: boolean): Promise<void> {
    if (!visible && !this.#late.wasAsked) return;
    (await this.#late.ask()).watch.wanted = visible;
  }

  /** Trains with both losses side by side; ends when they are done, or after `cancel`. */
  async compare(duel: Duel): Promise<void> {
    await (await this.#late.ask()).compare(duel);
  }

  cancel(): void {
    this.#late.part?.cancel();
  }
}
