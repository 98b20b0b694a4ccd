import { defineConfig } from 'vitest/config';

const inBrowser = process.env.GABOR_TESTS === 'browser';

/**
 * One process, one worker, no isolation: the device and its compiled pipelines are shared by all test files. Helpers that
 * compile ahead have a test of their own: the kernels of most tests are few. Tests in a browser
 * are `npm run test:browser`'s: they take minutes, and a Chromium that a fresh machine does not have.
 */
export default defineConfig({
  test: {
    include: [inBrowser ? 'test/browser/**/*.test.ts' : 'test/**/*.test.ts'],
    exclude: inBrowser ? [] : ['test/browser/{demo,engine,no-webgpu}.test.ts', 'test/browser/engine/**'],
    pool: 'forks',
    maxWorkers: 1,
    env: { GABOR_HELPERS: '0' },
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
