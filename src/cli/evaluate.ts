/** `gabor evaluate`. Imports cli, data, io, train. */
import type { Dataset } from '../data/dataset.ts';
import { readFileBytes } from '../io/files.ts';
import { decodeCheckpoint, modelOf } from '../train/checkpoint.ts';
import { createSession } from '../train/inference.ts';
import { StateError } from '../util/errors.ts';
import { show } from '../util/shape.ts';
import { classesOf, datasetOf } from './checkpoint-facts.ts';
import { type Command, type Io, JSON_OPTION } from './command.ts';
import { DATA_OPTION, DATASETS } from './datasets.ts';
import { warnOfSoftware, withDevice } from './device.ts';
import type { Options } from './options.ts';
import { integer, loss as lossText, percent } from './report/format.ts';
import type { ReportConfusion } from './report/index.ts';
import { table } from './table.ts';
import { confusionOf } from './training-report.ts';

/** Mean cross-entropy of logits, in double precision. */
function crossEntropyOf(logits: Float32Array, labels: ArrayLike<number>): number {
  const width = logits.length / labels.length;
  let total = 0;
  for (let i = 0; i < labels.length; i++) {
    const row = logits.subarray(i * width, (i + 1) * width);
    const largest = row.reduce((a, b) => Math.max(a, b), -Infinity);
    const sum = row.reduce((a, b) => a + Math.exp(b - largest), 0);
    total += largest + Math.log(sum) - row[labels[i]!]!;
  }
  return total / labels.length;
}

const sumOf = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);

/** Share of a class's images that are recognised; null where there are none. */
const recallOf = ({ counts }: ReportConfusion, label: number): number | null => {
  const count = sumOf(counts[label]!);
  return count > 0 ? counts[label]![label]! / count : null;
};

function confusionTable(confusion: ReportConfusion): string {
  const { classes, counts } = confusion;
  return table([
    ['label', ...classes, 'images', 'recall'],
    ...counts.map((row, label) => {
      const recall = recallOf(confusion, label);
      const cells = row.map((count) => (count === 0 ? '.' : `${count}`));
      return [classes[label]!, ...cells, integer(sumOf(row)), recall === null ? '-' : percent(recall)];
    }),
  ]);
}

function checkFit(data: Dataset, { inputShape, outputShape }: ReturnType<typeof modelOf>, file: string): void {
  if (show(data.shape) === show(inputShape) && outputShape.length === 1 && outputShape[0]! >= data.classes!) return;
  throw new StateError(
    `${JSON.stringify(file)} takes ${show(inputShape)} and gives ${show(outputShape)}, the data set has ${data.classes} classes of ${show(data.shape)}. Evaluate it on the data that it was trained for.`,
  );
}

async function run([file = '']: readonly string[], options: Options, io: Io): Promise<number> {
  const weights = await readFileBytes(file);
  const checkpoint = decodeCheckpoint(weights);
  const model = modelOf(checkpoint);
  const dataset = datasetOf(checkpoint) ?? 'mnist';
  const { test } = await DATASETS[dataset].load({ folder: options.text('data') });
  checkFit(test, model, file);
  return withDevice(io, async (device) => {
    warnOfSoftware(device.adapter, io);
    const session = createSession(device, model, { weights, output: 'none' });
    try {
      const start = performance.now();
      const logits = await session.predict(test);
      const seconds = (performance.now() - start) / 1000;
      const confusion = confusionOf(test, logits, classesOf(checkpoint, model.outputShape[0]!));
      const hits = sumOf(confusion.counts.map((row, label) => row[label]!));
      const result = { loss: crossEntropyOf(logits, test.targets), accuracy: hits / test.count, samples: test.count };
      if (options.flag('json')) {
        const recall = confusion.classes.map((_, label) => recallOf(confusion, label));
        io.print(JSON.stringify({ dataset, ...result, ...confusion, recall, seconds }));
        return 0;
      }
      io.print(`${confusionTable(confusion)}\n`);
      io.print(
        `accuracy ${percent(result.accuracy)} (${integer(hits)} of ${integer(test.count)}), loss ${lossText(result.loss)}`,
      );
      return 0;
    } finally {
      session.dispose();
    }
  });
}

export const evaluateCommand: Command = {
  usage: 'evaluate <file>',
  text: 'loss, accuracy and confusion of a trained model on the test images',
  options: [DATA_OPTION, JSON_OPTION],
  examples: ['evaluate out/mnist/model.safetensors'],
  run,
};
