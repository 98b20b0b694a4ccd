/** The mountain's door in the worker: loads what computes and draws it when the panel is first seen. Imports types, late, part. */
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import { Late } from '../../engine/late.ts';
import type { Mountain, Size } from './part.ts';
import type { View, Wish } from './protocol.ts';

export class MountainService implements Service {
  #late: Late<Mountain>;

  constructor(lab: Lab) {
    this.#late = new Late(async () => new (await import('./part.ts')).Mountain(lab));
  }

  attach(experiment: Experiment | null): void {
    this.#late.attach(experiment);
  }

  async canvas(canvas: OffscreenCanvas, size: Size, view: View): Promise<void> {
    (await this.#late.ask()).canvas(canvas, size, view);
  }

  async resize(size: Size): Promise<void> {
    (await this.#late.ask()).resize(size);
  }

  async show(view: View): Promise<void> {
    (await this.#late.ask()).show(view);
  }

  async visible(visible: boolean): Promise<void> {
    (await this.#late.ask()).visible(visible);
  }

  async compute(wish: Wish): Promise<void> {
    await (await this.#late.ask()).compute(wish);
  }

  async cancel(): Promise<void> {
    (await this.#late.ask()).cancel();
  }
}
