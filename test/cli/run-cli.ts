/** Runs command lines in this process, on the shared device, in temporary folders. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Io } from '../../src/cli/command.ts';
import { run } from '../../src/cli/program.ts';
import { loadMnist, type Mnist } from '../../src/data/mnist.ts';
import { device } from '../support/device.ts';

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `words`: one line, split at spaces, or the words themselves. */
export async function gabor(words: string | readonly string[], io: Partial<Io> = {}): Promise<Outcome> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await run(typeof words === 'string' ? words.split(' ').filter(Boolean) : words, {
    print: (text) => out.push(text),
    error: (text) => err.push(text),
    device: () => device(),
    ...io,
  });
  return { code, stdout: out.join('\n'), stderr: err.join('\n') };
}

/** An error as users see it: exit code, one message that holds all the parts, no stack, nothing on stdout. */
export async function expectError(
  words: string | readonly string[],
  { code, parts }: { code: 1 | 2; parts: readonly string[] },
): Promise<void> {
  const outcome = await gabor(words);
  expect(outcome.stderr).toMatch(/^error: /m);
  for (const part of parts) expect(outcome.stderr).toContain(part);
  expect(outcome.stderr).not.toMatch(/^\s+at |\.ts:\d|unexpected/m);
  expect(outcome.stdout).toBe('');
  expect(outcome.code).toBe(code);
}

const folders: string[] = [];

export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'gabor-cli-'));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

function idx(shape: readonly number[], data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x0800 + shape.length);
  for (const [axis, extent] of shape.entries()) view.setUint32(4 + 4 * axis, extent);
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
}

function writePart(folder: string, name: string, { images, labels }: Mnist, count: number): void {
  writeFileSync(join(folder, `${name}-images-idx3-ubyte`), idx([count, 28, 28], images.subarray(0, count * 784)));
  writeFileSync(join(folder, `${name}-labels-idx1-ubyte`), idx([count], labels.subarray(0, count)));
}

/** A folder with the first images of MNIST as IDX files: real ones, and few enough for quick tests. */
export async function smallMnist({ train, test }: { train: number; test: number }): Promise<string> {
  const folder = join(temporaryFolder(), 'data');
  mkdirSync(folder);
  const mnist = await loadMnist();
  writePart(folder, 'train', mnist.train, train);
  writePart(folder, 't10k', mnist.test, test);
  return folder;
}
