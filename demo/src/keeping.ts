/** Keeps the network in this browser while and after it trains, so that a reload goes on where it was. Imports state, kept. */
import { effect } from '@preact/signals';
import { keptVisit } from './kept.ts';
import { batches, lab, model, progress, running, tests } from './state.ts';

/** Between two copies while it trains, ms. */
const EVERY_MS = 5000;

let saving = false;
let keptStep = -1;

/** Writes a copy if anything has changed since the last one. */
export async function keep(): Promise<void> {
  const step = progress.peek()?.step ?? 0;
  const info = model.peek();
  if (saving || !info || step === keptStep) return;
  saving = true;
  try {
    const bytes = await lab.save();
    if (model.peek()?.generation !== info.generation) return;
    await keptVisit.write({ config: info.config, batches: [...batches], tests: [...tests], bytes });
    keptStep = step;
  } catch {
    // The GPU was lost or the network is being exchanged: next time.
  } finally {
    saving = false;
  }
}

/** From now on. */
export function startKeeping(): void {
  setInterval(() => {
    if (running.peek()) void keep();
  }, EVERY_MS);
  effect(() => {
    if (!running.value) void keep();
  });
  effect(() => {
    // A new network starts at step 0: what was kept of the one before is no longer wanted.
    if (model.value && progress.peek()?.step === 0) {
      keptStep = -1;
      void keptVisit.forget();
    }
  });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) void keep();
  });
}
