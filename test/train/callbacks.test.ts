/** The callbacks: when they stop, what they save and write, and that the weights which they give back are the best to the bit. */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { csvLogger } from '../../src/train/callbacks/csv-logger.ts';
import { type EarlyStoppingOptions, earlyStopping } from '../../src/train/callbacks/early-stopping.ts';
import { type ModelCheckpointOptions, modelCheckpoint } from '../../src/train/callbacks/model-checkpoint.ts';
import { lambdaCallback, terminateOnNaN } from '../../src/train/callbacks/small-callbacks.ts';
import type { Callback, EpochLogs, Run } from '../../src/train/callbacks.ts';
import { decodeCheckpoint } from '../../src/train/checkpoint.ts';
import type { Trainer, TrainerOptions } from '../../src/train/trainer.ts';
import { ArgumentError } from '../../src/util/errors.ts';
import { convNet, quarters, sameBytes, trainerFor } from './cases.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabor-callbacks-'));
});
afterAll(() => rm(folder, { recursive: true }));

const DATA = quarters(70);
const VALIDATION = quarters(20, { seed: 3 });

const logsOf = (epoch: number, values: Partial<EpochLogs>): EpochLogs => ({
  ...{ epoch, step: 5 * epoch, loss: 0, accuracy: 0, valLoss: 0, valAccuracy: 0, seconds: 1, valSeconds: 0.5 },
  ...values,
});

/** Feeds a callback the values of epochs until it stops; gives the epoch after which it did, or null. */
async function feed(callback: Callback, metric: keyof EpochLogs, values: readonly number[], trainer: Trainer) {
  let stopped = false;
  const run: Run = { trainer, validates: true, epochs: values.length, stop: () => (stopped = true) };
  await callback.onTrainBegin?.(trainer, run);
  for (const [i, value] of values.entries()) {
    await callback.onEpochEnd?.(logsOf(i + 1, { [metric]: value }));
    if (stopped) return i + 1;
  }
  return null;
}

describe('a run and its callbacks', () => {
  test('stop in onEpochEnd ends after the epoch, in onBatchEnd within it; the history says so', async () => {
    const trainer = await trainerFor(convNet());
    let run: Run | undefined;
    const ends: unknown[] = [];
    const onTrainBegin = (given: Trainer, begun: Run): void => {
      expect([given, begun.trainer, begun.validates, begun.epochs]).toEqual([trainer, trainer, false, 9]);
      run = begun;
    };
    const history = await trainer.fit(DATA, {
      epochs: 9,
      callbacks: [
        {
          onTrainBegin,
          onEpochEnd: ({ epoch }) => void (epoch === 2 && run!.stop()),
          onTrainEnd: (end) => void ends.push(end),
        },
      ],
    });
    expect([history.epochs.length, history.stopped, history.aborted]).toEqual([2, true, false]);
    expect(ends).toEqual([{ stopped: true, aborted: false }]);
    const later = lambdaCallback({
      onTrainBegin: (_, begun) => {
        run = begun;
      },
      onBatchEnd: ({ batch }) => void (batch === 1 && run!.stop()),
    });
    const within = await trainer.fit(quarters(16 * 60), { callbacks: [later] });
    expect([within.stopped, within.epochs]).toEqual([true, []]);
    expect(trainer.position.batch).toBeGreaterThan(0);
    expect((await trainer.fit(DATA)).stopped).toBe(false);
    trainer.dispose();
  });
});

describe('earlyStopping', () => {
  test.each<[string, EarlyStoppingOptions, readonly number[], number | null]>([
    ['no patience', {}, [3, 2, 2, 1], 3],
    ['patience 1', { patience: 1 }, [3, 2, 2, 1], 3],
    ['patience 2', { patience: 2 }, [3, 2, 2, 1, 2, 1, 0], 6],
    ['improves all the time', { patience: 1 }, [5, 4, 3, 2], null],
    ['minDelta', { patience: 2, minDelta: 0.5 }, [3, 2.6, 2.55, 1], 3],
    ['mode max', { patience: 1, mode: 'max' }, [1, 2, 1.5], 3],
    ['an accuracy is better when higher', { patience: 1, monitor: 'valAccuracy' }, [0.5, 0.6, 0.6], 3],
    ['NaN is no improvement', { patience: 2 }, [3, Number.NaN, Number.NaN, 1], 3],
    ['NaN from the start', { patience: 2 }, [Number.NaN, Number.NaN, 1], 2],
    ['baseline', { patience: 2, baseline: 1 }, [3, 2, 0.5], 2],
    ['baseline reached', { patience: 2, baseline: 1 }, [3, 0.5, 0.4, 0.5, 0.5], 5],
    ['startFromEpoch', { startFromEpoch: 2 }, [1, 2, 3, 4], 4],
  ])('%s', async (_, options, values, stop) => {
    const trainer = await trainerFor(convNet());
    const callback = earlyStopping(options);
    expect(await feed(callback, options.monitor ?? 'valLoss', values, trainer)).toBe(stop);
    expect(callback.stoppedEpoch).toBe(stop);
    trainer.dispose();
  });

  test.each<[string, Partial<TrainerOptions>]>([
    ['', {}],
    [' and their average', { ema: { decay: 0.9 } }],
  ])('restores the best weights%s to the bit', async (_, options) => {
    const trainer = await trainerFor(convNet(), options);
    const saved: Uint8Array[] = [];
    const values = [4, 2, 3, 3, 3];
    const stopper = earlyStopping({ patience: 3, restoreBestWeights: true });
    // The stopper is shown other values than there were.
    const callback: Callback = {
      ...stopper,
      async onEpochEnd(logs) {
        saved.push(await trainer.save());
        await stopper.onEpochEnd?.({ ...logs, valLoss: values[logs.epoch - 1]! });
      },
    };
    const { stopped, epochs } = await trainer.fit(DATA, { epochs: 9, validation: VALIDATION, callbacks: [callback] });
    expect([stopped, epochs.length, stopper.bestEpoch, stopper.best]).toEqual([true, 5, 2, 2]);
    const twin = await trainerFor(convNet(), options);
    const weights = async (of: Trainer, useEma: boolean) =>
      [...(await of.parameters({ useEma }))].map(([name, { data }]) => `${name} ${data.join()}`).join('\n');
    for (const useEma of options.ema ? [false, true] : [false]) {
      twin.load(saved[1]!);
      expect(await weights(trainer, useEma)).toBe(await weights(twin, useEma));
      twin.load(saved[4]!);
      expect(await weights(trainer, useEma)).not.toBe(await weights(twin, useEma));
    }
    trainer.dispose();
    twin.dispose();
  });

  test('an aborted run keeps its weights, so that it can be gone on with', async () => {
    const trainer = await trainerFor(convNet());
    const controller = new AbortController();
    const stopper = earlyStopping({ monitor: 'loss', mode: 'max', patience: 9, restoreBestWeights: true }); // best: the first;
    let last: Uint8Array | undefined;
    const onEpochEnd = async ({ epoch }: EpochLogs): Promise<void> => {
      if (epoch < 3) return;
      last = await trainer.save();
      controller.abort();
    };
    await trainer.fit(DATA, { epochs: 5, callbacks: [stopper, { onEpochEnd }], signal: controller.signal });
    expect(sameBytes(await trainer.save(), last!)).toBe(true);
    trainer.dispose();
  });

  test('what cannot be', async () => {
    expect(() => earlyStopping({ patience: -1 })).toThrow(
      new ArgumentError('earlyStopping: patience is -1. Pass a whole number from 0.'),
    );
    expect(() => earlyStopping({ minDelta: Number.NaN })).toThrow('earlyStopping: minDelta is NaN.');
    const trainer = await trainerFor(convNet());
    await expect(trainer.fit(DATA, { callbacks: [earlyStopping()] })).rejects.toThrow(
      'earlyStopping: it follows valLoss, but there is no validation. Pass validation data to fit, or monitor "loss".',
    );
    trainer.dispose();
  });
});

test('terminateOnNaN ends a run that has diverged', async () => {
  const trainer = await trainerFor(convNet());
  trainer.engine.writeTensor('fc2.bias', Float32Array.of(Number.NaN, 0, 0, 0));
  const { stopped } = await trainer.fit(quarters(16 * 100), { epochs: 3, callbacks: [terminateOnNaN()] });
  expect(stopped).toBe(true);
  expect(trainer.position.step).toBeLessThan(100);
  trainer.dispose();
});

describe('csvLogger', () => {
  test('writes a line an epoch to a file, and goes on with it', async () => {
    const path = join(folder, 'log.csv');
    const trainer = await trainerFor(convNet());
    const { epochs } = await trainer.fit(DATA, { epochs: 2, validation: VALIDATION, callbacks: [csvLogger(path)] });
    const more = await trainer.fit(DATA, { callbacks: [csvLogger(path, { append: true })] });
    const lines = (await readFile(path, 'utf8')).split('\n');
    expect(lines[0]).toBe('epoch,step,loss,accuracy,valLoss,valAccuracy,seconds,valSeconds');
    expect(lines.slice(1, 3).map((line) => line.split(',').map(Number))).toEqual(
      epochs.map((e) => [e.epoch, e.step, e.loss, e.accuracy, e.valLoss, e.valAccuracy, e.seconds, e.valSeconds]),
    );
    expect(lines[3]!.split(',').slice(0, 6)).toEqual([
      '3',
      '15',
      `${more.epochs[0]!.loss}`,
      `${more.epochs[0]!.accuracy}`,
      '',
      '',
    ]);
    expect(lines.slice(4)).toEqual(['']);
    await trainer.fit(DATA, { epochs: 1, callbacks: [csvLogger(path, { separator: ';' })] });
    expect((await readFile(path, 'utf8')).split('\n').length).toBe(3);
    trainer.dispose();
  });

  test('gives the lines to a function; names a file that cannot be written', async () => {
    const trainer = await trainerFor(convNet());
    const lines: string[] = [];
    const write = (line: string): void => void lines.push(line);
    await feed(csvLogger(write), 'valLoss', [3, 2], trainer);
    expect(lines).toEqual([
      'epoch,step,loss,accuracy,valLoss,valAccuracy,seconds,valSeconds\n',
      '1,5,0,0,3,0,1,0.5\n',
      '2,10,0,0,2,0,1,0.5\n',
    ]);
    await expect(trainer.fit(DATA, { callbacks: [csvLogger(join(folder, 'no', 'log.csv'))] })).rejects.toThrow(
      'cannot write',
    );
    trainer.dispose();
  });
});

describe('modelCheckpoint', () => {
  /** Names and whether they are there after all epochs. */
  async function kept(options: Partial<ModelCheckpointOptions>, values: readonly number[]) {
    const trainer = await trainerFor(convNet());
    const files = new Map<string, boolean>();
    const save: ModelCheckpointOptions['save'] = (bytes, { name, best }) => {
      expect(decodeCheckpoint(bytes).training).not.toBeNull();
      files.set(name, best);
    };
    const remove = (name: string): void => void files.delete(name);
    await feed(modelCheckpoint({ save, remove, ...options }), options.monitor ?? 'valLoss', values, trainer);
    trainer.dispose();
    return [...files].map(([name, best]) => `${name}${best ? ' best' : ''}`);
  }

  test('keeps all, the best, or the last and the best', async () => {
    const values = [3, 1, 2, 4, 1];
    expect(await kept({}, values)).toEqual(['epoch-1 best', 'epoch-2 best', 'epoch-3', 'epoch-4', 'epoch-5']);
    expect(await kept({ saveBestOnly: true }, values)).toEqual(['epoch-1 best', 'epoch-2 best']);
    expect(await kept({ keepLast: 2 }, values)).toEqual(['epoch-2 best', 'epoch-4', 'epoch-5']);
    expect(await kept({ keepLast: 1, mode: 'max' }, values)).toEqual(['epoch-4 best', 'epoch-5']);
    expect(await kept({ keepLast: 1, saveBestOnly: true, monitor: 'valAccuracy' }, values)).toEqual(['epoch-4 best']);
  });

  test('files in Node: with their names, and a run can be gone on with from one', async () => {
    const trainer = await trainerFor(convNet());
    const filepath = join(folder, 'm-{epoch:03}-{step}-{loss:.1}.safetensors');
    const fit = { validation: VALIDATION, callbacks: [modelCheckpoint({ filepath, keepLast: 2, monitor: 'loss' })] };
    const { epochs } = await trainer.fit(DATA, { epochs: 3, ...fit });
    const names = (await readdir(folder)).filter((name) => name.startsWith('m-')).sort();
    const expected = epochs.map(({ epoch, step, loss }) => `m-00${epoch}-${step}-${loss.toFixed(1)}.safetensors`);
    expect(names).toEqual(expect.arrayContaining(expected.slice(1)));
    expect(names.length).toBeLessThanOrEqual(3);
    const again = await trainerFor(convNet());
    again.load(await readFile(join(folder, expected[1]!)));
    await again.fit(DATA, { epochs: 3, resume: true });
    expect(sameBytes(await again.save(), await trainer.save())).toBe(true);
    trainer.dispose();
    again.dispose();
  });

  test('without validation the loss is followed', async () => {
    const trainer = await trainerFor(convNet());
    const names: string[] = [];
    const save: ModelCheckpointOptions['save'] = (_, { name }) => void names.push(name);
    await trainer.fit(DATA, { epochs: 2, callbacks: [modelCheckpoint({ save })] });
    expect(names).toEqual(['epoch-1', 'epoch-2']);
    trainer.dispose();
  });

  test.each<[ModelCheckpointOptions, string]>([
    [{}, 'modelCheckpoint: pass either filepath (a file in Node) or save (a function).'],
    [{ filepath: 'a', save: () => {} }, 'modelCheckpoint: pass either'],
    [{ filepath: 'a-{lr}' }, 'modelCheckpoint: filepath has {lr}. Use epoch, step,'],
    [
      { filepath: 'a', keepLast: 2 },
      'keepLast is 2, but filepath "a" is the same for all epochs. Put {epoch} into it.',
    ],
    [{ filepath: 'a-{epoch}', keepLast: 0 }, 'modelCheckpoint: keepLast is 0. Pass a whole number from 1.'],
  ])('what cannot be: %o', (options, message) => {
    expect(() => modelCheckpoint(options)).toThrow(message);
  });
});
