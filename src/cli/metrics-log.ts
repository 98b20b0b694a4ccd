/** metrics.jsonl: a line for each step and each epoch of a run, the same whether or not it was interrupted. Imports io, train types, report types. */
import { appendFile, readFile } from 'node:fs/promises';
import { fileError, writeFileAtomic } from '../io/atomic-file.ts';
import type { BatchLogs, EpochLogs } from '../train/callbacks.ts';
import type { ReportEpoch, ReportStep } from './report/types.ts';

interface StepLine extends ReportStep {
  readonly type: 'step';
  readonly epoch: number;
  readonly lr: number;
}

interface EpochLine extends ReportEpoch {
  readonly type: 'epoch';
}

type Line = StepLine | EpochLine;

/** The lines up to a step; a line that a crash has cut off, and all behind it, are left out. */
function parseLines(text: string, untilStep: number): Line[] {
  const lines: Line[] = [];
  for (const row of text.split('\n')) {
    try {
      const line = JSON.parse(row) as Line;
      if (line.step <= untilStep) lines.push(line);
    } catch {
      break;
    }
  }
  return lines;
}

export class MetricsLog {
  readonly path: string;
  readonly lines: Line[] = [];
  readonly #samplesAt: (step: number) => number;
  /** Lines in the file already; null while the file still has to be replaced. */
  #written: number | null = null;

  /** `samplesAt`: images of a step. */
  constructor(path: string, samplesAt: (step: number) => number) {
    this.path = path;
    this.#samplesAt = samplesAt;
  }

  /** Whether something was written since the start. */
  get isWritten(): boolean {
    return this.#written !== null;
  }

  get steps(): StepLine[] {
    return this.lines.filter((line) => line.type === 'step');
  }

  get epochs(): EpochLine[] {
    return this.lines.filter((line) => line.type === 'epoch');
  }

  /** Takes over the lines of an earlier run up to a step. Without the file there are none. */
  async resume(file: string, step: number): Promise<void> {
    const text = await readFile(file, 'utf8').catch(() => '');
    this.lines.push(...parseLines(text, step));
  }

  addStep({ step, epoch, loss, accuracy, learningRate }: BatchLogs): void {
    this.lines.push({ type: 'step', step, epoch, loss, accuracy: accuracy ?? 0, lr: learningRate });
  }

  /** Loss and accuracy are means over all steps of the epoch, also of those before an interruption. */
  addEpoch({ epoch, step, valLoss, valAccuracy }: EpochLogs): EpochLine {
    let [loss, accuracy, samples] = [0, 0, 0];
    for (const line of this.steps) {
      if (line.epoch !== epoch) continue;
      const weight = this.#samplesAt(line.step);
      loss += line.loss * weight;
      accuracy += line.accuracy * weight;
      samples += weight;
    }
    const line: EpochLine = {
      type: 'epoch',
      epoch,
      step,
      loss: loss / samples,
      accuracy: accuracy / samples,
      valLoss: valLoss ?? 0,
      valAccuracy: valAccuracy ?? 0,
    };
    this.lines.push(line);
    return line;
  }

  /** Writes what is new: at first the whole file in one step, then at its end. */
  async flush(): Promise<void> {
    const text = this.lines
      .slice(this.#written ?? 0)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join('');
    if (this.#written === null) await writeFileAtomic(this.path, text);
    else {
      await appendFile(this.path, text).catch((cause: unknown) => {
        throw fileError('write', this.path, cause);
      });
    }
    this.#written = this.lines.length;
  }
}
