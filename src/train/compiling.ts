/** Tells callbacks of `fit` how far the compilation of a training step is. Imports trainer, callbacks, runtime, gpu. */
import { warmUp } from '../gpu/warm.ts';
import type { Prepared } from '../runtime/session.ts';
import type { Callback } from './callbacks.ts';
import type { Trainer } from './trainer.ts';

/** Compiles the kernels of a training step and of its update one by one where a callback wants to know; gives the plan back. */
export async function reportCompiling(
  trainer: Trainer,
  plan: Prepared,
  callbacks: readonly Callback[],
): Promise<Prepared> {
  if (!callbacks.some(({ onCompile }) => onCompile)) return plan;
  const { update, accumulate } = trainer.updater.plans;
  const calls = [plan, update, ...(accumulate ? [accumulate] : [])].flatMap((prepared) => prepared.calls);
  await warmUp(trainer.device, calls, async (ready, kernels) => {
    for (const callback of callbacks) await callback.onCompile?.({ ready, kernels });
  });
  return plan;
}
