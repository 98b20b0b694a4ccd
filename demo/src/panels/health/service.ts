/** Health's door in the worker: loads what watches and compares when the panel is first seen. Imports types, part. */
import type { BatchLogs, Callback, Trainer } from '../../../../src/index.ts';
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import type { Health } from './part.ts';
import type { Duel } from './protocol.ts';

export class HealthService implements Service {
  #lab: Lab;
  #experiment: Experiment | null = null;
  #loading: Promise<Health> | null = null;
  #part: Health | null = null;
  /** Takes part in every training, so that the panel may be scrolled to while one is under way. */
  #callback: Callback = {
    onTrainBegin: async (trainer: Trainer) => this.#part?.watch.begin(trainer),
    onBatchEnd: async (logs: BatchLogs) => this.#part?.watch.batch(logs.step),
    onTrainEnd: async () => this.#part?.watch.end(),
  };

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  attach(experiment: Experiment | null): void {
    this.#experiment = experiment;
    this.#part?.attach(experiment);
  }

  callbacks(): readonly Callback[] {
    return [this.#callback];
  }

  async #health(): Promise<Health> {
    this.#loading ??= import('./part.ts').then(({ Health }) => {
      this.#part = new Health(this.#lab);
      this.#part.attach(this.#experiment);
      return this.#part;
    });
    return this.#loading;
  }

  /** Whether steps are to be looked at: while somebody sees the panel. */
  async visible(visible: boolean): Promise<void> {
    if (!visible && !this.#loading) return;
    (await this.#health()).watch.wanted = visible;
  }

  /** Trains with both losses side by side; ends when they are done, or after `cancel`. */
  async compare(duel: Duel): Promise<void> {
    await (await this.#health()).compare(duel);
  }

  cancel(): void {
    this.#part?.cancel();
  }
}
