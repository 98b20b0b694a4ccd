/** The mountain's door in the worker: loads what computes and draws it when the panel is first seen. Imports types, part. */
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import type { Mountain, Size } from './part.ts';
import type { View, Wish } from './protocol.ts';

export class MountainService implements Service {
  #lab: Lab;
  #experiment: Experiment | null = null;
  #part: Promise<Mountain> | null = null;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  #mountain(): Promise<Mountain> {
    this.#part ??= import('./part.ts').then((part) => {
      const mountain = new part.Mountain(this.#lab);
      mountain.attach(this.#experiment);
      return mountain;
    });
    return this.#part;
  }

  async attach(experiment: Experiment | null): Promise<void> {
    this.#experiment = experiment;
    (await this.#part)?.attach(experiment);
  }

  async canvas(canvas: OffscreenCanvas, size: Size, view: View): Promise<void> {
    (await this.#mountain()).canvas(canvas, size, view);
  }

  async resize(size: Size): Promise<void> {
    (await this.#mountain()).resize(size);
  }

  async show(view: View): Promise<void> {
    (await this.#mountain()).show(view);
  }

  async visible(visible: boolean): Promise<void> {
    (await this.#mountain()).visible(visible);
  }

  async compute(wish: Wish): Promise<void> {
    await (await this.#mountain()).compute(wish);
  }

  async cancel(): Promise<void> {
    (await this.#mountain()).cancel();
  }
}
