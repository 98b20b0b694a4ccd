/** What the panel "Mistakes" shows, as signals, and how it is read. Imports state, confusion, due, types of the service. */
import { computed, signal } from '@preact/signals';
import { messageOf } from '../../engine/failures.ts';
import { adapter, lab, model, onPanel, progress, running } from '../../state.ts';
import type { Cell } from './confusion.ts';
import { isDue, type LastReading } from './due.ts';
import type { MistakesEvent, Survey } from './part.ts';

/** Test images there are, and how many of them are read where WebGPU runs on the processor. */
export const ALL = 10_000;
export const FEW = 2000;

export const mistakes = lab.panels.mistakes;

/** How the network reads the test images; null where it has not yet. */
export const survey = signal<Survey | null>(null);
/** The cell that is open; null: all mistakes. */
export const cell = signal<Cell>(null);
/** While the images are being read: how many are. */
export const reading = signal<{ readonly done: number; readonly of: number } | null>(null);
/** Why they could not be read. */
export const failure = signal<string | null>(null);
/** All of them although the adapter is slow. */
export const wantsAll = signal(false);

export const samples = computed(() => (adapter.value?.software && !wantsAll.value ? FEW : ALL));

/** Epochs that have ended since the page was opened. */
let epochs = 0;
let last: LastReading | null = null;

onPanel('mistakes', (data) => {
  const event = data as MistakesEvent;
  if (event.type === 'epoch') epochs++;
  else if (reading.peek()) reading.value = { done: event.done, of: event.of };
});

const situation = () => ({
  generation: model.peek()?.generation ?? 0,
  step: progress.peek()?.step ?? 0,
  now: performance.now(),
  epochs,
});

/** Reads the test images, unless that is under way. */
export async function read(): Promise<void> {
  if (reading.peek() || !model.peek()) return;
  const begun = situation();
  const isCurrent = (): boolean => model.peek()?.generation === begun.generation;
  reading.value = { done: 0, of: samples.peek() };
  try {
    const result = await mistakes.survey(samples.peek());
    if (!result || !isCurrent()) return;
    survey.value = result;
    failure.value = null;
  } catch (error) {
    // Where the network is being exchanged the next one is read.
    if (isCurrent()) failure.value = messageOf(error);
  } finally {
    reading.value = null;
    if (isCurrent()) last = { ...begun, now: performance.now() };
  }
}

/** Reads them where it is time to. */
export function readIfDue(): void {
  if (model.peek() && isDue(last, { ...situation(), running: running.peek() })) void read();
}
