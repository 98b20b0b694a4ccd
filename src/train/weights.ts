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

/** Writes all weights of a checked file. */
export function loadWeights(engine: Engine, { tensors }: Checkpoint): void {
  for (const { name } of [...engine.parameters, ...engine.states]) engine.writeTensor(name, tensors.get(name)!.data);
}
