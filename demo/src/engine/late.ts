/** A panel's part of the worker that is loaded when it is first asked for. Imports lab's types. */
import type { Experiment } from './lab.ts';

export class Late<Part extends { attach(experiment: Experiment | null): void }> {
  /** Null until it is there. */
  part: Part | null = null;
  #load: () => Promise<Part>;
  #loading: Promise<Part> | null = null;
  #experiment: Experiment | null = null;

  constructor(load: () => Promise<Part>) {
    this.#load = load;
  }

  get wasAsked(): boolean {
    return this.#loading !== null;
  }

  /** For the service's own `attach`: a part that comes later gets the network of then. */
  attach(experiment: Experiment | null): void {
    this.#experiment = experiment;
    this.part?.attach(experiment);
  }

  /** Those who ask get it in their order, also those that wait for it. */
  ask(): Promise<Part> {
    this.#loading ??= this.#load().then((part) => {
      this.part = part;
      part.attach(this.#experiment);
      return part;
    });
    return this.#loading;
  }
}
