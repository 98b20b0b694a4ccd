/** The door of "Look inside" in the worker: loads what draws when the panel first asks for it. Imports types, part. */
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import type { Look } from './part.ts';

export class LookService implements Service {
  #lab: Lab;
  #experiment: Experiment | null = null;
  #loading: Promise<Look> | null = null;
  #part: Look | null = null;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  attach(experiment: Experiment | null): void {
    this.#experiment = experiment;
    this.#part?.attach(experiment);
  }

  /** Calls come in their order, also those that wait for the first. */
  #look(): Promise<Look> {
    this.#loading ??= import('./part.ts').then(({ Look }) => {
      this.#part = new Look(this.#lab);
      this.#part.attach(this.#experiment);
      return this.#part;
    });
    return this.#loading;
  }

  async open(...args: Parameters<Look['open']>): Promise<void> {
    (await this.#look()).open(...args);
  }

  async close(...args: Parameters<Look['close']>): Promise<void> {
    (await this.#look()).close(...args);
  }

  async place(...args: Parameters<Look['place']>): Promise<void> {
    (await this.#look()).place(...args);
  }

  async draw(...args: Parameters<Look['draw']>): ReturnType<Look['draw']> {
    return (await this.#look()).draw(...args);
  }

  async pick(...args: Parameters<Look['pick']>): ReturnType<Look['pick']> {
    return (await this.#look()).pick(...args);
  }

  async explain(...args: Parameters<Look['explain']>): ReturnType<Look['explain']> {
    return (await this.#look()).explain(...args);
  }
}
