/** What the panel knows, as signals, and what it hears from its part in the worker. Imports the page's state. */
import { computed, effect, signal } from '@preact/signals';
import { batches, historyLength, lab, model, onPanel } from '../../state.ts';
import { middle } from './numbers.ts';
import type { Duel, DuelPoint, HealthEvent, Look } from './protocol.ts';
import { diagnose, type Finding } from './rules.ts';
import { stagesOf } from './stages.ts';

/** Looks that the strips show. */
export const MOST_LOOKS = 80;
/** Batches that loss and accuracy are taken from. */
const LAST_BATCHES = 20;

/** Of this network, the newest last; `lookCount` tells that there are more. */
export const looks: Look[] = [];
export const lookCount = signal(0);
export const stages = computed(() => stagesOf(model.value?.layers ?? []));

export const duel = signal<Duel>({ output: 'softmax', start: 'saturated', lr: 0.1, steps: 200 });
/** What the points shown are of. */
export const duelShown = signal<Duel | null>(null);
export const duelPoints = signal<readonly DuelPoint[]>([]);
export const duelRunning = signal(false);
export const duelMessage = signal<string | null>(null);

/** Of the last batches; read it where `historyLength` has been read. */
function lately(): { readonly loss: number | null; readonly accuracy: number | null } {
  const last = batches.slice(-LAST_BATCHES);
  if (last.length === 0) return { loss: null, accuracy: null };
  const accuracies = last.flatMap(({ accuracy }) => accuracy ?? []);
  const { loss } = last.at(-1)!;
  return { loss, accuracy: accuracies.length > 0 ? middle(accuracies) : null };
}

/** What is seen and what to try. */
export const findings = computed<readonly Finding[]>(() => {
  void [lookCount.value, historyLength.value];
  return model.value ? diagnose({ config: model.value.config, stages: stages.value, looks, ...lately() }) : [];
});

function hear(event: HealthEvent): void {
  switch (event.type) {
    case 'look':
      if (event.look.generation !== model.peek()?.generation) return;
      // Steps that were lost with the GPU are made again.
      while ((looks.at(-1)?.step ?? 0) >= event.look.step) looks.pop();
      looks.push(event.look);
      if (looks.length > MOST_LOOKS) looks.shift();
      lookCount.value++;
      return;
    case 'duel':
      duelPoints.value = [...duelPoints.peek(), event.point];
      return;
    case 'duelEnd':
      duelRunning.value = false;
      duelMessage.value = event.message;
  }
}

onPanel('health', (data) => hear(data as HealthEvent));

effect(() => {
  const generation = model.value?.generation ?? null;
  if (looks.length === 0 || looks[0]!.generation === generation) return;
  looks.length = 0;
  lookCount.value = lookCount.peek() + 1;
});

export async function compare(): Promise<void> {
  const chosen = duel.peek();
  duelMessage.value = null;
  duelPoints.value = [];
  duelShown.value = chosen;
  duelRunning.value = true;
  try {
    await lab.panels.health.compare(chosen);
  } finally {
    duelRunning.value = false;
  }
}
