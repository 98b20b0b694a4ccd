/** The door of "Mistakes" in the worker: loads what reads and explains when the panel first asks for it. Imports types, part. */
import type { Callback } from '../../../../src/index.ts';
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import type { Mistakes, MistakesEvent } from './part.ts';

export class MistakesService implements Service {
  #lab: Lab;
  #experiment: Experiment | null = null;
  #loading: Promise<Mistakes> | null = null;
  #part: Mistakes | null = null;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  attach(experiment: Experiment | null): void {
    this.#experiment = experiment;
    this.#part?.attach(experiment);
  }

  callbacks(): readonly Callback[] {
    const data: MistakesEvent = { type: 'epoch' };
    return [{ onEpochEnd: () => this.#lab.emit({ type: 'panel', panel: 'mistakes', data }) }];
  }

  #mistakes(): Promise<Mistakes> {
    this.#loading ??= import('./part.ts').then(({ Mistakes }) => {
      this.#part = new Mistakes(this.#lab);
      this.#part.attach(this.#experiment);
      return this.#part;
    });
    return this.#loading;
  }

  async survey(...args: Parameters<Mistakes['survey']>): ReturnType<Mistakes['survey']> {
    return (await this.#mistakes()).survey(...args);
  }

  async images(...args: Parameters<Mistakes['images']>): Promise<ReturnType<Mistakes['images']>> {
    return (await this.#mistakes()).images(...args);
  }

  async explain(...args: Parameters<Mistakes['explain']>): ReturnType<Mistakes['explain']> {
    return (await this.#mistakes()).explain(...args);
  }
}
