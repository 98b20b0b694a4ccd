/** Keeps the network in this browser while and after it trains, so that a reload goes on where it was. Imports state, kept. */
import { effect, signal } from '@preact/signals';
import { keptVisit } from './kept.ts';
import { batches, lab, model, progress, running, tests } from './state.ts';

/** Between two copies while it trains, ms. */
const EVERY_MS = 4000;

/** Step of the copy that this browser has; null where it has none. */
export const keptStep = signal<number | null>(null);

let saving: Promise<void> | null = null;
/** Asked for while a copy was being made, which may be of an earlier step. */
let again = false;

async function copy(): Promise<void> {
  const step = progress.peek()?.step ?? 0;
  const info = model.peek();
  if (!info || step === 0 || step === keptStep.peek()) return;
  try {
    const bytes = await lab.save();
    if (model.peek()?.generation !== info.generation) return;
    await keptVisit.write({ config: info.config, batches: [...batches], tests: [...tests], bytes });
    keptStep.value = step;
  } catch {
    // The GPU was lost or the network is being exchanged: next time.
  }
}

async function copies(): Promise<void> {
  do {
    again = false;
    await copy();
  } while (again);
}

/** Writes a copy if anything has changed since the last one. */
export function keep(): Promise<void> {
  if (saving) again = true;
  saving ??= copies().finally(() => {
    saving = null;
  });
  return saving;
}

export async function forget(): Promise<void> {
  await saving;
  await keptVisit.forget();
  keptStep.value = null;
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
    const { generation } = model.value ?? { generation: 0 };
    if (generation === 0) return;
    if ((progress.peek()?.step ?? 0) > 0) void keep();
    else void forget();
  });
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) void keep();
  });
}
