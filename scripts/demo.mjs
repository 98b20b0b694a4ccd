/**
 * `npm run demo` serves the demo on this machine, `npm run demo:build` makes dist-demo/, `npm run demo:shots` pictures of it. Sets up
 * what is missing first.
 * Further arguments are vite's. Imports only ./cli.mjs, ./setup and Node's own modules.
 */
import { spawnSync } from 'node:child_process';
import { root } from './cli.mjs';
import { ensureDependencies } from './setup/dependencies.mjs';
import { orExit } from './setup/process.mjs';

orExit(() => ensureDependencies(root));
const [command, ...rest] = process.argv.slice(2);
const vite = (...args) => ['node_modules/vite/bin/vite.js', ...args, '--config', 'demo/vite.config.ts'];
const args =
  command === 'shots'
    ? ['--import', 'tsx', 'demo/shots.ts']
    : command === 'build'
      ? vite('build', ...rest)
      : vite(...process.argv.slice(2));
const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
process.exitCode = status ?? 1;
