/** `gabor train` end to end on a part of MNIST: files, resuming to the same bits, interruption, everything that can go wrong. */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { readSafetensors, writeSafetensors } from '../../src/io/safetensors.ts';
import { device } from '../support/device.ts';
import { expectError, gabor, removeFolders, smallMnist, temporaryFolder } from './run-cli.ts';

const TRAIN = 2000;
const TEST = 500;
const BATCHES = Math.ceil(TRAIN / 64);

let data = '';

beforeAll(async () => {
  data = await smallMnist({ train: TRAIN, test: TEST });
});

afterAll(removeFolders);

const train = (words: string, io = {}) => gabor(`train --data ${data} ${words}`, io);
const linesOf = (file: string) =>
  readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

/** Vitest's own comparison takes seconds for megabytes. */
function expectSameFile(file: string, bytes: Buffer): void {
  expect(readFileSync(file).equals(bytes), `${file} has other bytes`).toBe(true);
}

/** An interruption that comes while the GPU works on a step: what Ctrl-C does. */
async function interruptAt(step: number): Promise<{ interruption: () => AbortSignal; restore: () => void }> {
  const { gpu } = await device();
  const controller = new AbortController();
  let spy: { mockRestore(): void } | null = null;
  const interruption = (): AbortSignal => {
    const submit = gpu.queue.submit.bind(gpu.queue);
    let submits = 0;
    spy = vi.spyOn(gpu.queue, 'submit').mockImplementation((buffers) => {
      if (++submits === step) setTimeout(() => controller.abort(), 0);
      submit(buffers);
    });
    return controller.signal;
  };
  return { interruption, restore: () => spy?.mockRestore() };
}

describe('a run', () => {
  let out = '';
  let stdout = '';
  let stderr = '';

  beforeAll(async () => {
    out = join(temporaryFolder(), 'run');
    const outcome = await train(`--epochs 2 --seed 3 --out ${out}`);
    expect(outcome.code).toBe(0);
    ({ stdout, stderr } = outcome);
  });

  it('tells adapter, layers, dispatches and result on stdout, progress on stderr', () => {
    expect(stdout).toMatch(/^adapter: \S/);
    expect(stdout).toMatch(/lenet, \d+ dispatches in a training step of 64 images/);
    expect(stdout).toMatch(/^conv1 +8x28x28 +208 /m);
    expect(stdout).toMatch(/^total +62,558 /m);
    expect(stdout).toMatch(/^test accuracy \d+\.\d\d%, loss \d/m);
    expect(stderr).toMatch(/^epoch 2: loss /m);
    expect(stderr).toContain(`training on ${TRAIN} images, testing on ${TEST}`);
  });

  it('writes metrics of every step and epoch, and learns', () => {
    const lines = linesOf(join(out, 'metrics.jsonl'));
    const steps = lines.filter(({ type }) => type === 'step');
    const epochs = lines.filter(({ type }) => type === 'epoch');
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 2 * BATCHES }, (_, i) => i + 1));
    // The cosine of the default schedule, one step before its end.
    const total = 2 * BATCHES;
    const last = (0.003 * (1 + Math.cos((Math.PI * (total - 1)) / total))) / 2;
    expect(steps.at(-1)).toMatchObject({ epoch: 2, lr: expect.closeTo(last, 12) });
    expect(epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, BATCHES],
      [2, 2 * BATCHES],
    ]);
    // Chance is 0.1.
    expect(epochs[1].valAccuracy).toBeGreaterThan(0.6);
    const sizes = steps.slice(BATCHES).map((_, i) => Math.min(64, TRAIN - 64 * i));
    const mean = steps.slice(BATCHES).reduce((sum, { loss }, i) => sum + loss * sizes[i]!, 0) / TRAIN;
    expect(epochs[1].loss).toBeCloseTo(mean, 12);
  });

  it('writes a report with its result, and nothing else', () => {
    expect(readdirSync(out).sort()).toEqual(['metrics.jsonl', 'model.safetensors', 'report.html']);
    const report = readFileSync(join(out, 'report.html'), 'utf8');
    expect(report).toContain('lenet on MNIST');
    expect(report).toContain('--epochs 2 --seed 3');
    expect(report).toContain(/test accuracy (\S+%)/.exec(stdout)![1]!);
    for (const phase of ['setup', 'compile', 'train', 'evaluate', 'save'])
      expect(report).toContain(`</i>${phase}</th>`);
  });

  it('keeps all that resuming needs in the checkpoint, and neither paths nor times', () => {
    const { metadata } = readSafetensors(readFileSync(join(out, 'model.safetensors')));
    const training = JSON.parse(metadata.get('training')!);
    expect(training.position).toEqual({ step: 2 * BATCHES, epoch: 2, batch: 0 });
    expect(training.extra.settings).toMatchObject({ dataset: 'mnist', model: 'lenet', batch: 64, seed: 3, epochs: 2 });
    expect(training.extra.classes).toHaveLength(10);
    expect(metadata.get('training')).not.toContain(data);
    expect(metadata.get('training')).not.toContain(out);
  });

  it('prints nothing but JSON with --json', async () => {
    const folder = temporaryFolder();
    const outcome = await train(`--epochs 2 --seed 3 --json --no-report --out ${folder}`);
    const objects = outcome.stdout.split('\n').map((line) => JSON.parse(line));
    expect(objects.map(({ type }) => type)).toEqual(['epoch', 'epoch', 'result']);
    expect(objects[2]).toMatchObject({ steps: 2 * BATCHES, files: { report: null }, settings: { seed: 3 } });
    expect(objects[2].accuracy).toBe(objects[1].valAccuracy);
    expect(
      outcome.stderr
        .split('\n')
        .filter((line) => !line.startsWith('warning:'))
        .join(''),
    ).toBe('');
    expect(readdirSync(folder).sort()).toEqual(['metrics.jsonl', 'model.safetensors']);
    expectSameFile(join(folder, 'model.safetensors'), readFileSync(join(out, 'model.safetensors')));
  });

  it('prints nothing to repeat when it is complete: resuming only evaluates', async () => {
    const before = readFileSync(join(out, 'model.safetensors'));
    const outcome = await train(`--resume --out ${out}`);
    expect(outcome.code).toBe(0);
    expect(outcome.stdout).toContain(/test accuracy .*?%/.exec(stdout)![0]);
    expectSameFile(join(out, 'model.safetensors'), before);
  });
});

describe('resuming', () => {
  // State, schedule and dropout must all go on: sgd with momentum, a rate for each step, a model that drops out.
  const options = '--optimizer sgd --lr 0.02 --schedule cosine --model cnn --limit 500 --batch 48 --no-report';

  async function sameFiles(a: string, b: string): Promise<void> {
    for (const name of ['model.safetensors', 'metrics.jsonl'])
      expectSameFile(join(a, name), readFileSync(join(b, name)));
  }

  let whole = '';

  beforeAll(async () => {
    whole = temporaryFolder();
    expect((await train(`${options} --epochs 2 --out ${whole}`)).code).toBe(0);
  });

  it('after an interruption within an epoch gives the same bits', async () => {
    const out = temporaryFolder();
    const { interruption, restore } = await interruptAt(5);
    const first = await train(`${options} --epochs 2 --out ${out}`, { interruption, program: 'my gabor' });
    restore();
    expect(first.code).toBe(130);
    expect(first.stderr).toContain(`my gabor train mnist --data ${data} --resume ${out}/model.safetensors`);
    const { position } = JSON.parse(
      readSafetensors(readFileSync(join(out, 'model.safetensors'))).metadata.get('training')!,
    );
    expect(position.epoch).toBe(0);
    expect(position.batch).toBeGreaterThanOrEqual(5);
    expect(position.batch).toBeLessThan(11);
    expect(linesOf(join(out, 'metrics.jsonl'))).toHaveLength(position.step);
    const second = await gabor(first.stderr.split('\n').at(-1)!.replace('my gabor', '').concat(' --no-report'));
    expect(second).toMatchObject({ code: 0 });
    await sameFiles(out, whole);
  });

  it('after an epoch, with more epochs, gives the same bits; metrics behind the checkpoint are dropped', async () => {
    const options = '--optimizer adamw --schedule step --step-size 1 --gamma 0.5 --limit 500 --model mlp --no-report';
    const [straight, out] = [temporaryFolder(), temporaryFolder()];
    await train(`${options} --epochs 3 --out ${straight}`);
    await train(`${options} --epochs 1 --out ${out}`);
    const metrics = join(out, 'metrics.jsonl');
    // As if the process had died after the metrics of a later step, in the middle of a line.
    const later = '{"type":"step","step":9,"epoch":2,"loss":1,"accuracy":0,"lr":1}\n{"type":"step","st';
    writeFileSync(metrics, `${readFileSync(metrics, 'utf8')}${later}`);
    expect((await train(`--resume --epochs 3 --no-report --out ${out}`)).code).toBe(0);
    await sameFiles(out, straight);
    expect(
      linesOf(metrics)
        .filter(({ type }) => type === 'step')
        .map(({ lr }) => lr),
    ).toEqual([0.001, 0.0005, 0.00025].flatMap((lr) => new Array(8).fill(expect.closeTo(lr, 12))));
  });

  it('into another folder leaves the first one alone', async () => {
    const out = temporaryFolder();
    expect((await train(`--resume ${whole}/model.safetensors --out ${out} --no-report`)).code).toBe(0);
    await sameFiles(out, whole);
  });

  it('with other options is an error that names both', async () => {
    const before = readFileSync(join(whole, 'model.safetensors'));
    const cases: readonly [string, ...string[]][] = [
      ['--batch 32', '--batch is 32', 'trained with 48'],
      ['--optimizer adam', '--optimizer is adam', 'trained with sgd'],
      ['--seed 9', '--seed is 9', 'trained with 0'],
      ['--model lenet', '--model is lenet', 'trained with cnn'],
      ['--lr 0.5', '--lr is 0.5', 'trained with 0.02'],
      ['--limit 400', '--limit is 400', 'trained with 500'],
      ['--epochs 1', '--epochs is 1', 'in epoch 2'],
    ];
    for (const [words, ...parts] of cases)
      await expectError(`train --data ${data} --resume --out ${whole} ${words}`, { code: 2, parts });
    expectSameFile(join(whole, 'model.safetensors'), before);
  });

  it('from a file that is missing, damaged or of another program is an error', async () => {
    const folder = temporaryFolder();
    const bytes = readFileSync(join(whole, 'model.safetensors'));
    const file = (name: string, content: Uint8Array): string => {
      writeFileSync(join(folder, name), content);
      return join(folder, name);
    };
    const weights = writeSafetensors(new Map([['w', { dtype: 'F32', shape: [1], data: new Float32Array(1) }]]), {});
    const cases: readonly [string, ...string[]][] = [
      [join(folder, 'none'), 'cannot read', 'none', 'ENOENT'],
      [folder, 'EISDIR'],
      [file('short', bytes.subarray(0, bytes.length / 2))],
      [file('empty', new Uint8Array(0))],
      [file('text', new TextEncoder().encode('no tensors here at all'))],
      [file('weights', weights), 'does not say how it was trained'],
    ];
    for (const [path, ...parts] of cases) await expectError(`train --resume ${path}`, { code: 1, parts });
    expect(readdirSync(folder).sort()).toEqual(['empty', 'short', 'text', 'weights']);
  });
});

describe('what goes wrong leaves no half of anything', () => {
  it('data that is missing or damaged: no folder is made', async () => {
    const folder = temporaryFolder();
    const out = join(folder, 'out');
    await expectError(`train --data ${folder}/none --out ${out}`, { code: 1, parts: ['train-images', 'ENOENT'] });
    const damaged = join(folder, 'damaged');
    mkdirSync(damaged);
    for (const name of readdirSync(data))
      writeFileSync(join(damaged, name), readFileSync(join(data, name)).subarray(0, 100));
    await expectError(`train --data ${damaged} --out ${out}`, { code: 1, parts: ['incomplete or damaged'] });
    expect(existsSync(out)).toBe(false);
  });

  it('an output folder that cannot be written: found before training', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'file'), 'mine');
    const requested = vi.fn(() => device());
    const { code, stderr } = await train(`--out ${folder}/file/out`, { device: requested });
    expect(code).toBe(1);
    expect(stderr).toContain('ENOTDIR');
    expect(requested).not.toHaveBeenCalled();
    expect(readFileSync(join(folder, 'file'), 'utf8')).toBe('mine');
  });

  it('a loss that is no number: an error, and the files of the last epoch stay', async () => {
    const out = temporaryFolder();
    const { code, stderr } = await train(`--optimizer sgd --lr 1e9 --limit 640 --out ${out}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/error: the loss is (NaN|Infinity) at step \d+: .*smaller --lr/);
    expect(readdirSync(out)).toEqual([]);
  });

  it('an interruption before the first step: nothing is written', async () => {
    const out = temporaryFolder();
    const { code, stderr } = await train(`--limit 640 --out ${out}`, { interruption: () => AbortSignal.abort() });
    expect(code).toBe(130);
    expect(stderr).toContain('nothing was written');
    expect(readdirSync(out)).toEqual([]);
  });
});

describe('the program', () => {
  it('saves on Ctrl-C and says how to go on', { timeout: 60_000 }, async () => {
    const out = join(temporaryFolder(), 'a folder');
    const hooks = ['--import', 'tsx', '--import', './scripts/wgsl-hook.mjs'];
    const words = ['train', '--data', data, '--epochs', '1000', '--out', out, '--json'];
    const child = spawn(process.execPath, [...hooks, 'src/cli/main.ts', ...words], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let stderr = '';
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    // The first epoch is done; npm passes a signal of the terminal on, so that it comes twice.
    child.stdout.once('data', () => {
      child.kill('SIGINT');
      child.kill('SIGINT');
    });
    const code = await new Promise((resolve) => child.on('exit', resolve));
    expect(stderr).toContain('stopping after this step');
    expect(stderr).toContain(`npx gabor train mnist --data ${data} --resume "${out}/model.safetensors"`);
    expect(code).toBe(130);
    expect(readdirSync(out).sort()).toEqual(['metrics.jsonl', 'model.safetensors']);
    readSafetensors(readFileSync(join(out, 'model.safetensors')));
  });
});
