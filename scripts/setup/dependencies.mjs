/**
 * Installs the project's dependencies when they are missing or not those of package-lock.json.
 * Imports only ./process.mjs and Node's own modules.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { npm, SetupError, say } from './process.mjs';

/** The part of a lock file that matters here. @typedef {{ packages?: Record<string, LockedPackage> }} Lock */
/** @typedef {{ version?: string, integrity?: string, optional?: boolean }} LockedPackage */

/**
 * @param {string} root the project's folder
 */
export function ensureDependencies(root) {
  const reason = staleReason(root);
  if (!reason) return;
  say(`installing dependencies from package-lock.json (${reason})`);
  try {
    npm(['ci', '--no-audit', '--no-fund'], root);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    throw new SetupError(`The dependencies cannot be installed. Run "npm ci" to try again.`, error.details);
  }
}

/**
 * @param {string} root
 * @returns {string | null} why the dependencies have to be installed, if they have to
 */
function staleReason(root) {
  if (!existsSync(join(root, 'node_modules'))) return 'node_modules is missing';
  // npm writes this file last, so that without it an installation was not finished.
  const installedFile = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedFile)) return 'node_modules is incomplete';
  const changed = firstDifference(readLock(join(root, 'package-lock.json')), readLock(installedFile));
  return changed && `${changed} is not the one in the lock file`;
}

/**
 * @param {string} file
 * @returns {Lock}
 */
function readLock(file) {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/**
 * The first package that is not installed as the lock file says. An optional one may be missing: it is for another
 * kind of machine.
 * @param {Lock} locked package-lock.json
 * @param {Lock} installed node_modules/.package-lock.json
 * @returns {string | null}
 */
export function firstDifference(locked, installed) {
  for (const [path, wanted] of Object.entries(locked.packages ?? {})) {
    const found = installed.packages?.[path];
    if (path === '' || (!found && wanted.optional)) continue;
    if (found?.version !== wanted.version || found?.integrity !== wanted.integrity) return path;
  }
  return null;
}
