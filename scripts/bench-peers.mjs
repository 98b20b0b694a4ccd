/** `npm run bench:peers -- ARGS`: sets up what is missing, then measures gabor beside other libraries (bench/peers). */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root, setUp } from './cli.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { orExit } from './setup/process.mjs';

setUp();
const { register } = await import(/** @type {string} */ ('tsx/esm/api'));
register();
const folder = join(root, 'bench', 'peers');
const { main } = await import(pathToFileURL(join(folder, 'main.ts')).href);
process.exitCode = await main(process.argv.slice(2), { install: () => orExit(() => ensureDependencies(folder)) });
