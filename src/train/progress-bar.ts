/** The progress bar of `fit`: a bar of the package cli-progress in a terminal where it is installed, lines elsewhere. Imports callbacks. */
import type { BatchLogs, Callback, EpochLogs } from './callbacks.ts';

const percent = (share: number | null): string => (share === null ? '-' : `${(100 * share).toFixed(2)} %`);

const describeEpoch = ({ epoch, loss, accuracy, valLoss, valAccuracy, seconds }: EpochLogs): string =>
  `epoch ${epoch}: loss ${loss.toFixed(4)}, accuracy ${percent(accuracy)}` +
  (valLoss === null ? '' : `; test loss ${valLoss.toFixed(4)}, accuracy ${percent(valAccuracy)}`) +
  `; ${seconds.toFixed(1)} s`;

export interface ProgressBarOptions {
  /** Where lines go; default console.log. */
  readonly print?: (line: string) => void;
  /** Lines only, even in a terminal; default false. */
  readonly plain?: boolean;
  /** Seconds between plain lines within an epoch; default 5. */
  readonly interval?: number;
}

/** Shows loss, accuracy, images per second and the time left while `fit` runs: as a bar in a terminal if cli-progress is installed, else as lines. */
export function progressBar({ print = console.log, plain = false, interval = 5 }: ProgressBarOptions = {}): Callback {
  const terminal = !plain && typeof process !== 'undefined' && process.stderr?.isTTY === true;
  let bar: {
    start(total: number, at: number, payload: object): void;
    update(at: number, payload: object): void;
    stop(): void;
  } | null = null;
  let lastLine = 0;
  /** When the first batch of the epoch was reported, and which it was: for the time left. */
  let first: { at: number; batch: number } | null = null;
  const secondsLeft = ({ batch, batches }: BatchLogs): string => {
    if (!first || batch <= first.batch) return '-';
    const each = (performance.now() - first.at) / (batch - first.batch);
    return `${Math.ceil(((batches - batch) * each) / 1000)}`;
  };
  const payload = (logs: BatchLogs) => ({
    epoch: `${logs.epoch}/${logs.epochs}`,
    loss: logs.meanLoss.toFixed(4),
    accuracy: percent(logs.meanAccuracy),
    rate: Math.round(logs.samplesPerSecond),
    left: secondsLeft(logs),
  });
  const begin = async (): Promise<void> => {
    if (!terminal) return;
    // An optional peer of the library; the command line has it inside.
    const progress = await import('cli-progress').then((module) => module.default).catch(() => null);
    if (!progress) return;
    const format =
      'epoch {epoch} {bar} {value}/{total}  loss {loss}  accuracy {accuracy}  {rate} images/s  {left} s left';
    bar = new progress.SingleBar(
      { format, hideCursor: true, clearOnComplete: true, barsize: 24, stream: process.stderr },
      progress.Presets.shades_classic,
    );
  };
  return {
    onTrainBegin: begin,
    onCompile({ ready, kernels }) {
      const now = performance.now();
      if (ready === 1) lastLine = now;
      if (now - lastLine < Math.min(1, interval) * 1000) return;
      lastLine = now;
      print(`compiling: ${ready} of ${kernels} kernels`);
    },
    onEpochBegin() {
      first = null;
      lastLine = performance.now();
    },
    onBatchEnd(logs) {
      const now = performance.now();
      if (bar && first) bar.update(logs.batch, payload(logs));
      else if (bar) bar.start(logs.batches, logs.batch, payload(logs));
      first ??= { at: now, batch: logs.batch };
      if (bar || now - lastLine < interval * 1000) return;
      lastLine = now;
      const { epoch, loss, accuracy, rate, left } = payload(logs);
      print(
        `epoch ${epoch}, batch ${logs.batch}/${logs.batches}: loss ${loss}, accuracy ${accuracy}, ${rate} images/s, ${left} s left`,
      );
    },
    onEpochEnd(logs) {
      bar?.stop();
      print(describeEpoch(logs));
    },
    onTrainEnd() {
      bar?.stop();
    },
  };
}
