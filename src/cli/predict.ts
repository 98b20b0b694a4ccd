/** `gabor predict`. Imports cli, io, train. */
import { toMnistDigit } from '../io/digit.ts';
import { readFileBytes } from '../io/files.ts';
import { decodeImage } from '../io/image.ts';
import type { Model } from '../nn/model.ts';
import { decodeCheckpoint, modelOf } from '../train/checkpoint.ts';
import { createSession } from '../train/inference.ts';
import { FormatError, StateError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';
import { classesOf } from './checkpoint-facts.ts';
import { type Command, type Io, JSON_OPTION } from './command.ts';
import { warnOfSoftware, withDevice } from './device.ts';
import type { Options } from './options.ts';
import { percent } from './report/format.ts';

const DIGIT_SHAPE = '[1,28,28]';
const BAR_CELLS = 30;
const DEFAULT_TOP = 3;

interface Ranked {
  readonly class: string;
  readonly probability: number;
}

function checkModel({ inputShape, outputShape }: Model, file: string): void {
  if (show(inputShape) === DIGIT_SHAPE && outputShape.length === 1) return;
  throw new StateError(
    `${JSON.stringify(file)} takes ${show(inputShape)} and gives ${show(outputShape)}: images are made for classifiers of ${DIGIT_SHAPE} only. Use createSession of the library.`,
  );
}

/** The image as a digit of MNIST's form. */
async function readDigit(path: string): Promise<Uint8Array> {
  const image = await decodeImage(await readFileBytes(path), { name: path });
  try {
    return toMnistDigit(image);
  } catch (cause) {
    if (cause instanceof FormatError) throw new FormatError(`${path}: ${cause.message}`, { cause });
    throw cause;
  }
}

function rank(probabilities: Float32Array, classes: readonly string[]): Ranked[] {
  return Array.from(probabilities, (probability, i) => ({ class: classes[i]!, probability })).sort(
    (a, b) => b.probability - a.probability,
  );
}

function describe(image: string, ranked: readonly Ranked[]): string {
  const width = Math.max(...ranked.map((entry) => entry.class.length));
  const rows = ranked.map(({ class: name, probability }) => {
    const bar = '█'.repeat(Math.round(probability * BAR_CELLS)).padEnd(BAR_CELLS, '·');
    return `  ${name.padStart(width)}  ${bar}  ${percent(probability).padStart(7)}`;
  });
  return [`${image}: ${ranked[0]!.class}`, ...rows].join('\n');
}

async function run([file = '', ...images]: readonly string[], options: Options, io: Io): Promise<number> {
  const top = options.whole('top', { min: 1, max: 1000 }) ?? DEFAULT_TOP;
  const weights = await readFileBytes(file);
  const checkpoint = decodeCheckpoint(weights);
  const model = modelOf(checkpoint);
  checkModel(model, file);
  const width = model.outputShape[0]!;
  const each = sizeOf(model.inputShape);
  const pixels = new Uint8Array(images.length * each);
  for (const [i, path] of images.entries()) pixels.set(await readDigit(path), i * each);
  return withDevice(io, async (device) => {
    warnOfSoftware(device.adapter, io);
    const session = createSession(device, model, { weights });
    try {
      const probabilities = await session.predict(pixels);
      const classes = classesOf(checkpoint, width);
      const results = images.map((image, i) => {
        const ranked = rank(probabilities.subarray(i * width, (i + 1) * width), classes);
        return { image, class: ranked[0]!.class, probabilities: ranked.slice(0, top) };
      });
      if (options.flag('json')) io.print(JSON.stringify(results));
      else for (const { image, probabilities: best } of results) io.print(describe(image, best));
      return 0;
    } finally {
      session.dispose();
    }
  });
}

export const predictCommand: Command = {
  usage: 'predict <file> <...images>',
  text: 'classify pictures (PNG or JPEG, any size) with a trained model',
  options: [{ flags: '--top <K>', text: 'show the K most likely classes', default: DEFAULT_TOP }, JSON_OPTION],
  examples: ['predict out/mnist/model.safetensors digit.png photo.jpg'],
  run,
};
