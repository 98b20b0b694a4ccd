/**
 * Reads and saves whole files: through Node's file system, or as a download in a browser.
 * Imports only the atomic writer and the error classes; Node's modules are loaded when called.
 */
import { StateError } from '../util/errors.ts';
import { fileError, writeFileAtomic } from './atomic-file.ts';

/**
 * Reads a whole file in Node.
 * @throws StateError if it is missing, unreadable or a folder, or if there is no file system (in a browser).
 */
export async function readFileBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  if (!isNode()) {
    throw new StateError(
      `cannot read ${JSON.stringify(path)}: a browser has no file system. Use fetch or a file input.`,
    );
  }
  const { readFile } = await import('node:fs/promises');
  try {
    const { buffer, byteOffset, byteLength } = await readFile(path);
    return new Uint8Array(buffer, byteOffset, byteLength);
  } catch (cause) {
    throw fileError('read', path, cause);
  }
}

/**
 * Saves `bytes`: in Node as the file `path`, replaced in one step (see `writeFileAtomic`); in a browser as a download
 * named after the last part of `path`, started through an anchor element.
 * @throws StateError if the file cannot be written, or in a worker, which cannot start a download.
 */
export async function saveFile(path: string, bytes: Uint8Array): Promise<void> {
  if (isNode()) return writeFileAtomic(path, bytes);
  if (typeof document === 'undefined') {
    throw new StateError(
      `cannot save ${JSON.stringify(path)}: a worker cannot download. Send the bytes to the page first.`,
    );
  }
  const url = URL.createObjectURL(new Blob([new Uint8Array(bytes)], { type: 'application/octet-stream' }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = path.split(/[\\/]/).at(-1) ?? path;
  anchor.click();
  // The click only queues the download, which needs the address for a moment longer.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

function isNode(): boolean {
  return typeof process !== 'undefined' && typeof process.versions?.node === 'string';
}
