/**
 * `npm test`: sets up what is missing, then checks types, style and behaviour. With arguments (those of vitest, such as
 * the name of a test file) only the tests are run. Imports only ./cli.mjs and Node's own modules.
 */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { setUp } from './cli.mjs';

/** A step's name, its program in node_modules and the arguments. @typedef {[name: string, program: string, args: string[]]} Step */

setUp();
const args = process.argv.slice(2);
/** @type {Step[]} */
const checks = [
  ['types', 'typescript/bin/tsc', []],
  ['style', '@biomejs/biome/bin/biome', ['check', '.']],
];
/** @type {Step} */
const tests = ['tests', 'vitest/vitest.mjs', ['run', ...args]];

const failed = [];
for (const step of args.length > 0 ? [tests] : [...checks, tests]) if (!(await succeeds(step))) failed.push(step[0]);
if (failed.length > 0) {
  process.stderr.write(`failed: ${failed.join(', ')}\n`);
  process.exitCode = 1;
}

/**
 * Runs a step with this terminal. An interrupted step ends the whole run.
 * @param {Step} step
 * @returns {Promise<boolean>}
 */
function succeeds([name, program, programArgs]) {
  process.stderr.write(`\n${name}\n`);
  const child = spawn(process.execPath, [`node_modules/${program}`, ...programArgs], { stdio: 'inherit' });
  // A terminal sends SIGINT to the child as well, so that this process has only to wait; SIGTERM comes here alone.
  const wait = () => {};
  const pass = () => child.kill('SIGTERM');
  process.on('SIGINT', wait).on('SIGTERM', pass);
  return new Promise((resolve) => {
    child.on('exit', (code, signal) => {
      process.off('SIGINT', wait).off('SIGTERM', pass);
      if (signal) process.exit(128 + constants.signals[signal]);
      if (code === 130 || code === 143) process.exit(code); // it caught the signal itself
      resolve(code === 0);
    });
  });
}
