/** The progress bar of `fit`: cli-progress in a terminal, a line an epoch elsewhere. Imports callbacks. */
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

/** Shows loss, accuracy, images per second and the time left while `fit` runs. */
export function progressBar({ print = console.log, plain = false, interval = 5 }: ProgressBarOptions = {}): Callback {
  const terminal = !plain && typeof process !== 'undefined' && process.stderr?.isTTY === true;
  let bar: {
    start(total: number, at: number, payload: object): void;
    update(at: number, payload: object): void;
    stop(): void;
  } | null = null;
  let lastLine = 0;
  const payload = ({ epoch, epochs, meanLoss, meanAccuracy, samplesPerSecond }: BatchLogs) => ({
    epoch: `${epoch}/${epochs}`,
    loss: meanLoss.toFixed(4),
    accuracy: percent(meanAccuracy),
    rate: Math.round(samplesPerSecond),
  });
  const begin = async (): Promise<void> => {
    if (!terminal) return;
    const { default: progress } = await import('cli-progress');
    const format =
      'epoch {epoch} {bar} {value}/{total}  loss {loss}  accuracy {accuracy}  {rate} images/s  {eta} s left';
    bar = new progress.SingleBar(
      { format, hideCursor: true, clearOnComplete: true, barsize: 24, stream: process.stderr },
      progress.Presets.shades_classic,
    );
  };
  let started = false;
  return {
    onTrainBegin: begin,
    onEpochBegin() {
      started = false;
      lastLine = performance.now();
    },
    onBatchEnd(logs) {
      if (bar) {
        if (!started) bar.start(logs.batches, logs.batch, payload(logs));
        else bar.update(logs.batch, payload(logs));
        started = true;
        return;
      }
      const now = performance.now();
      if (now - lastLine < interval * 1000) return;
      lastLine = now;
      const { epoch, loss, accuracy, rate } = payload(logs);
      const left = ((logs.batches - logs.batch) * (logs.batch > 0 ? 1 : 0)).toString();
      print(
        `epoch ${epoch}, batch ${logs.batch}/${logs.batches} (${left} left): loss ${loss}, accuracy ${accuracy}, ${rate} images/s`,
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
