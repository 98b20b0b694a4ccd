/** `createSession`: inference alone, without gradients and optimizer state. Imports engine, checkpoint, predict. */
import type { Chooser } from '../compile/select.ts';
import type { Device } from '../gpu/device.ts';
import type { Value } from '../graph/types.ts';
import { crossEntropy } from '../nn/losses.ts';
import type { Model } from '../nn/model.ts';
import { sigmoid, softmax } from '../ops/index.ts';
import type { TuneMode } from '../runtime/tuner.ts';
import { ArgumentError, StateError } from '../util/errors.ts';
import { decodeCheckpoint } from './checkpoint.ts';
import { Engine } from './engine.ts';
import { type PredictInput, runPredict } from './predict.ts';
import type { TuneOptions } from './tune-options.ts';
import { checkWeights, loadWeights } from './weights.ts';

export interface SessionOptions {
  /** Bytes of a safetensors file: a checkpoint of a trainer, or weights with the model's parameter names. */
  readonly weights: Uint8Array;
  /** Use the averaged weights that a checkpoint holds beside the weights; default false. */
  readonly useEma?: boolean;
  /** What is done to the model's output. Default: what the checkpoint's loss would do (softmax for cross-entropy), else nothing. */
  readonly output?: 'softmax' | 'sigmoid' | 'none';
  /** Most samples in one run; default 64. */
  readonly batchSize?: number;
  /** Picks kernels; default: the best for the device. */
  readonly choose?: Chooser;
  /** Picks kernels by trial at the first prediction; see TrainerOptions. Default 'off'. */
  readonly tune?: TuneMode | TuneOptions;
}

export interface InferenceSession {
  readonly device: Device;
  readonly model: Model;
  /** Outputs row-major [n, ...outputShape]; bytes are normalised as the checkpoint says, a Float32Array is taken as it is. */
  predict(data: PredictInput): Promise<Float32Array<ArrayBuffer>>;
  /** For those who look inside. */
  readonly engine: Engine;
  readonly batchSize: number;
  /** Frees its GPU memory. The device stays. */
  dispose(): void;
}

const OUTPUTS: { readonly [name: string]: (output: Value) => Value } = {
  softmax: (output) => softmax(output, { axis: 1 }),
  sigmoid,
  none: (output) => output,
};

const BY_LOSS: { readonly [loss: string]: 'softmax' | 'sigmoid' } = {
  crossEntropy: 'softmax',
  crossEntropyProbs: 'softmax',
  bceWithLogits: 'sigmoid',
};

/**
 * A model with weights, ready to predict.
 *
 * @throws FormatError where the bytes are damaged, StateError where they belong to another model.
 */
export function createSession(
  device: Device,
  model: Model,
  { weights, output, batchSize = 64, choose, tune, useEma = false }: SessionOptions,
): InferenceSession {
  const decoded = decodeCheckpoint(weights);
  const average = decoded.slots.get('ema');
  if (useEma && !average && decoded.training?.weights !== 'ema')
    throw new StateError(
      'createSession: the file has no averaged weights. Train with ema: { decay }, or leave out useEma.',
    );
  const checkpoint = { ...decoded, tensors: new Map([...decoded.tensors, ...(useEma && average ? average : [])]) };
  const { training } = checkpoint;
  const wanted = output ?? (training ? BY_LOSS[training.loss.name] : undefined) ?? 'none';
  const apply = Object.hasOwn(OUTPUTS, wanted) ? OUTPUTS[wanted] : undefined;
  if (!apply) throw new ArgumentError(`createSession: output is "${wanted}". Use ${Object.keys(OUTPUTS).join(', ')}.`);
  // Only `predict` of the loss is used; no seed, since every value comes from the file.
  const engine = new Engine(device, model, { loss: { ...crossEntropy(), predict: apply }, choose, tune, batchSize });
  try {
    checkWeights(engine, checkpoint);
    loadWeights(engine, checkpoint);
  } catch (error) {
    engine.dispose();
    throw error;
  }
  engine.normalization = training?.normalization ?? null;
  return {
    device,
    model,
    engine,
    batchSize,
    predict: (data) => runPredict({ engine, batchSize }, data),
    dispose: () => engine.dispose(),
  };
}
