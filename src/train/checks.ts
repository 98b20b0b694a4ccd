/** Whether data fits a model and a loss: all that can be wrong is found here, before any GPU work. Imports data, nn, util. */
import type { Batch, Dataset } from '../data/dataset.ts';
import type { Loss } from '../nn/losses.ts';
import { checkInput, type Model } from '../nn/model.ts';
import { ArgumentError, StateError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';

interface Fits {
  readonly model: Model;
  readonly loss: Loss;
  /** The function that was called, for the message. */
  readonly at: string;
}

/** Throws ShapeError or ArgumentError unless the data set fits. */
export function checkDataset(
  data: Dataset,
  { model, loss, batchSize, at }: Fits & { readonly batchSize: number },
): void {
  checkInput(model, data.shape, at);
  const { shape, dtype } = loss.target([1, ...model.outputShape]);
  const classes = model.outputShape[0] ?? 1;
  if ((dtype === 'i32') !== data.targets instanceof Int32Array || sizeOf(shape) !== sizeOf(data.targetShape)) {
    throw new ArgumentError(
      `${at}: targets are ${data.targets.constructor.name} ${show(data.targetShape)} for each sample, ${loss.name} needs ${dtype} ${show(shape.slice(1))}. Use another loss or other targets.`,
    );
  }
  if (data.classes !== null && data.classes > classes) {
    throw new ArgumentError(
      `${at}: the data has ${data.classes} classes, the model ${classes} outputs. Give the last layer ${data.classes} outputs.`,
    );
  }
  if (batchSize > data.count) {
    throw new ArgumentError(
      `${at}: the batch size is ${batchSize}, the data set has ${data.count} samples. Use a batch of ${data.count} at most.`,
    );
  }
}

/** Samples in a batch of host data. Throws StateError or ArgumentError unless it fits. */
export function checkBatch({ x, y }: Pick<Batch, 'x' | 'y'>, { model, loss, at }: Fits): number {
  const size = x.length / sizeOf(model.inputShape);
  if (!(x instanceof Float32Array) || !Number.isInteger(size) || size < 1) {
    throw new StateError(
      `${at}: x is ${x.constructor.name} of ${x.length}, not a whole number of samples of ${show(model.inputShape)}. Pass whole samples as Float32Array.`,
    );
  }
  const target = loss.target([size, ...model.outputShape]);
  if (y.length !== sizeOf(target.shape) || (target.dtype === 'i32') !== y instanceof Int32Array) {
    throw new StateError(
      `${at}: y is ${y.constructor.name} of ${y.length}, ${size} samples need ${target.dtype} ${show(target.shape)}. ` +
        'Pass one target for each sample: labels as Int32Array, values as Float32Array.',
    );
  }
  const classes = model.outputShape[0] ?? 1;
  const wrong =
    y instanceof Int32Array
      ? y.find((label) => label !== loss.config.ignoreIndex && (label < 0 || label >= classes))
      : undefined;
  if (wrong !== undefined)
    throw new ArgumentError(
      `${at}: label ${wrong} is not one of 0..${classes - 1}. Correct the labels, or give the model more outputs.`,
    );
  return size;
}

/** How long fit trains. */
export function checkCounts({ epochs, maxSteps }: { epochs: number; maxSteps: number }): void {
  if (!Number.isInteger(epochs) || epochs < 0)
    throw new ArgumentError(`fit: epochs is ${epochs}. Pass a whole number from 0.`);
  if (!(maxSteps === Number.POSITIVE_INFINITY || Number.isInteger(maxSteps)) || maxSteps < 1)
    throw new ArgumentError(`fit: maxSteps is ${maxSteps}. Pass a whole number from 1.`);
}
