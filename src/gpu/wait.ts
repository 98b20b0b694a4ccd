/** Waiting for the GPU, in one place. Imports nothing. */

const cell = typeof SharedArrayBuffer === 'undefined' ? null : new Int32Array(new SharedArrayBuffer(4));
const inNode = typeof process !== 'undefined' && typeof process.versions?.node === 'string';

/** Lets everything go on that is ready. */
export const nextTurn = (): Promise<void> =>
  new Promise((resolve) => {
    if (inNode) setImmediate(resolve);
    else setTimeout(resolve);
  });

/**
 * Waits for a promise of the GPU. While one is pending, Dawn in Node polls in a busy loop, which takes a core from a
 * software driver (26-30 instead of 48-50 GFLOP/s on two cores): so the thread sleeps between looks.
 * A browser has an event loop of its own that must not be blocked.
 *
 * @param nap milliseconds between looks. Each look leaves a kilobyte of Dawn's garbage behind, which only a full collection
 * takes: more than 1 where the GPU has other work in the meantime.
 */
export async function waitFor<T>(promise: Promise<T>, nap = 1): Promise<T> {
  if (!inNode || !cell) return promise;
  let settled = false;
  const done = (): void => {
    settled = true;
  };
  promise.then(done, done);
  // What is ready at once should not cost a sleep.
  await nextTurn();
  while (!settled) {
    Atomics.wait(cell, 0, 0, nap);
    await nextTurn();
  }
  return promise;
}
