/** Processes that compile ahead: what they are given, what is remembered, and that nothing is lost without them. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type CompileProgress,
  canBeHelped,
  createCompileHelpers,
  usualHelpers,
} from '../../src/gpu/compile-helpers.ts';
import type { CompileRequest } from '../../src/gpu/pipelines.ts';

let folder: string;
let mesa: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gabor-helpers-'));
  mesa = join(folder, 'mesa_shader_cache_db');
  mkdirSync(mesa);
  vi.stubEnv('MESA_SHADER_CACHE_DIR', folder);
  vi.stubEnv('GABOR_CACHE', join(folder, 'gabor'));
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

const kernel = (text: string): CompileRequest => ({
  code: `@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@compute @workgroup_size(1) fn main() { y[0] = ${text}; }`,
  bindings: [{ name: 'y', index: 0, access: 'read_write' }],
});

const kernels = (count: number): CompileRequest[] => Array.from({ length: count }, (_, i) => kernel(`${i}u`));

/** Has kernels compiled by new helpers; what they report. */
async function compileAll(requests: readonly CompileRequest[]): Promise<CompileProgress[]> {
  const seen: CompileProgress[] = [];
  const onProgress = (progress: CompileProgress) => seen.push(progress);
  const helpers = createCompileHelpers({ count: 2, device: {}, driver: 'llvmpipe (test)', onProgress });
  await Promise.all(requests.map((request) => helpers!.compiled(request)));
  return seen;
}

test('kernels that are new are compiled once, by two processes, and known to the next process', async () => {
  const eight = kernels(8);
  const seen = await compileAll([...eight, ...eight]);
  expect(seen).toEqual(eight.map((_, i) => ({ ready: i + 1, kernels: 8 })));
  expect(await compileAll(eight)).toEqual([]);
  // Of nine, one is new, which is too few to start a process.
  expect(await compileAll(kernels(9))).toEqual([]);
  expect(
    readFileSync(join(folder, 'gabor', 'compiled-kernels.txt'), 'utf8')
      .trim()
      .split('\n'),
  ).toHaveLength(8);
});

test("they are compiled again when the driver's cache was emptied", async () => {
  expect(await compileAll(kernels(6))).toHaveLength(6);
  rmSync(mesa, { recursive: true });
  mkdirSync(mesa);
  expect(await compileAll(kernels(6))).toHaveLength(6);
});

test('a kernel with an error is passed over: the device reports it', async () => {
  expect(await compileAll([kernel('nothing'), ...kernels(6)])).toHaveLength(7);
});

test('where helpers find no adapter, all is left to the device', async () => {
  vi.stubEnv('GABOR_DRIVER', 'missing');
  expect(await compileAll(kernels(6))).toEqual([]);
});

test('a driver without a cache, and a count of 0, have no helpers', () => {
  const options = { count: 2, device: {}, driver: 'llvmpipe' };
  expect(createCompileHelpers(options)).not.toBeNull();
  expect(createCompileHelpers({ ...options, count: 0 })).toBeNull();
  expect(createCompileHelpers({ ...options, driver: 'SwiftShader Device' })).toBeNull();
  vi.stubEnv('MESA_SHADER_CACHE_DISABLE', 'true');
  expect(canBeHelped('llvmpipe')).toBe(false);
});

test('GABOR_HELPERS says how many', () => {
  vi.stubEnv('GABOR_HELPERS', '3');
  expect(usualHelpers()).toBe(3);
  vi.stubEnv('GABOR_HELPERS', '');
  expect(usualHelpers()).toBeLessThanOrEqual(4);
});
