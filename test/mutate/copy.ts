/** A copy of the working tree where shaders are changed and tests are run. Imports Node's own modules and vitest's types. */
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonTestResults } from 'vitest/node';

export interface TestRun {
  /** `invalid`: the shader does not compile; `timeout`: it did not end. */
  readonly result: 'passed' | 'failed' | 'invalid' | 'timeout';
  /** The first test that failed; null where the run failed otherwise. */
  readonly test: string | null;
  readonly seconds: number;
}

const PARTS = [
  'src',
  'shaders',
  'test',
  'scripts',
  'package.json',
  'tsconfig.json',
  'vitest.config.ts',
  'vite.config.ts',
];

/** What cannot be compiled is not a fault that a test found. */
const INVALID = /ShaderError|the shader does not compile/;

export class Copy {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'gabor-mutate-'));
  readonly #report = join(this.folder, 'report.json');

  constructor(root: string) {
    for (const part of PARTS) cpSync(join(root, part), join(this.folder, part), { recursive: true });
    for (const part of ['node_modules', '.gpu', 'README.md', 'docs', 'ARCHITECTURE.md', 'CONTRIBUTING.md'])
      if (existsSync(join(root, part))) symlinkSync(join(root, part), join(this.folder, part));
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.folder, file), text);
  }

  /** Runs test files until one fails. */
  async run(
    files: readonly string[],
    { seconds, name }: { readonly seconds: number; readonly name?: string },
  ): Promise<TestRun> {
    rmSync(this.#report, { force: true });
    const started = performance.now();
    const vitest = join(this.folder, 'node_modules', 'vitest', 'vitest.mjs');
    const args = ['run', ...files, '--bail', '1', '--reporter', 'json', '--outputFile', this.#report];
    const child = spawn(process.execPath, [vitest, ...args, ...(name ? ['-t', name] : [])], {
      cwd: this.folder,
      stdio: 'ignore',
      detached: true, // a group of its own, so that its workers end with it
    });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      process.kill(-child.pid!, 'SIGKILL');
    }, seconds * 1000);
    const code = await new Promise<number | null>((resolve) => child.on('exit', resolve));
    clearTimeout(timer);
    const spent = (performance.now() - started) / 1000;
    if (timedOut) return { result: 'timeout', test: null, seconds: spent };
    if (code === 0) return { result: 'passed', test: null, seconds: spent };
    return { ...this.#failure(), seconds: spent };
  }

  #failure(): Omit<TestRun, 'seconds'> {
    if (!existsSync(this.#report)) return { result: 'failed', test: null };
    const { testResults } = JSON.parse(readFileSync(this.#report, 'utf8')) as JsonTestResults;
    for (const { name, message, assertionResults } of testResults) {
      const failed = assertionResults.find(({ status }) => status === 'failed');
      if (INVALID.test([message, ...(failed?.failureMessages ?? [])].join('\n')))
        return { result: 'invalid', test: null };
      if (failed)
        return { result: 'failed', test: `${name.slice(name.lastIndexOf('/test/') + 1)}: ${failed.fullName}` };
    }
    return { result: 'failed', test: null };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
