/** Weights from a file or from numbers into a model on a device. Imports engine, updater, checkpoint, util. */
import { StateError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';
import type { Checkpoint, TrainingRecord } from './checkpoint.ts';
import type { Engine, NamedTensor } from './engine.ts';
import type { LoadOptions } from './options.ts';
import type { Updater } from './updater.ts';

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

/** Writes some tensors; throws StateError where one is unknown or has another shape, before any is written. */
export function setTensors(engine: Engine, values: ReadonlyMap<string, NamedTensor>): void {
  const entries = new Map([...engine.parameters, ...engine.states].map((entry) => [entry.name, entry]));
  for (const [name, { shape, data }] of values) {
    const entry = entries.get(name);
    if (!entry)
      throw new StateError(
        `setParameters: the model has no "${name}". Pass some of ${[...entries.keys()].join(', ')}.`,
      );
    if (show(shape) !== show(entry.shape) || data.length !== sizeOf(shape))
      throw new StateError(
        `setParameters: "${name}" is given as ${show(shape)} with ${data.length} values, the model has ${show(entry.shape)}. Pass tensors of the same model.`,
      );
  }
  for (const [name, { data }] of values) engine.writeTensor(name, data);
}

/**
 * Takes a checkpoint: weights and, unless the file has none or they are not wanted, the optimizer's state. Returns where the
 * run of the file was, if it is gone on with. Throws before anything is written.
 */
export function loadCheckpoint(
  checkpoint: Checkpoint,
  { engine, updater }: { readonly engine: Engine; readonly updater: Updater },
  { weightsOnly = false }: LoadOptions,
): TrainingRecord | null {
  checkWeights(engine, checkpoint);
  const { training } = checkpoint;
  const resume = !weightsOnly && training !== null;
  if (resume) updater.check(checkpoint);
  loadWeights(engine, checkpoint);
  updater.resetEma();
  engine.normalization = training?.normalization ?? engine.normalization;
  if (!resume) return null;
  updater.load(checkpoint);
  return training;
}
