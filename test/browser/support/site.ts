/** The demo as visitors get it: built into a temporary folder and served on a free port. Imports vite and Node's own modules. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { preview } from 'vite';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const CONFIG = join(ROOT, 'demo', 'vite.config.ts');

export interface Site {
  /** Ends in a slash. */
  readonly url: string;
  close(): Promise<void>;
}

/** In a process of its own: there NODE_ENV is not that of the tests, so that the page is the one that is published. */
function build(outDir: string): void {
  const { NODE_ENV: _, VITEST: __, ...env } = process.env;
  const args = ['node_modules/vite/bin/vite.js', 'build', '--config', CONFIG, '--outDir', outDir, '--emptyOutDir'];
  const { status, stderr } = spawnSync(process.execPath, args, { cwd: ROOT, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`The demo cannot be built:\n${stderr}`);
}

export async function openSite(): Promise<Site> {
  const outDir = mkdtempSync(join(tmpdir(), 'gabor-site-'));
  build(outDir);
  const server = await preview({
    configFile: CONFIG,
    logLevel: 'error',
    build: { outDir },
    preview: { host: '127.0.0.1', port: 0 },
  });
  const address = server.httpServer.address();
  if (address === null || typeof address === 'string') throw new Error('The server of the demo has no port.');
  return {
    url: `http://127.0.0.1:${address.port}/`,
    async close() {
      await server.close();
      rmSync(outDir, { recursive: true, force: true });
    },
  };
}
