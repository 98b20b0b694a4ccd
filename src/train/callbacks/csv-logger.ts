/** Writes a line for each epoch. Imports callbacks, io; Node's modules are loaded when called. */
import { fileError, writeFileAtomic } from '../../io/atomic-file.ts';
import type { Callback, EpochLogs } from '../callbacks.ts';

export interface CsvLoggerOptions {
  /** Between the values; default ','. */
  readonly separator?: string;
  /** Go on with the file that is there, for a resumed run; default false: it is replaced. */
  readonly append?: boolean;
}

const COLUMNS = ['epoch', 'step', 'loss', 'accuracy', 'valLoss', 'valAccuracy', 'seconds', 'valSeconds'] as const;

async function startFile(path: string, { header, append }: { header: string; append: boolean }): Promise<void> {
  const { stat } = await import('node:fs/promises');
  const size = append
    ? await stat(path).then(
        ({ size }) => size,
        () => 0,
      )
    : 0;
  if (size === 0) await writeFileAtomic(path, header);
}

async function extendFile(path: string, text: string): Promise<void> {
  const { appendFile } = await import('node:fs/promises');
  await appendFile(path, text).catch((cause: unknown) => {
    throw fileError('write', path, cause);
  });
}

/**
 * Writes a line of comma-separated values after each epoch, under a line of names; what there is not stays empty.
 * `target` is a file in Node, or a function that takes each line with its line break. Source: keras.callbacks.CSVLogger.
 */
export function csvLogger(
  target: string | ((line: string) => void | Promise<void>),
  { separator = ',', append = false }: CsvLoggerOptions = {},
): Callback {
  const header = `${COLUMNS.join(separator)}\n`;
  const line = (logs: EpochLogs): string => `${COLUMNS.map((name) => logs[name] ?? '').join(separator)}\n`;
  if (typeof target !== 'string')
    return {
      onTrainBegin: () => (append ? undefined : target(header)),
      onEpochEnd: (logs) => target(line(logs)),
    };
  return {
    onTrainBegin: () => startFile(target, { header, append }),
    onEpochEnd: (logs) => extendFile(target, line(logs)),
  };
}
