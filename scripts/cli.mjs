/**
 * Runs gabor's command line from the source tree, in this process. Imports only setup/ and Node's own modules at first:
 * the dependencies may have to be installed before anything else can be imported.
 */
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { ensureDependencies } from './setup/dependencies.mjs';
import { ensureAdapter } from './setup/driver.mjs';
import { orExit } from './setup/process.mjs';

/** The project's folder. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Makes sure that dependencies and an adapter are there, and goes to the project's folder as npm does. */
export function setUp() {
  process.chdir(root);
  orExit(() => {
    ensureDependencies(root);
    ensureAdapter(root);
  });
}

/**
 * @param {string[]} args as after `gabor`
 */
export async function runCli(args) {
  const { register } = await import(/** @type {string} */ ('tsx/esm/api'));
  register();
  await import('./wgsl-hook.mjs');
  const program = join(root, 'src', 'cli', 'main.ts');
  process.argv = [process.execPath, program, ...args];
  await import(pathToFileURL(program).href);
}
