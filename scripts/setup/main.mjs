/**
 * `npm run setup [-- --driver lavapipe|swiftshader]`, and `gabor setup` in a project that uses the package: installs
 * the dependencies (in gabor's own source tree only), makes an adapter available and says what there is.
 * Imports only the modules beside it and Node's own.
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { ensureDependencies } from './dependencies.mjs';
import { ensureAdapter } from './driver.mjs';
import { orExit, SetupError, say } from './process.mjs';

const packageFolder = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
// A published package has no lock file.
const isSourceTree = existsSync(join(packageFolder, 'package-lock.json'));

orExit(() => {
  const { driver } = readOptions();
  if (isSourceTree) {
    ensureDependencies(packageFolder);
    say('dependencies: as in package-lock.json');
  }
  const { use, adapter } = ensureAdapter(isSourceTree ? packageFolder : process.cwd(), { driver, check: true });
  const origin = use === 'system' ? "the system's own" : use;
  say(`adapter: ${adapter ?? 'not looked for'} (${origin})`);
});

/** @returns {{ driver?: string }} */
function readOptions() {
  try {
    return parseArgs({ options: { driver: { type: 'string' } } }).values;
  } catch (error) {
    const message = /** @type {Error} */ (error).message;
    throw new SetupError(`${message}. Usage: setup [--driver lavapipe|swiftshader]`);
  }
}
