/**
 * `npm run demo` serves the demo on this machine, `npm run demo:build` makes dist-demo/. Sets up what is missing first.
 * Further arguments are vite's. Imports only ./cli.mjs, ./setup and Node's own modules.
 */
import { spawnSync } from 'node:child_process';
import { root } from './cli.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { orExit } from './setup/process.mjs';

orExit(() => ensureDependencies(root));
const [command, ...rest] = process.argv.slice(2);
const args = command === 'build' ? ['build', ...rest] : process.argv.slice(2);
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vite/bin/vite.js', ...args, '--config', 'demo/vite.config.ts'],
  {
    cwd: root,
    stdio: 'inherit',
  },
);
process.exitCode = status ?? 1;
