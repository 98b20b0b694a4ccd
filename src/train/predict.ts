/** Outputs for samples, a batch at a time. Imports engine, data, util. */
import { type Dataset, normalize } from '../data/dataset.ts';
import { OutputReads } from '../runtime/reads.ts';
import { ArgumentError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';
import type { Engine } from './engine.ts';

/** A data set, normalised numbers, or bytes to be normalised as the training data was. */
export type PredictInput = Dataset | Float32Array<ArrayBuffer> | Uint8Array;

export interface Predictor {
  /** The slot of the weights to be used in place of the parameters. */
  readonly weights?: number;
  readonly engine: Engine;
  readonly batchSize: number;
}

/**
 * Samples as the model takes them, a batch at a time: views of the data, or of numbers that the next batch overwrites.
 * Throws ArgumentError where they are none; `at` is the caller.
 */
export function samplesOf(
  { model, normalization }: Pick<Engine, 'model' | 'normalization'>,
  { data, at }: { readonly data: PredictInput; readonly at: string },
): { count: number; take: Take } {
  const { inputShape } = model;
  const each = sizeOf(inputShape);
  if (!(data instanceof Float32Array) && !(data instanceof Uint8Array)) {
    if (show(data.shape) !== show(inputShape)) {
      throw new ArgumentError(
        `${at}: samples have shape ${show(data.shape)}, the model takes ${show(inputShape)}. Use data of that shape.`,
      );
    }
    return { count: data.count, take: batches(data.samples, data) };
  }
  const count = data.length / each;
  if (!Number.isInteger(count) || count < 1) {
    throw new ArgumentError(
      `${at}: ${data.length} values are not a whole number of samples of ${show(inputShape)} (${each} each). Pass whole samples.`,
    );
  }
  const channels = new Array<number>(inputShape[0] ?? 1);
  const { mean, std } = normalization ?? { mean: channels.fill(0), std: [...channels].fill(1) };
  return { count, take: batches(data, { shape: inputShape, mean, std }) };
}

type Take = (first: number, size: number) => Float32Array<ArrayBuffer>;

/** Batches of samples; of bytes as numbers in one memory, since a new one for each would pile up until it is collected. */
function batches(samples: Float32Array<ArrayBuffer> | Uint8Array, as: Parameters<typeof normalize>[1]): Take {
  const each = sizeOf(as.shape);
  let numbers = new Float32Array();
  return (first, size) => {
    const part = samples.subarray(first * each, (first + size) * each);
    if (part instanceof Float32Array) return part as Float32Array<ArrayBuffer>;
    if (numbers.length < part.length) numbers = new Float32Array(part.length);
    return normalize(part, as, numbers.subarray(0, part.length));
  };
}

/** The smallest power of two that holds `count`, at most `most`: few plans serve all sizes. */
export function planBatch(count: number, most: number): number {
  let batch = 1;
  while (batch < count && batch < most) batch *= 2;
  return Math.min(batch, most);
}

/** Row-major [n, ...outputShape]. A few batches are on their way at a time, in their order. */
export async function runPredict(predictor: Predictor, data: PredictInput): Promise<Float32Array<ArrayBuffer>> {
  const { engine, batchSize, weights } = predictor;
  const { session, model } = engine;
  const { count, take } = samplesOf(engine, { data, at: 'predict' });
  const [each, width] = [sizeOf(model.inputShape), sizeOf(model.outputShape)];
  const out = new Float32Array(count * width);
  const reads = new OutputReads(session);
  let read = 0;
  const collect = async (): Promise<void> => {
    const result = await reads.next();
    const size = Math.min(batchSize, count - read);
    out.set(result.subarray(0, size * width), read * width);
    read += size;
  };
  try {
    for (let first = 0; first < count; first += batchSize) {
      const size = Math.min(batchSize, count - first);
      const batch = planBatch(size, batchSize);
      const plan = await engine.plan({ mode: 'predict', batch, weights });
      while (reads.isFull) await collect();
      const x = take(first, size);
      session.write(plan, 'x', x.length === batch * each ? x : padded(x, batch * each));
      reads.run(plan, 'output');
    }
    while (reads.length > 0) await collect();
    return out;
  } finally {
    reads.dispose();
  }
}

/** With zeros behind. */
function padded(x: Float32Array<ArrayBuffer>, length: number): Float32Array<ArrayBuffer> {
  const all = new Float32Array(length);
  all.set(x);
  return all;
}
