/**
 * Lets plain Node import shaders the way vite does: `import text from './x.wgsl?raw'`.
 * Used as `node --import tsx --import ./scripts/wgsl-hook.mjs FILE.ts`. Imports only Node's own modules.
 */
import { register } from 'node:module';

/** The hooks run on Node's loader thread, so they travel as text. */
const hooks = `
import { readFile } from 'node:fs/promises';

export async function resolve(specifier, context, next) {
  if (!specifier.startsWith('.') || !specifier.endsWith('.wgsl?raw')) return next(specifier, context);
  return { url: new URL(specifier, context.parentURL).href, format: 'module', shortCircuit: true };
}

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.wgsl?raw')) return next(url, context);
  const text = await readFile(new URL(url.slice(0, -'?raw'.length)), 'utf8');
  return { source: 'export default ' + JSON.stringify(text), format: 'module', shortCircuit: true };
}
`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
