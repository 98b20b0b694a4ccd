/** Waiting for the GPU, in one place. Imports nothing. */

const cell = typeof SharedArrayBuffer === 'undefined' ? null : new Int32Array(new SharedArrayBuffer(4));
const inNode = typeof process !== 'undefined' && typeof process.versions?.node === 'string';

/**
 * Waits for a promise of the GPU. While one is pending, Dawn in Node polls in a busy loop, which takes a core from a
 * software driver (26-30 instead of 48-50 GFLOP/s on two cores): so the thread sleeps a millisecond between looks.
 * A browser has an event loop of its own that must not be blocked.
 */
export async function waitFor<T>(promise: Promise<T>): Promise<T> {
  if (!inNode || !cell) return promise;
  let settled = false;
  const done = (): void => {
    settled = true;
  };
  promise.then(done, done);
  // What is ready at once should not cost a sleep.
  await new Promise((resolve) => setImmediate(resolve));
  while (!settled) {
    Atomics.wait(cell, 0, 0, 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}
