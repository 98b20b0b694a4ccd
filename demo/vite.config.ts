/** The demo: `npm run demo` serves it, `npm run demo:build` makes dist-demo/, a static site that works from any folder. */
import { readFile } from 'node:fs/promises';
import { defineConfig, type Plugin } from 'vite';
import { mnistFiles } from './mnist-files.ts';

/** Packages that the library imports when a function needs them, which none here does. */
const external = ['webgpu', 'cli-progress', 'fast-png', 'jpeg-js', /^node:/];

/** While developing, vite puts style sheets into the page as text and talks to it; the built page allows neither. */
const developmentPolicy = (): Plugin => ({
  name: 'development-policy',
  apply: 'serve',
  transformIndexHtml: (html) =>
    html
      .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
      .replace("connect-src 'self'", "connect-src 'self' ws:"),
});

/** Shaders without their comments and indentation: half the bytes. Directives of the preprocessor look like comments, and stay. */
const smallShaders = (): Plugin => ({
  name: 'small-shaders',
  apply: 'build',
  enforce: 'pre',
  async load(id) {
    const file = /^(.+\.wgsl)\?raw$/.exec(id)?.[1];
    if (!file) return;
    const lines = (await readFile(file, 'utf8')).split('\n').map((line) => line.replace(/\/\/(?!#).*$/, '').trim());
    return `export default ${JSON.stringify(lines.filter((line) => line !== '').join('\n'))}`;
  },
});

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  plugins: [mnistFiles(), developmentPolicy(), smallShaders()],
  // JSX is preact's (tsconfig.json says so too).
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  optimizeDeps: { exclude: ['webgpu'] },
  build: {
    outDir: '../dist-demo',
    emptyOutDir: true,
    target: 'esnext',
    // The page may load nothing inline (Content-Security-Policy).
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rolldownOptions: { external },
  },
  worker: { format: 'es', plugins: () => [smallShaders()], rolldownOptions: { external } },
});
