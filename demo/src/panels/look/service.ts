/** The door of "Look inside" in the worker: loads what draws when the panel first asks for it. Imports types, late, part. */
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import { Late } from '../../engine/late.ts';
import type { Look } from './part.ts';

export class LookService implements Service {
  #late: Late<Look>;

  constructor(lab: Lab) {
    this.#late = new Late(async () => new (await import('./part.ts')).Look(lab));
  }

  attach(experiment: Experiment | null): void {
    this.#late.attach(experiment);
  }

  async open(...args: Parameters<Look['open']>): Promise<void> {
    (await this.#late.ask()).open(...args);
  }

  async close(...args: Parameters<Look['close']>): Promise<void> {
    (await this.#late.ask()).close(...args);
  }

  async place(...args: Parameters<Look['place']>): Promise<void> {
    (await this.#late.ask()).place(...args);
  }

  async draw(...args: Parameters<Look['draw']>): ReturnType<Look['draw']> {
    return (await this.#late.ask()).draw(...args);
  }

  async pick(...args: Parameters<Look['pick']>): ReturnType<Look['pick']> {
    return (await this.#late.ask()).pick(...args);
  }

  async explain(...args: Parameters<Look['explain']>): ReturnType<Look['explain']> {
    return (await this.#late.ask()).explain(...args);
  }
}
