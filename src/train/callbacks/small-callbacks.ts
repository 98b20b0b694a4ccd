/** terminateOnNaN and lambdaCallback. Imports callbacks. */
import type { Callback, Run } from '../callbacks.ts';

/**
 * Ends the training at the first batch whose loss is no finite number: a few steps later, when the GPU's numbers arrive.
 * Source: keras.callbacks.TerminateOnNaN.
 */
export function terminateOnNaN(): Callback {
  let run: Run | null = null;
  return {
    onTrainBegin: (_trainer, begun) => {
      run = begun;
    },
    onBatchEnd: ({ loss }) => {
      if (!Number.isFinite(loss)) run?.stop();
    },
  };
}

/** A callback of functions. Any object with these methods is one, too. Source: keras.callbacks.LambdaCallback. */
export const lambdaCallback = (parts: Callback): Callback => ({ ...parts });
