/**
 * Writes files in Node so that a crash leaves the old file or the new one, never a mixture: temporary file in the same
 * folder, fsync, rename, fsync of the folder. Imports only the error classes; Node's modules are loaded when called.
 */
import { StateError } from '../util/errors.ts';

/**
 * Replaces the file at `path` by `data` in one step, keeping its permissions; a symbolic link is followed.
 * A process killed in between may leave a file `.gabor-*.tmp` in the folder, which can be deleted.
 * @throws StateError naming the path, the reason and the fix; the file at `path` is then as it was before.
 */
export async function writeFileAtomic(path: string, data: Uint8Array | string): Promise<void> {
  const fs = await import('node:fs/promises');
  const { dirname, join } = await import('node:path');
  let temporary: string | undefined;
  try {
    const target = await fs.realpath(path).catch(() => path);
    const old = await fs.stat(target).catch(() => undefined);
    if (old?.isDirectory()) throw Object.assign(new Error('is a folder'), { code: 'EISDIR' });
    const name = join(dirname(target), `.gabor-${process.pid}-${crypto.randomUUID()}.tmp`);
    const file = await fs.open(name, 'wx');
    temporary = name;
    try {
      if (old !== undefined) await file.chmod(old.mode);
      await file.writeFile(data);
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(name, target);
    temporary = undefined;
    await syncFolder(dirname(target));
  } catch (cause) {
    if (temporary !== undefined) await fs.rm(temporary, { force: true }).catch(() => undefined);
    throw fileError('write', path, cause);
  }
}

/**
 * Creates the folder at `path`, with its parents, unless it exists, and makes sure by writing that files can be written.
 * @throws StateError naming the path, the reason and the fix.
 */
export async function ensureWritableFolder(path: string): Promise<void> {
  const fs = await import('node:fs/promises');
  const { join } = await import('node:path');
  const probe = join(path, `.gabor-${process.pid}-${crypto.randomUUID()}.tmp`);
  try {
    await fs.mkdir(path, { recursive: true });
    await fs.writeFile(probe, 'x', { flag: 'wx' });
    await fs.rm(probe);
  } catch (cause) {
    await fs.rm(probe, { force: true }).catch(() => undefined);
    throw fileError('write into', path, cause);
  }
}

/** Makes a StateError of an error of Node's file functions: what was tried, where, why in plain words, and the fix. */
export function fileError(action: string, path: string, cause: unknown): StateError {
  const code = cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : '';
  const text = reasons.get(code);
  const unknown = `${cause instanceof Error ? cause.message : String(cause)}. Check the path and the disk`;
  return new StateError(`cannot ${action} ${JSON.stringify(path)}: ${text ?? unknown}.`, { cause });
}

const reasons: ReadonlyMap<string, string> = new Map([
  ['EACCES', 'no permission (EACCES). Change the permissions or choose another folder'],
  ['EPERM', 'not permitted (EPERM). Change the permissions or choose another folder'],
  ['ENOSPC', 'the disk is full (ENOSPC). Free some space or choose another disk'],
  ['EDQUOT', 'your disk quota is used up (EDQUOT). Free some space or choose another disk'],
  ['ENOENT', 'the file or its folder does not exist (ENOENT). Check the path or create the folder'],
  ['ENOTDIR', 'a part of the path is a file, not a folder (ENOTDIR). Correct the path'],
  ['EEXIST', 'a file of this name is in the way (EEXIST). Remove it or choose another name'],
  ['EISDIR', 'it is a folder, not a file (EISDIR). Add a file name'],
  ['EROFS', 'the disk is read-only (EROFS). Choose another folder'],
  ['ENAMETOOLONG', 'the path is too long (ENAMETOOLONG). Shorten it'],
  ['EMFILE', 'too many files are open (EMFILE). Close some'],
  ['EBUSY', 'it is in use by another program (EBUSY). Close that program'],
]);

/** Makes the rename itself durable. Windows cannot open folders and needs no such step. */
async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const fs = await import('node:fs/promises');
  const folder = await fs.open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
