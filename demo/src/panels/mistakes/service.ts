/** The door of "Mistakes" in the worker: loads what reads and explains when the panel first asks for it. Imports types, late, part. */
import type { Callback } from '../../../../src/index.ts';
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import { Late } from '../../engine/late.ts';
import type { Mistakes, MistakesEvent } from './part.ts';

export class MistakesService implements Service {
  #lab: Lab;
  #late: Late<Mistakes>;

  constructor(lab: Lab) {
    this.#lab = lab;
    this.#late = new Late(async () => new (await import('./part.ts')).Mistakes(lab));
  }

  attach(experiment: Experiment | null): void {
    this.#late.attach(experiment);
  }

  callbacks(): readonly Callback[] {
    const data: MistakesEvent = { type: 'epoch' };
    return [{ onEpochEnd: () => this.#lab.emit({ type: 'panel', panel: 'mistakes', data }) }];
  }

  async survey(...args: Parameters<Mistakes['survey']>): ReturnType<Mistakes['survey']> {
    return (await this.#late.ask()).survey(...args);
  }

  async images(...args: Parameters<Mistakes['images']>): Promise<ReturnType<Mistakes['images']>> {
    return (await this.#late.ask()).images(...args);
  }

  async explain(...args: Parameters<Mistakes['explain']>): ReturnType<Mistakes['explain']> {
    return (await this.#late.ask()).explain(...args);
  }
}
