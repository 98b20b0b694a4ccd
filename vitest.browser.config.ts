/** The engine's own tests in Chromium, a fast selection: test/browser/engine.test.ts runs vitest with it. */
import { fileURLToPath } from 'node:url';
import { playwright } from '@vitest/browser-playwright';
import { defineConfig } from 'vitest/config';
import { findChromium, flagsFor, LEFT_OUT } from './test/browser/support/chromium.ts';

const executablePath = findChromium();
if (!executablePath) throw new Error(LEFT_OUT);

const at = (file: string): string => fileURLToPath(new URL(`test/browser/engine/${file}`, import.meta.url));

export default defineConfig({
  // Golden data is read with Node's own modules.
  resolve: {
    alias: [
      { find: /^node:fs$/, replacement: at('node-fs.ts') },
      { find: /^node:(path|url)$/, replacement: at('node-path.ts') },
    ],
  },
  // Packages that the library imports when a function needs them, which none does in a browser.
  optimizeDeps: { exclude: ['webgpu'] },
  test: {
    include: [
      'test/ops/{activations,batch-norm2d,gather-batch,matmul,max-pool2d,reduce,softmax}.test.ts',
      'test/train/{fit,learning,metrics}.test.ts',
      'test/optim/training.test.ts',
      'test/inspect/inspector.test.ts',
    ],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    browser: {
      enabled: true,
      headless: true,
      ui: false,
      screenshotFailures: false,
      fileParallelism: false,
      isolate: false,
      provider: playwright({ launchOptions: { executablePath, args: flagsFor(process.platform) } }),
      instances: [{ browser: 'chromium' }],
    },
  },
});
