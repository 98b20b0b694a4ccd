/** What the panel knows, as signals, and what it hears from its part in the worker. Imports the page's state. */
import { computed, effect, signal } from '@preact/signals';
import { adapter, config, lab, model, onPanel } from '../../state.ts';
import { firstWish } from './names.ts';
import { HOME, type Orbit } from './orbit.ts';
import type { Label, MountainEvent, Summary, Tick, View, Wish } from './protocol.ts';

/** Images in a batch of the race on a slow adapter. */
const SOFTWARE_BATCH = 32;

const software = computed(() => adapter.value?.software ?? false);
const changes = signal<Partial<Omit<Wish, 'batch'>>>({});

/** What the controls say. */
export const wish = computed<Wish>(() => ({
  ...firstWish({ software: software.value }),
  ...changes.value,
  batch: software.value ? Math.min(SOFTWARE_BATCH, config.value.batchSize) : config.value.batchSize,
}));

export const change = (part: Partial<Omit<Wish, 'batch'>>): void => {
  changes.value = { ...changes.peek(), ...part };
};

export const view = signal<Omit<View, 'colors'>>({ ...HOME, logarithmic: true, paths: 'surface' });
/** Where the camera starts from. */
export const home = signal<Orbit>(HOME);
export const computing = signal(false);
export const progress = signal<{ readonly stage: string; readonly done: number; readonly total: number } | null>(null);
export const message = signal<string | null>(null);
export const summary = signal<Summary | null>(null);
export const labels = signal<readonly Label[]>([]);
export const scale = signal<{ readonly low: number; readonly high: number; readonly ticks: readonly Tick[] } | null>(
  null,
);
/** Losses of the race, a row for each optimizer; `raceLength` tells that they have grown. */
export const race: { steps: number[]; losses: (number | null)[][] } = { steps: [], losses: [] };
export const raceLength = signal(0);
/** Of the network that was looked at; another one may be there by now. */
const generation = signal<number | null>(null);
export const stale = computed(
  () => generation.value !== null && model.value !== null && model.value.generation !== generation.value,
);

function hear(event: MountainEvent): void {
  switch (event.kind) {
    case 'progress':
      progress.value = event;
      return;
    case 'race':
      race.steps.push(event.step - 1);
      for (const [i, loss] of event.losses.entries()) race.losses[i]!.push(loss);
      raceLength.value++;
      return;
    case 'summary':
      summary.value = event.summary;
      return;
    case 'labels':
      labels.value = event.labels;
      return;
    case 'scale':
      scale.value = event;
      return;
    case 'facing':
      home.value = { ...HOME, yaw: event.yaw };
      view.value = { ...view.peek(), ...home.value };
      return;
    case 'end':
      computing.value = false;
      progress.value = null;
      message.value = event.message;
  }
}

onPanel('mountain', (data) => hear(data as MountainEvent));

// The computation ends with the device or the network; should the news of it be lost, this is one more.
effect(() => {
  if (model.value?.generation !== generation.peek()) computing.value = false;
});

export async function compute(): Promise<void> {
  race.steps = [];
  race.losses = Array.from({ length: 5 }, () => []);
  raceLength.value++;
  message.value = null;
  summary.value = null;
  scale.value = null;
  generation.value = model.peek()?.generation ?? null;
  computing.value = true;
  await lab.panels.mountain.compute(wish.peek());
}
