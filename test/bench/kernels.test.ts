/** `bench kernels`: references, checks, comparison with kept results; one run of a few cases. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { difference, graphCase, integers, sample } from '../../src/cli/bench/kernel-case.ts';
import { kernelMenu } from '../../src/cli/bench/kernel-menu.ts';
import * as reference from '../../src/cli/bench/kernel-references.ts';
import {
  compareRows,
  fileNameFor,
  type KernelResults,
  type KernelRow,
  kernelTable,
  parseResults,
  repeated,
  rowOf,
} from '../../src/cli/bench/kernel-results.ts';
import { relu } from '../../src/ops/index.ts';
import { f32, i32 } from '../../src/train/program.ts';
import { expectError, gabor, removeFolders, temporaryFolder } from '../cli/run-cli.ts';
import { device } from '../support/device.ts';
import { referenceOp } from '../support/reference/index.ts';

afterAll(removeFolders);

const CEILING = { gflops: 100, gbs: 10, memoryGbs: 8 };

const row = (name: string, variant: string, times: readonly number[], choice = 0): KernelRow =>
  rowOf({ case: name, variant, choice, flops: 1e6, bytes: 1e5 }, times, CEILING);

const five = (us: number): number[] => [us, us, us, us, us];

test('a row: median, rates, the nearer ceiling', () => {
  // 10^6 operations in 20 us are 50 GFLOP/s, 10^5 bytes 5 GB/s.
  expect(row('a', 'x', [30, 20, 10, 25, 15])).toEqual({
    ...{ case: 'a', variant: 'x', choice: 0, microseconds: 20, min: 10, max: 30, rounds: 5 },
    ...{ gflops: 50, gbs: 5, ceiling: 0.5 },
  });
  expect(rowOf({ case: 'a', variant: 'x', choice: 0, flops: 1e5, bytes: 1.6e5 }, five(20), CEILING).ceiling).toBe(0.8);
});

describe('comparison', () => {
  const kept = [row('a', 'x', five(100)), row('a', 'y', five(100)), row('b', 'x', five(100)), row('c', 'x', [100])];

  test('losses over 15 %, gains, what is new or missing', () => {
    const now = [row('a', 'x', five(116)), row('a', 'z', five(1)), row('b', 'x', five(80)), row('c', 'x', [900])];
    const { losses, gains, missing, added } = compareRows(kept, now);
    expect(losses).toEqual([{ case: 'a', variant: 'x', was: 100, is: 116, factor: 1.16 }]);
    expect(gains.map((change) => change.case)).toEqual(['b']);
    expect([missing, added]).toEqual([['a y'], ['a z']]);
    expect(compareRows(kept, [row('a', 'x', five(114)), row('a', 'y', five(100))]).losses).toEqual([]);
  });

  test('a loss counts when it repeats, by its better measurement', () => {
    const first = compareRows(kept, [row('a', 'x', five(300)), row('b', 'x', five(200))]).losses;
    const again = compareRows(kept, [row('a', 'x', five(150)), row('b', 'x', five(105))]).losses;
    expect(repeated(first, again)).toEqual([{ case: 'a', variant: 'x', was: 100, is: 150, factor: 1.5 }]);
  });

  test('kept files are read with care', () => {
    const results: KernelResults = {
      ...{ adapter: { name: 'x', driver: '' }, date: '', ceiling: CEILING, rows: kept, wrong: [] },
    };
    expect(parseResults(JSON.stringify(results), 'f')).toEqual(results);
    for (const text of ['', '{', 'null', '{"rows":[]}', JSON.stringify({ ...results, rows: [{ case: 1 }] })])
      expect(() => parseResults(text, 'f.json'), text).toThrow(/^f\.json: .*--json FILE/);
    expect(fileNameFor('llvmpipe-llvm-15-0-6-256-bits-')).toBe('kernels-llvmpipe-llvm-15-0-6-256-bits.json');
    expect(fileNameFor('Tesla T4 (NVIDIA)')).toBe('kernels-tesla-t4-nvidia.json');
  });

  test('the table marks the fastest variant of a case', () => {
    const text = kernelTable([row('a', 'x', five(20)), row('a', 'y', five(10), 1), row('b', 'x', [5000])]);
    expect(text).toMatch(/^a +x +20\.0 .*\n +y \* +10\.0 .*\nb +x \* +5000 +once/m);
  });
});

describe('references', () => {
  const g: reference.Convolution = { n: 2, c: 4, side: 6, o: 6, k: 3, stride: 2, padding: 1, groups: 2 };
  const side = reference.outSide(g);
  const specs = { x: f32(2, 4, 6, 6), w: f32(6, 2, 3, 3), b: f32(6), dy: f32(2, 6, side, side) };
  const data = Object.fromEntries(
    Object.entries(specs).map(([name, spec], i) => [name, integers(spec, { seed: i + 1, classes: 10 })]),
  );

  test('convolution: every element of result and gradients as in the reference of the tests', () => {
    const { x, w, b, dy } = specs;
    const tensor = ({ shape }: { shape: readonly number[] }, name: string) => ({
      shape: [...shape],
      data: Float64Array.from(data[name]!),
    });
    const inputs = { x: tensor(x, 'x'), weight: tensor(w, 'w'), bias: tensor(b, 'b') };
    const attrs = { stride: [2, 2], padding: [1, 1, 1, 1], dilation: [1, 1], groups: 2 };
    const op = referenceOp('conv2d');
    const y = op.forward(inputs, attrs).y!.data;
    const gradients = op.backward!(inputs, attrs, { y: tensor(dy, 'dy') });
    const each = (length: number, at: reference.Reference) => Array.from({ length }, (_, i) => at(data, i));
    expect(each(y.length, reference.convForward(g))).toEqual([...y]);
    expect(
      each(
        x.shape.reduce((p, q) => p * q, 1),
        reference.convInput(g),
      ),
    ).toEqual([...gradients.x!.data]);
    expect(
      each(
        w.shape.reduce((p, q) => p * q, 1),
        reference.convWeight(g),
      ),
    ).toEqual([...gradients.weight!.data]);
  });

  test('integers are small, labels below the number of classes, samples within', () => {
    const values = integers(f32(1000), { seed: 1, classes: 10 });
    expect([Math.min(...values), Math.max(...values)]).toEqual([-3, 3]);
    expect(new Set(integers(i32(1000), { seed: 1, classes: 4 }))).toEqual(new Set([0, 1, 2, 3]));
    for (const length of [1, 2, 47, 48, 1_000_003]) {
      const at = sample(length);
      expect(at.every((i) => i >= 0 && i < length)).toBe(true);
      expect([at[0], at.at(-1)]).toEqual([0, length - 1]);
      expect(at.length).toBeGreaterThanOrEqual(Math.min(length, 40));
    }
  });

  test('a difference is found, NaN too', () => {
    const wanted = { at: (i: number) => i, indices: [0, 1, 2] };
    expect(difference([0, 1, 2], wanted, 0)).toBeNull();
    expect(difference([0, 1, 2.1], wanted, 0.1)).toBeNull();
    expect(difference([0, 1, 2.1], wanted, 0)).toBe('element 2 is 2.1, should be 2');
    expect(difference([0, Number.NaN, 2], wanted, 0.1)).toContain('element 1');
  });
});

test('a variant that is wrong is told and not timed', async () => {
  const wrong = graphCase({
    ...{ name: 'relu', op: 'relu', inputs: { x: f32(8) } },
    body: ({ x }) => ({ y: relu(x!) }),
    reference: (d, at) => d.x![at]!,
  });
  const prepared = await wrong.prepare(await device());
  expect(prepared.candidates).toEqual([]);
  expect(prepared.wrong).toEqual([{ variant: 'vec4', why: expect.stringMatching(/^element \d is 0, should be -\d$/) }]);
  prepared.dispose();
});

test('names of cases are unique, and every family is there', () => {
  const names = kernelMenu().map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const start of [
    'conv2d ',
    'conv2d dx',
    'conv2d dw',
    'linear',
    'matmul',
    'maxPool2d',
    'batchNorm2d',
    'softmax',
    'crossEntropy',
    'pointwise',
    'binary',
    'relayout',
    'update',
  ])
    expect(
      names.some((name) => name.startsWith(start)),
      start,
    ).toBe(true);
});

test('a run: rows for every variant, kept, compared, losses that repeat end with 1', async () => {
  const file = join(temporaryFolder(), 'new', 'kernels.json');
  const { live } = (await device()).ledger;
  const first = await gabor(['bench', 'kernels', '--filter', 'softmax 256x10', '--json', file]);
  expect(first.stderr).toContain('written: ');
  expect(first.code).toBe(0);
  expect(first.stdout).toMatch(/ceiling: [\d.]+ GFLOP\/s[\s\S]*softmax 256x10 /);
  const results = JSON.parse(readFileSync(file, 'utf8')) as KernelResults;
  expect(results.rows.length).toBeGreaterThanOrEqual(2);
  for (const { microseconds, min, max, rounds, gbs } of results.rows) {
    expect(min > 0 && min <= microseconds && microseconds <= max).toBe(true);
    expect(rounds).toBe(5);
    expect(gbs).toBeGreaterThan(0);
  }
  const kept = (factor: number) =>
    JSON.stringify({ ...results, rows: results.rows.map((r) => ({ ...r, microseconds: r.microseconds * factor })) });
  writeFileSync(file, kept(100));
  expect((await gabor(['bench', 'kernels', '--filter', 'softmax 256x10', '--compare', file])).code).toBe(0);
  writeFileSync(file, kept(0.01));
  const slower = await gabor(['bench', 'kernels', '--filter', 'softmax 256x10', '--compare', file]);
  expect(slower.stderr).toContain('LOSS softmax 256x10 ');
  expect(slower.code).toBe(1);
  expect((await device()).ledger.live).toEqual(live);
});

test('updates are checked too', async () => {
  const { code, stdout } = await gabor('bench kernels --filter update --json');
  expect(code).toBe(0);
  const { rows } = JSON.parse(stdout) as KernelResults;
  expect(rows.map((r) => r.case)).toEqual(['update sgd with momentum 1M', 'update adam 1M']);
});

test('mistakes', async () => {
  await expectError('bench kernels --filter convv', { code: 2, parts: ['"convv"', 'conv2d, linear, matmul'] });
  await expectError('bench kernels --full', { code: 2, parts: ['--full is no option of "bench kernels"', 'scaling'] });
  await expectError('bench lenet --filter x', { code: 2, parts: ['kernels or scaling'] });
  await expectError('bench lenet --json x', { code: 2, parts: ['--json takes a file with kernels and scaling only'] });
  await expectError('bench kernels --rounds 3', { code: 2, parts: ['from 5'] });
  const missing = join(temporaryFolder(), 'none.json');
  expect(existsSync(missing)).toBe(false);
  await expectError(['bench', 'kernels', '--compare', missing], { code: 1, parts: ['there is no', 'none.json'] });
});

test('a kernel that rounds is let pass within its rounding, and keeps its place among the others', async () => {
  const dev = await device();
  const spec = kernelMenu().find(({ name }) => name.startsWith('conv2d vgg.conv5'));
  const prepared = await spec!.prepare(dev);
  try {
    expect(prepared.wrong).toEqual([]);
    expect(prepared.candidates.map(({ variant }) => variant)).toContain('winograd');
  } finally {
    prepared.dispose();
  }
});
