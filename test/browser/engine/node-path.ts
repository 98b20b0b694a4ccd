/** What tests of the engine use of `node:path` and `node:url`, in a browser, where paths are those of addresses. Imports nothing. */

export const join = (...parts: readonly string[]): string => parts.join('/').replace(/\/{2,}/g, '/');

export const basename = (path: string, suffix = ''): string => {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return suffix !== '' && name.endsWith(suffix) ? name.slice(0, -suffix.length) : name;
};

export const fileURLToPath = (url: URL): string => url.pathname;
