/** `npm run test:browser`: the demo and the engine in a Chromium with software WebGPU. Arguments are vitest's. Imports only ./test.mjs. */
process.env.GABOR_TESTS = 'browser';
if (process.argv.length === 2) process.argv.push('test/browser');
await import('./test.mjs');
