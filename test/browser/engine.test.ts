/** A fast selection of the engine's own tests, run in Chromium by a vitest of its own: see vitest.browser.config.ts. Imports support. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { JsonTestResults } from 'vitest/node';
import { findChromium, LEFT_OUT } from './support/chromium.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MOST_MS = 280_000;
/** Of the selection: fewer are a selection that was not found. */
const AT_LEAST = 800;

/** The report of the other vitest, whatever it says. */
async function runSelection(folder: string): Promise<JsonTestResults> {
  const file = join(folder, 'report.json');
  const { VITEST: _, NODE_ENV: __, ...env } = process.env;
  const program = ['node_modules/vitest/vitest.mjs', 'run', '--config', 'vitest.browser.config.ts'];
  const child = spawn(process.execPath, [...program, '--reporter=json', `--outputFile=${file}`], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  const timer = setTimeout(() => child.kill(), MOST_MS);
  await new Promise((resolve) => child.on('exit', resolve));
  clearTimeout(timer);
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    throw new Error(`The tests in the browser have no report:\n${said}`);
  }
}

const failuresOf = ({ testResults }: JsonTestResults): string[] =>
  testResults.flatMap(({ name, message, assertionResults }) => [
    ...(message ? [`${name}: ${message}`] : []),
    ...assertionResults
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages?.[0]?.split('\n')[0]}`),
  ]);

const executable = findChromium();

if (!executable) test(LEFT_OUT, () => expect(executable).toBeNull());
else
  test(
    'the engine passes its own tests in Chromium',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'gabor-browser-tests-'));
      try {
        const report = await runSelection(folder);
        expect(failuresOf(report)).toEqual([]);
        expect(report.success).toBe(true);
        expect(report.numPassedTests).toBeGreaterThan(AT_LEAST);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
    MOST_MS + 20_000,
  );
