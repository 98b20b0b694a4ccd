/** Weights from a file into a model on a device. Imports engine, checkpoint, util. */
import { StateError } from '../util/errors.ts';
import { show } from '../util/shape.ts';
import type { Checkpoint } from './checkpoint.ts';
import type { Engine } from './engine.ts';

/** Throws StateError unless a file holds every weight of the model in its shape. */
export function checkWeights(engine: Engine, { tensors }: Checkpoint): void {
  for (const { name, shape } of [...engine.parameters, ...engine.states]) {
    const found = tensors.get(name);
    if (!found)
      throw new StateError(
        `load: the file has no "${name}" (it has ${[...tensors.keys()].slice(0, 8).join(', ')}, ...). Load it into the model that was saved.`,
      );
    if (show(found.shape) !== show(shape)) {
      throw new StateError(
        `load: "${name}" is ${show(found.shape)} in the file, ${show(shape)} in the model. Load it into the model that was saved.`,
      );
    }
  }
}

/** Throws StateError unless a file of a training run holds the optimizer's state of every parameter. */
export function checkSlots(
  engine: Engine,
  { slots, training }: Checkpoint,
  optimizer: { readonly name: string; readonly slots: readonly string[] },
): void {
  const advice = 'Use the same optimizer, or load with { weightsOnly: true }.';
  const missing = optimizer.slots.filter((slot) => !slots.has(slot));
  if (training?.optimizer.name !== optimizer.name || missing.length > 0) {
    throw new StateError(
      `load: the file was trained with ${training?.optimizer.name}, this trainer uses ${optimizer.name}${missing.length > 0 ? ` (missing ${missing.join(', ')})` : ''}. ${advice}`,
    );
  }
  for (const slot of optimizer.slots) {
    const tensors = slots.get(slot)!;
    for (const { name, shape } of engine.parameters) {
      const found = tensors.get(name);
      if (!found) throw new StateError(`load: the file has no "optimizer.${slot}.${name}". ${advice}`);
      if (show(found.shape) !== show(shape)) {
        throw new StateError(
          `load: "optimizer.${slot}.${name}" is ${show(found.shape)} in the file, ${show(shape)} in the model. ${advice}`,
        );
      }
    }
    const stray = [...tensors.keys()].find((name) => !engine.parameters.some((entry) => entry.name === name));
    if (stray !== undefined)
      throw new StateError(`load: the file has "optimizer.${slot}.${stray}", the model no "${stray}". ${advice}`);
  }
}

/** Writes all weights of a checked file. */
export function loadWeights(engine: Engine, { tensors }: Checkpoint): void {
  for (const { name } of [...engine.parameters, ...engine.states]) engine.writeTensor(name, tensors.get(name)!.data);
}
