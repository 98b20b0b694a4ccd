/** Where this machine keeps what programs can make again. Imports nothing; for Node only. */

/** $XDG_CACHE_HOME, or its usual place. */
export function cacheHome(): string {
  const { join } = process.getBuiltinModule('node:path');
  return process.env.XDG_CACHE_HOME || join(process.getBuiltinModule('node:os').homedir(), '.cache');
}

/** gabor's own folder: $GABOR_CACHE, else `gabor` in the one of all programs. */
export function gaborCache(): string {
  return process.env.GABOR_CACHE || process.getBuiltinModule('node:path').join(cacheHome(), 'gabor');
}
