/** The command line without training: help, version, every mistake in options, info, bench, goldens. */
import { afterAll, describe, expect, it } from 'vitest';
import { COMMANDS } from '../../src/cli/program.ts';
import { expectError, gabor, removeFolders, temporaryFolder } from './run-cli.ts';

afterAll(removeFolders);

describe('help and version', () => {
  it('shows all commands', async () => {
    const { code, stdout } = await gabor('--help');
    expect(code).toBe(0);
    for (const name of ['train', 'evaluate', 'predict', 'info', 'bench', 'setup', 'goldens'])
      expect(stdout).toMatch(new RegExp(`^ {2}${name}\\b`, 'm'));
  });

  it.each(COMMANDS.map(({ usage }) => usage.split(' ')[0]!))(
    'shows usage, options and an example of %s',
    async (name) => {
      const { code, stdout } = await gabor(`${name} --help`);
      expect(code).toBe(0);
      expect(stdout).toContain(`gabor ${name}`);
      expect(stdout).toContain('Options:\n');
      expect(stdout).toMatch(/Examples?:\n {2}gabor /);
      expect((await gabor(`help ${name}`)).stdout).toBe(stdout);
    },
  );

  it('shows the defaults of train', async () => {
    const { stdout } = await gabor('train -h');
    for (const text of ['--batch <N>', '(default: 64)', '(default: lenet)', 'sgd 0.05', '--no-report'])
      expect(stdout).toContain(text);
  });

  it('help behind -- is an argument', async () => {
    await expectError('predict a.safetensors -- --help', { code: 1, parts: ['a.safetensors'] });
  });

  it('without words shows the help and fails', async () => {
    const { code, stdout } = await gabor('');
    expect(code).toBe(2);
    expect(stdout).toContain('Commands:');
  });

  it('shows the version', async () => {
    expect(await gabor('--version')).toMatchObject({ code: 0, stdout: '0.1.0', stderr: '' });
  });
});

describe('mistakes in the command line', () => {
  const cases: readonly [words: string, ...parts: string[]][] = [
    ['trian mnist', '"trian"', 'Did you mean "train"?'],
    ['frobnicate', '"frobnicate"', '"gabor --help"'],
    ['train minst', 'the data set is "minst"', 'Use mnist', 'Did you mean "mnist"?'],
    ['train mnist cifar', '"cifar" is one argument too many'],
    ['train --bach 3', 'there is no option --bach', '"--batch"'],
    ['train --frobnicate', 'there is no option --frobnicate', '"gabor train --help"'],
    ['train -x', 'there is no option -x'],
    ['train -1', 'there is no option -1'],
    ['train --__proto__ 1', 'there is no option --__proto__'],
    ['train --constructor=1', 'there is no option --constructor'],
    ['train --batch', '--batch lacks its value'],
    ['train --batch --json', '--batch lacks its value'],
    ['train --batch abc', '--batch is "abc"', 'a whole number from 1'],
    ['train --batch 1.5', '--batch is "1.5"', 'a whole number from 1'],
    ['train --batch 0', '--batch is "0"', 'from 1'],
    ['train --batch -4', '--batch is "-4"', 'from 1'],
    ['train --batch=', '--batch is empty'],
    ['train --batch 0x10', '--batch is "0x10"'],
    ['train --batch 99999999999', '--batch is "99999999999"'],
    ['train --batch 2 --batch 3', '--batch is given 2 times'],
    ['train --epochs 0', '--epochs is "0"', 'from 1'],
    ['train --epochs Infinity', '--epochs is "Infinity"'],
    ['train --seed -1', '--seed is "-1"', 'from 0'],
    ['train --seed 1e30', '--seed is "1e30"'],
    ['train --lr 0', '--lr is "0"', 'above 0'],
    ['train --lr nan', '--lr is "nan"'],
    ['train --lr 1e999', '--lr is "1e999"'],
    ['train --momentum 1 --optimizer sgd', '--momentum is "1"', 'from 0 to'],
    ['train --momentum 0.5', '--momentum is 0.5, but adam has none', 'sgd or rmsprop'],
    ['train --weight-decay -1', '--weight-decay is "-1"', 'from 0'],
    ['train --gamma 0.5', '--gamma is 0.5', '--schedule step'],
    ['train --optimizer admw', '--optimizer is "admw"', 'adagrad, rmsprop, adam or adamw', 'Did you mean "adamw"?'],
    ['train --model resnet', '--model is "resnet"', 'lenet'],
    ['train --schedule linear', '--schedule is "linear"', 'none, step or cosine'],
    ['train --limit 70000', '--limit is 70000', '60000 training images'],
    ['train --limit 10', '--batch is 64', '10 training images'],
    ['train --json=yes', '--json takes no value'],
    ['evaluate', 'FILE is missing'],
    ['predict model.safetensors', 'IMAGES is missing'],
    ['predict model.safetensors a.png --top 0', '--top is "0"'],
    ['bench lenett', 'the benchmark is "lenett"', 'Did you mean "lenet"?'],
    ['bench --rounds two', '--rounds is "two"'],
    ['setup --driver nvidia', '--driver is "nvidia"', 'lavapipe or swiftshader'],
    ['goldens', 'FOLDER is missing'],
  ];

  it.each(cases)('%s', async (words, ...parts) => {
    await expectError(words, { code: 2, parts });
  });
});

describe('unexpected errors', () => {
  it('show the message and how to see more', async () => {
    const fail = () => Promise.reject(new TypeError('boom'));
    const { code, stderr } = await gabor('info', { device: fail });
    expect(code).toBe(1);
    expect(stderr).toBe('error: boom\nThis is unexpected: set GABOR_DEBUG=1 to see where it comes from.');
  });

  it('show the stack with GABOR_DEBUG', async () => {
    process.env.GABOR_DEBUG = '1';
    try {
      const { code, stderr } = await gabor('train --lr x');
      expect(code).toBe(2);
      expect(stderr).toMatch(/--lr is "x"[\s\S]*\n\s+at /);
    } finally {
      delete process.env.GABOR_DEBUG;
    }
  });
});

describe('info', () => {
  it('tells adapter, limits and versions as text and as JSON', async () => {
    const text = await gabor('info');
    expect(text.code).toBe(0);
    for (const word of ['adapter', 'driver', 'features', 'maxBufferSize', 'node', 'webgpu'])
      expect(text.stdout).toContain(word);
    const { stdout } = await gabor('info --json');
    const info = JSON.parse(stdout);
    expect(info.adapter.name).not.toBe('');
    expect(info.software).toBeTypeOf('boolean');
    expect(info.limits.maxComputeInvocationsPerWorkgroup).toBeGreaterThanOrEqual(256);
    expect(info.versions).toMatchObject({ gabor: '0.1.0', node: process.versions.node });
    expect(info.versions.webgpu).toMatch(/^\d+\.\d+/);
  });
});

describe('bench', () => {
  it('measures training and inference', async () => {
    const { code, stdout } = await gabor('bench lenet --rounds 2 --json');
    expect(code).toBe(0);
    const { results } = JSON.parse(stdout);
    expect(results.map((r: { name: string }) => r.name)).toEqual(['training', 'inference']);
    for (const { rounds, median, min, max, dispatches } of results) {
      expect(rounds).toHaveLength(2);
      expect(min).toBeGreaterThan(0);
      expect(min <= median && median <= max).toBe(true);
      expect(dispatches).toBeGreaterThan(5);
    }
  });
});

describe('goldens', () => {
  it('runs a family', async () => {
    const { code, stdout } = await gabor('goldens test/goldens softmax');
    expect(stdout.split('\n').at(-1)).toMatch(/^\d+ passed, 0 failed$/);
    expect(code).toBe(0);
  });

  it('fails on a folder that is not there or a family that it lacks', async () => {
    await expectError(['goldens', `${temporaryFolder()}/none`], { code: 1, parts: ['does not exist'] });
    await expectError('goldens test/goldens sotfmax', { code: 1, parts: ['sotfmax'] });
  });
});
