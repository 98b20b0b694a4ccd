/**
 * Child processes of setup, and what setup says. Imports only Node's own modules.
 */
import { spawnSync } from 'node:child_process';

/** An error whose message is meant for the user; `details` is the output of the command that failed. */
export class SetupError extends Error {
  name = 'SetupError';
  /**
   * @param {string} message
   * @param {string} [details]
   */
  constructor(message, details = '') {
    super(message);
    this.details = details;
  }
}

/**
 * One line about what is being done and why; on stderr, so that a command's own output stays clean.
 * @param {string} text
 */
export function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/**
 * Runs a function of setup; an error for the user ends the process with its message and exit code 1.
 * @template T
 * @param {() => T} action
 * @returns {T}
 */
export function orExit(action) {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    process.stderr.write(`${error.details}${error.message}\n`);
    process.exit(1);
  }
}

/**
 * Runs a command quietly and returns what it printed on stdout. When it fails, the error's message ends with the cause
 * that the command named.
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, shell?: boolean, title?: string }} [options] `title`: its name in errors
 * @returns {string}
 */
export function run(command, args, { title = command, ...options } = {}) {
  const child = spawnSync(command, args, {
    ...options,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (child.error) {
    const missing = /** @type {NodeJS.ErrnoException} */ (child.error).code === 'ENOENT';
    throw new SetupError(missing ? `${title} is not installed` : child.error.message);
  }
  if (child.status !== 0) {
    const subcommand = args.find((arg) => /^[a-z]+$/.test(arg)) ?? '';
    const reason = firstComplaint(child.stderr) ?? `exit code ${child.status ?? child.signal}`;
    throw new SetupError(`${title} ${subcommand}: ${reason}`, child.stdout + child.stderr);
  }
  return child.stdout;
}

/**
 * What a failed apt or npm names as the cause.
 * @param {string} stderr
 */
function firstComplaint(stderr) {
  return /^(?:E:|npm error code) *(.+)/m.exec(stderr)?.[1];
}

/**
 * Runs npm: the one that started this process, if one did.
 * @param {string[]} args
 * @param {string} cwd
 */
export function npm(args, cwd) {
  const self = process.env.npm_execpath;
  if (self?.endsWith('.js')) return run(process.execPath, [self, ...args], { cwd, title: 'npm' });
  return run('npm', args, { cwd, shell: process.platform === 'win32' });
}
