/** `gabor setup`: runs scripts/setup/main.mjs of the package. Imports cli, Node's modules. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Command } from './command.ts';
import type { Options } from './options.ts';
import { packageFolder } from './package.ts';

const DRIVERS = ['lavapipe', 'swiftshader'] as const;

async function run(_: readonly string[], options: Options): Promise<number> {
  const driver = options.choice('driver', DRIVERS);
  const script = join(packageFolder(), 'scripts', 'setup', 'main.mjs');
  const child = spawn(process.execPath, [script, ...(driver ? ['--driver', driver] : [])], { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}

export const setupCommand: Command = {
  usage: 'setup',
  text: 'make a WebGPU adapter available: the own GPU, or a software driver where there is none',
  options: [{ flags: '--driver <NAME>', text: DRIVERS.join(' or '), default: 'the GPU, else lavapipe' }],
  examples: ['setup --driver swiftshader'],
  run,
};
