/** Runs something again and again without piling up. Pure. */

/**
 * A function that asks for a run. While one is under way, or before `interval` ms have passed since it began, all that is asked
 * for becomes one more run. Runs take half of the time at most. They may fail: the next one comes all the same.
 */
export function latest(run: () => Promise<unknown>, interval: number): () => void {
  let wanted = false;
  let busy = false;
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
  const work = async (): Promise<void> => {
    busy = true;
    while (wanted) {
      wanted = false;
      const began = performance.now();
      await run().catch(() => {});
      const took = performance.now() - began;
      await pause(Math.max(took, interval - took));
    }
    busy = false;
  };
  return () => {
    wanted = true;
    if (!busy) void work();
  };
}
