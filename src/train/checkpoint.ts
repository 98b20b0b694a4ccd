/** Checkpoints: a safetensors file with weights, running statistics, optimizer state, position, seed and the model itself. Imports io, nn, util. */
import type { Json } from '../graph/types.ts';
import { readSafetensors, type TensorRecord, writeSafetensors } from '../io/safetensors.ts';
import { type Model, type ModelDescription, type ModelFromOptions, modelFrom } from '../nn/model.ts';
import { FormatError } from '../util/errors.ts';
import type { NamedTensor } from './engine.ts';

/** Where a run is: what a resumed one needs to go on exactly. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Epochs done, and batches done of the one after. */
  readonly epoch: number;
  readonly batch: number;
}

export interface Checkpoint {
  /** Weights and running statistics by name. */
  readonly tensors: ReadonlyMap<string, NamedTensor>;
  /** Optimizer state by slot name and parameter name; empty in a file of weights alone. */
  readonly slots: ReadonlyMap<string, ReadonlyMap<string, NamedTensor>>;
  /** What made it: absent in files of other programs. */
  readonly training: TrainingRecord | null;
}

/** The metadata of a training run, as JSON. */
export type TrainingRecord = {
  readonly model: ModelDescription;
  readonly position: { readonly step: number; readonly epoch: number; readonly batch: number };
  readonly seed: number;
  readonly batchSize: number;
  readonly optimizer: { readonly name: string; readonly config: Json };
  readonly loss: { readonly name: string; readonly config: Json };
  /** How samples of bytes were normalised. */
  readonly normalization: { readonly mean: readonly number[]; readonly std: readonly number[] } | null;
  /** How the gradients change the weights; absent in older files. */
  readonly update?: UpdateRecord;
  /** Sums over the batches done of an epoch, where it was left in the middle. */
  readonly totals?: Totals;
  /** 'ema' where the file has the averaged weights in place of the weights: it cannot be gone on with. */
  readonly weights?: 'ema';
  /** What else the caller wants to keep: names of classes, the command line, ... */
  readonly extra: Json;
};

/** Of the samples that an epoch has seen; loss is null where it is no number. */
export type Totals = { readonly loss: number | null; readonly correct: number; readonly samples: number };

/** Groups (none where all parameters are trained alike), schedule and accumulation, as JSON. */
export type UpdateRecord = {
  readonly groups: readonly {
    readonly parameters: readonly string[];
    readonly lr: number;
    readonly weightDecay: number;
    readonly l1: number;
    readonly frozen: boolean;
  }[];
  readonly schedule: { readonly name: string; readonly config: Json; readonly state: Json } | null;
  readonly clip: Json;
  /** Batches done in all; batches and samples whose gradients wait for a step. */
  readonly accumulation: {
    readonly steps: number;
    readonly passes: number;
    readonly batches: number;
    readonly samples: number;
  };
  readonly ema: { readonly decay: number } | null;
};

const FORMAT = 'gabor-1';

const record = ({ shape, data }: NamedTensor): TensorRecord => ({ dtype: 'F32', shape, data });

/** The bytes of a checkpoint; equal ones for equal content. */
export function encodeCheckpoint({ tensors, slots, training }: Checkpoint): Uint8Array<ArrayBuffer> {
  const all = new Map<string, TensorRecord>();
  for (const [name, tensor] of tensors) all.set(name, record(tensor));
  for (const [slot, values] of slots)
    for (const [name, tensor] of values) all.set(`optimizer.${slot}.${name}`, record(tensor));
  return writeSafetensors(all, training ? { format: FORMAT, training: JSON.stringify(training) } : {});
}

const isCount = (n: unknown): boolean => Number.isSafeInteger(n) && Number(n) >= 0;

const isUpdate = ({ groups, accumulation }: UpdateRecord): boolean =>
  Array.isArray(groups) &&
  groups.every((group) => Array.isArray(group?.parameters)) &&
  [accumulation?.passes, accumulation?.batches, accumulation?.samples].every(isCount);

function parseTraining(text: string | undefined): TrainingRecord | null {
  if (text === undefined) return null;
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FormatError('checkpoint: its training record is not JSON. The file is damaged; use another one.', {
      cause,
    });
  }
  const r = json as TrainingRecord;
  const ok =
    typeof json === 'object' &&
    json !== null &&
    typeof r.model === 'object' &&
    typeof r.optimizer?.name === 'string' &&
    typeof r.loss?.name === 'string' &&
    isCount(r.position?.step) &&
    isCount(r.position?.epoch) &&
    isCount(r.position?.batch) &&
    isCount(r.seed) &&
    isCount(r.batchSize) &&
    (r.update === undefined || isUpdate(r.update)) &&
    (r.totals === undefined || (isCount(r.totals?.correct) && isCount(r.totals.samples)));
  if (!ok)
    throw new FormatError(
      'checkpoint: its training record lacks the model, position, seed, batch size, optimizer or loss. The file is damaged; use another one.',
    );
  return r;
}

/** Reads a checkpoint, or any safetensors file of float32 weights. Throws FormatError where it is damaged. */
export function decodeCheckpoint(bytes: Uint8Array): Checkpoint {
  const file = readSafetensors(bytes);
  const training = file.metadata.get('format') === FORMAT ? parseTraining(file.metadata.get('training')) : null;
  const tensors = new Map<string, NamedTensor>();
  const slots = new Map<string, Map<string, NamedTensor>>();
  for (const [name, tensor] of file.tensors) {
    if (tensor.dtype !== 'F32') continue; // counters of other programs (num_batches_tracked) are no weights
    const value: NamedTensor = { shape: tensor.shape, data: new Float32Array(tensor.data) };
    const slot = training ? /^optimizer\.([^.]+)\.(.+)$/.exec(name) : null;
    if (!slot) tensors.set(name, value);
    else {
      const [, key = '', parameter = ''] = slot;
      slots.set(key, (slots.get(key) ?? new Map()).set(parameter, value));
    }
  }
  return { tensors, slots, training };
}

/** The model that a checkpoint carries; `layers` makes your own layers in it. Throws FormatError where it carries none. */
export function modelOf({ training }: Checkpoint, options: ModelFromOptions = {}): Model {
  if (!training)
    throw new FormatError(
      'checkpoint: it holds weights but no model description. Build the model in code and load the weights into it.',
    );
  return modelFrom(training.model, options);
}
