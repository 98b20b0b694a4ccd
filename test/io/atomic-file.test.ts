/** Atomic writing: kill -9 in the middle, failures that leave nothing behind; reading and saving files. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ensureWritableFolder, fileError, writeFileAtomic } from '../../src/io/atomic-file.ts';
import { readFileBytes, saveFile } from '../../src/io/files.ts';
import { StateError } from '../../src/util/errors.ts';

const root = mkdtempSync(join(tmpdir(), 'gabor-atomic-'));
afterAll(() => rmSync(root, { recursive: true }));

function folder(name: string): string {
  const path = join(root, name);
  mkdirSync(path);
  return path;
}

describe('writeFileAtomic', () => {
  it('creates and replaces files, keeps permissions, follows links, leaves nothing else', async () => {
    const here = folder('plain');
    const path = join(here, 'a.bin');
    await writeFileAtomic(path, Uint8Array.of(1, 2, 3));
    expect([...readFileSync(path)]).toEqual([1, 2, 3]);
    chmodSync(path, 0o604);
    symlinkSync(path, join(here, 'link'));
    await writeFileAtomic(join(here, 'link'), 'text');
    expect(readFileSync(path, 'utf8')).toBe('text');
    expect(statSync(path).mode & 0o777).toBe(0o604);
    expect(readdirSync(here)).toEqual(['a.bin', 'link']);
  });

  it('leaves the old or the new file when it is killed', async () => {
    const here = folder('killed');
    const path = join(here, 'weights.bin');
    const byteLength = 4_000_000;
    const script = join(root, 'child.mjs');
    const source = JSON.stringify(new URL('../../src/io/atomic-file.ts', import.meta.url).href);
    writeFileSync(
      script,
      `import { writeFileAtomic } from ${source};
      for (let round = 0; ; round += 1) {
        await writeFileAtomic(${JSON.stringify(path)}, new Uint8Array(${byteLength}).fill(round % 251));
        if (round === 0) process.stdout.write('ready');
      }`,
    );
    for (let round = 0; round < 12; round += 1) {
      const child = spawn(process.execPath, ['--import', 'tsx', script], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, 7 * round));
      child.kill('SIGKILL');
      await once(child, 'exit');
      const bytes = readFileSync(path);
      expect(bytes.length).toBe(byteLength);
      expect(bytes.equals(Buffer.alloc(byteLength, bytes[0]))).toBe(true);
    }
    await writeFileAtomic(path, 'last');
    expect(readFileSync(path, 'utf8')).toBe('last');
  });

  it.each([
    ['ENOENT', () => join(root, 'missing', 'a.bin'), /folder does not exist \(ENOENT\)/],
    ['ENOTDIR', () => join(import.meta.filename, 'a.bin'), /a file, not a folder \(ENOTDIR\)/],
    ['EISDIR', () => root, /it is a folder, not a file \(EISDIR\)/],
    ['ENAMETOOLONG', () => join(root, 'n'.repeat(300)), /too long/],
  ])('explains %s', async (_, path, message) => {
    const before = readdirSync(root);
    const failure = writeFileAtomic(path(), 'x');
    await expect(failure).rejects.toThrow(StateError);
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toHaveProperty('cause.code');
    expect(readdirSync(root)).toEqual(before);
  });

  it('explains what cannot be caused here', () => {
    const error = (code: string) => fileError('write', 'a.bin', Object.assign(new Error('x'), { code })).message;
    expect(error('ENOSPC')).toMatch(/cannot write "a\.bin": the disk is full/);
    expect(error('EACCES')).toMatch(/no permission/);
    expect(error('EROFS')).toMatch(/read-only/);
    expect(error('EWHATEVER')).toMatch(/: x\. Check/);
  });
});

describe('ensureWritableFolder', () => {
  it('creates folders with their parents and leaves them empty', async () => {
    const path = join(root, 'deep', 'er');
    await ensureWritableFolder(path);
    await ensureWritableFolder(path);
    expect(readdirSync(path)).toEqual([]);
  });

  it('refuses a file and a folder under a file', async () => {
    await expect(ensureWritableFolder(import.meta.filename)).rejects.toThrow(/cannot write into .*in the way/);
    await expect(ensureWritableFolder(join(import.meta.filename, 'x'))).rejects.toThrow(/a file, not a folder/);
  });
});

describe('readFileBytes and saveFile', () => {
  it('read what was saved', async () => {
    const path = join(root, 'saved.bin');
    await saveFile(path, Uint8Array.of(5, 6));
    expect(await readFileBytes(path)).toEqual(Uint8Array.of(5, 6));
  });

  it('explain missing files and folders', async () => {
    await expect(readFileBytes(join(root, 'none'))).rejects.toThrow(StateError);
    await expect(readFileBytes(join(root, 'none'))).rejects.toThrow(/cannot read .*does not exist/);
    await expect(readFileBytes(root)).rejects.toThrow(/it is a folder/);
  });
});
