import { defineConfig } from 'vitest/config';

/** One process, one worker, no isolation: the device and its compiled pipelines are shared by all test files. */
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 1,
    isolate: false,
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
});
