/** gabor's own package: its folder and version, from the source tree or from the bundle. Imports util, Node's modules. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StateError } from '../util/errors.ts';

interface PackageFile {
  readonly name?: string;
  readonly version?: string;
}

const readPackage = (folder: string): PackageFile | null => {
  const file = join(folder, 'package.json');
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as PackageFile) : null;
};

/** The folder with gabor's package.json, at or above this file. */
export function packageFolder(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (readPackage(folder)?.name === 'gabor') return folder;
    if (folder === dirname(folder))
      throw new StateError("gabor's package.json is not above its program. Install gabor again.");
  }
}

export const gaborVersion = (): string => readPackage(packageFolder())?.version ?? 'unknown';
