/**
 * The golden data of this repository, run as `npm run goldens` runs it: every case with every variant of every kernel, on
 * the full device and on one with default limits. And the runner itself: it must notice what is wrong.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { CaseResult } from '../src/cli/goldens/case.ts';
import { runInitCase } from '../src/cli/goldens/init.ts';
import { runNetCase } from '../src/cli/goldens/nets.ts';
import { runOpCase } from '../src/cli/goldens/op-case.ts';
import { runOptimCase } from '../src/cli/goldens/optim.ts';
import { type GoldensReport, runGoldens } from '../src/cli/goldens/run.ts';
import { requestDevice } from '../src/gpu/device.ts';
import { ArgumentError } from '../src/util/errors.ts';
import { device } from './support/device.ts';
import { families, GOLDENS, type GoldenCase, type GoldenTensor, loadFamily } from './support/goldens.ts';

/** What gabor cannot do yet, by family. Take a name out when it is done. */
const MISSING: { readonly [family: string]: readonly string[] } = {};

const missingOf = ({ cases }: GoldensReport): string[] =>
  [...new Set(cases.flatMap(({ result }) => (result.status === 'not supported' ? result.missing : [])))].sort();

const failuresOf = ({ cases }: GoldensReport): unknown[] =>
  cases.flatMap(({ name, result }) => (result.status === 'failed' ? [{ name, failures: result.failures }] : []));

/** Most of the time goes into compiling kernels where the driver's cache is cold: 80 s for a family on two busy cores. */
const COLD_MS = 600_000;

const profiles = [
  ['full device', {}],
  ['default limits', { limits: 'default' }],
] as const;

describe.each(profiles)('golden data on the %s', (_, options) => {
  it.each(families(GOLDENS))(
    '%s',
    async (family) => {
      const report = await runGoldens({
        folder: GOLDENS,
        families: [family],
        device: await device(options),
        print: () => {},
      });
      expect(failuresOf(report)).toEqual([]);
      expect(missingOf(report)).toEqual(MISSING[family] ?? []);
      expect(report.passed + report.unsupported).toBe(report.cases.length);
    },
    COLD_MS,
  );
});

function caseOf(family: string, name: string): GoldenCase {
  const found = loadFamily(GOLDENS, family).find((golden) => golden.name === name);
  if (!found) throw new Error(`no case ${name}`);
  return found;
}

/** The case with one tensor a little larger. */
function disturbed(golden: GoldenCase, name: string, factor = 1.001): GoldenCase {
  const tensor = golden.tensors.get(name)!;
  const larger: GoldenTensor =
    tensor.dtype === 'F32'
      ? { ...tensor, data: tensor.data.map((v) => v * factor) }
      : { ...tensor, data: tensor.data.map((v) => v + 1) };
  return { ...golden, tensors: new Map([...golden.tensors, [name, larger]]) };
}

/** Names of the tensors that failed, each once. */
const tensorsOf = (result: CaseResult): string[] =>
  result.status === 'failed' ? [...new Set(result.failures.map((failure) => failure.tensor))] : [];

const context = async () => ({ device: await device(), variants: true });

describe('the runner notices', () => {
  it.each(['y', 'grad_x', 'grad_weight'])('a wrong %s of a convolution, for every variant', async (tensor) => {
    const result = await runOpCase(disturbed(caseOf('conv2d', 'k3_p1'), tensor), await context());
    expect(result).toMatchObject({ status: 'failed' });
    const failures = result.status === 'failed' ? result.failures : [];
    expect(tensorsOf(result)).toEqual([tensor]);
    expect(failures.map(({ variant }) => variant)).toContain('direct');
    expect(failures[0]!.message).toMatch(/elements differ; worst at/);
  });

  it('a wrong index', async () => {
    const result = await runOpCase(disturbed(caseOf('pool', 'max_k2'), 'indices'), await context());
    expect(tensorsOf(result)).toEqual(['indices']);
  });

  it('a wrong shape', async () => {
    const golden = caseOf('activations', 'relu');
    const tensor = golden.tensors.get('y')!;
    const flat = new Map([...golden.tensors, ['y', { ...tensor, shape: [tensor.data.length] }]] as const);
    const result = await runOpCase({ ...golden, tensors: flat as GoldenCase['tensors'] }, await context());
    expect(result).toMatchObject({ status: 'failed', failures: [{ message: expect.stringMatching(/^shape /) }] });
  });

  it('an op that throws', async () => {
    const golden = caseOf('conv2d', 'k3_p1');
    const attrs = { ...golden.attrs, groups: 7 };
    const result = await runOpCase({ ...golden, attrs }, await context());
    expect(result).toMatchObject({
      status: 'failed',
      failures: [{ tensor: '', message: expect.stringMatching(/^ShapeError: conv2d/) }],
    });
  });

  it('what is not supported: ops and attributes', async () => {
    const golden = caseOf('activations', 'relu');
    const unknown = await runOpCase({ ...golden, op: 'relu7' }, await context());
    expect(unknown).toEqual({ status: 'not supported', missing: ['relu7'] });
    const inherited = await runOpCase({ ...golden, op: 'toString' }, await context());
    expect(inherited).toEqual({ status: 'not supported', missing: ['toString'] });
    const attribute = await runOpCase({ ...golden, attrs: { slope: 1 } }, await context());
    expect(attribute).toEqual({ status: 'not supported', missing: ['relu with slope'] });
    const option = { ...caseOf('optim', 'adam'), attrs: { lr: 0.01, steps: 10, maximize: true } };
    expect(await runOptimCase(option, await context())).toEqual({
      status: 'not supported',
      missing: ['optimizer.adam with maximize'],
    });
  });

  it.each(['logits1', 'grad1.fc1.weight', 'sgd.losses', 'adam.final.logits.bias'])(
    'a wrong %s of a training trace',
    async (tensor) => {
      const result = await runNetCase(disturbed(caseOf('nets', 'mlp'), tensor), await context());
      expect(result).toMatchObject({
        status: 'failed',
        failures: expect.arrayContaining([expect.objectContaining({ tensor })]),
      });
    },
  );

  it('a wrong optimizer, schedule or initialiser', async () => {
    const adam = disturbed(caseOf('optim', 'adam'), 'params1', 1.0001);
    expect(await runOptimCase(adam, await context())).toMatchObject({ failures: [{ tensor: 'params1' }] });
    const step = caseOf('optim', 'lr_step');
    const lr = step.lr!.map((rate) => rate * (1 + 1e-9));
    expect(await runOptimCase({ ...step, lr }, await context())).toMatchObject({ failures: [{ tensor: 'lr' }] });
    const normal = caseOf('init', 'kaiming_normal_linear_fan_out_relu');
    const std = normal.expected!.std! * 1.05;
    const failed = await runInitCase({ ...normal, expected: { ...normal.expected, std } });
    expect(tensorsOf(failed)).toEqual(['std']);
  });
});

describe('the report', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gabor-runner-'));
  afterAll(() => rmSync(folder, { recursive: true }));
  const init = { name: 'he', op: 'init.kaiming_normal', attrs: { shape: [40, 20] }, inputs: [], outputs: [] };
  const rest = { upstream: {}, gradients: {}, tolerance: {} };
  const expected = {
    fan_in: 20,
    gain: Math.SQRT2,
    std: Math.sqrt(2 / 20),
    mean: 0,
    mean_tolerance: 0.1,
    std_tolerance: 0.1,
  };
  const cases = [
    { ...init, ...rest, expected },
    { ...init, ...rest, name: 'wrong', expected: { fan_in: 21 } },
    { ...init, ...rest, name: 'other', op: 'init.orthogonal', expected: {} },
  ];
  writeFileSync(join(folder, 'own.json'), JSON.stringify({ family: 'own', file: null, cases }));

  it('counts and names what passed, failed and is not supported', async () => {
    const lines: string[] = [];
    const report = await runGoldens({ folder, device: await device(), print: (line) => lines.push(line) });
    expect(lines).toEqual([
      'own: 1 passed, 1 failed, 1 not supported (init.orthogonal 1)',
      '  FAILED wrong (init.kaiming_normal)',
      '    [default] fan_in: 20, expected 21 within 0',
      '1 passed, 1 failed',
    ]);
    expect(report).toMatchObject({ passed: 1, failed: 1, unsupported: 1 });
  });

  it('runs on where the device has reported an error before', async () => {
    const own = await requestDevice();
    own.gpu.createBuffer({ size: 16, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
    await own.gpu.queue.onSubmittedWorkDone();
    expect(own.failure).not.toBeNull();
    const report = await runGoldens({ folder: GOLDENS, families: ['softmax'], device: own, print: () => {} });
    own.dispose();
    expect(failuresOf(report)).toEqual([]);
    expect(report.passed).toBe(22);
  });

  it('tells whose case it was that made the device report an error', async () => {
    const own = await requestDevice();
    const create = own.gpu.createBindGroup.bind(own.gpu);
    // 2 x 1000 elements, as two cases have them; nothing is bound from byte 4 on.
    const spoilt = (entry: GPUBindGroupEntry): GPUBindGroupEntry => {
      const { resource } = entry;
      const chosen = 'buffer' in resource && resource.size === 8000;
      return chosen ? { ...entry, resource: { ...resource, offset: 4 } } : entry;
    };
    own.gpu.createBindGroup = (made) => create({ ...made, entries: [...made.entries].map(spoilt) });
    const report = await runGoldens({ folder: GOLDENS, families: ['softmax'], device: own, print: () => {} });
    own.dispose();
    const failed = report.cases.filter(({ result }) => result.status === 'failed').map(({ name }) => name);
    expect(failed).toEqual(['softmax_long', 'log_softmax_long']);
  });

  it('refuses an unknown family', async () => {
    const run = runGoldens({ folder, families: ['pool'], device: await device(), print: () => {} });
    await expect(run).rejects.toThrow(ArgumentError);
    await expect(run).rejects.toThrow('there is no family "pool"');
  });
});
