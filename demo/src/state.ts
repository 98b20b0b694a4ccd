/** What the page knows, as signals, and its line to the worker. Imports config, protocol; no panel. */
import { batch, computed, signal } from '@preact/signals';
import { proxy, type Remote, wrap } from 'comlink';
import { type Config, configFromHash, configToHash, DEFAULT_CONFIG } from './engine/config.ts';
import { messageOf } from './engine/failures.ts';
import type { LabApi } from './engine/lab.worker.ts';
import type { Download } from './engine/mnist.ts';
import type { BatchPoint, Kept, LabEvent, ModelInfo, Progress, TestPoint } from './engine/protocol.ts';
import { keptVisit } from './kept.ts';

type Panels = LabApi['panels'];
type LabItself = Omit<LabApi, 'panels'>;

/** The worker's functions, each of which gives a promise. Comlink reaches into `panels` without waiting for it. */
export const lab = wrap<LabItself>(
  new Worker(new URL('./engine/lab.worker.ts', import.meta.url), { type: 'module', name: 'gabor lab' }),
) as Remote<LabItself> & { readonly panels: { readonly [name in keyof Panels]: Remote<Panels[name]> } };

/** What the controls show; the network may be of an older one until it is applied. */
export const config = signal<Config>(configFromHash(location.hash) ?? DEFAULT_CONFIG);
export const model = signal<ModelInfo | null>(null);
export const adapter = signal<{ readonly name: string; readonly software: boolean } | null>(null);
export const download = signal<Download | null>(null);
export const running = signal(false);
export const progress = signal<Progress | null>(null);
/** Something to tell the visitor: an error, or that the GPU was lost. */
export const notice = signal<{
  readonly kind: 'error' | 'info';
  readonly text: string;
  readonly recovering?: boolean;
} | null>(null);
/** All steps and tests of this network. Arrays grow in place; `historyLength` tells that they did. */
export const batches: BatchPoint[] = [];
export const tests: TestPoint[] = [];
export const historyLength = signal(0);
/** The digit that panels look at: 28 x 28 bytes, white on black. */
export const digit = signal<Uint8Array<ArrayBuffer> | null>(null);
/** An image of the test set, whose label is known. */
export interface TestImage {
  readonly index: number;
  readonly label: number;
  readonly pixels: Uint8Array<ArrayBuffer>;
}

const shownImage = signal<TestImage | null>(null);
/** The test image that `digit` is; null for a drawing. */
export const testImage = computed(() => (shownImage.value?.pixels === digit.value ? shownImage.value : null));

/** Makes a test image the digit that panels look at. */
export function showTestImage(image: TestImage): void {
  batch(() => {
    shownImage.value = image;
    digit.value = image.pixels;
  });
}

/** The ten probabilities of `digit`, as of the last steps. */
export const probabilities = signal<readonly number[] | null>(null);

export const ready = computed(() => model.value !== null);

type Handler = (data: unknown) => void;
const panelHandlers = new Map<string, Set<Handler>>();

/** Hears what a panel's service tells with `emit({ type: 'panel', panel, ... })`. Returns how to stop. */
export function onPanel(panel: string, handler: Handler): () => void {
  const handlers = panelHandlers.get(panel) ?? new Set();
  panelHandlers.set(panel, handlers.add(handler));
  return () => handlers.delete(handler);
}

/** Keeps a history of some thousand points: where there are more, every second one of the older half goes. */
const MOST_POINTS = 6000;

function addBatches(points: readonly BatchPoint[]): void {
  batches.push(...points);
  if (batches.length <= MOST_POINTS) return;
  const half = batches.length / 2;
  batches.splice(0, batches.length, ...batches.filter((_, i) => i >= half || i % 2 === 0));
}

function setHistory(kept: Pick<Kept, 'batches' | 'tests'>): void {
  batches.splice(0, batches.length, ...kept.batches);
  tests.splice(0, tests.length, ...kept.tests);
  historyLength.value++;
}

/** Steps that were lost with the GPU are made again. */
const historyUntil = (step: number): Pick<Kept, 'batches' | 'tests'> => ({
  batches: batches.filter((point) => point.step <= step),
  tests: tests.filter((point) => point.step <= step),
});

let predicting = false;

/** Asks for the digit's probabilities, unless an answer is awaited already. */
export async function refreshProbabilities(): Promise<void> {
  const pixels = digit.value;
  if (!pixels || !ready.value) {
    if (!pixels) probabilities.value = null;
    return;
  }
  if (predicting) return;
  predicting = true;
  try {
    const result = await lab.predict(pixels);
    if (digit.value === pixels) probabilities.value = [...result];
  } catch {
    // The network is being exchanged: its event asks again.
  } finally {
    predicting = false;
  }
  if (digit.value !== pixels) await refreshProbabilities();
}

function hear(event: LabEvent): void {
  switch (event.type) {
    case 'download':
      download.value = event.progress;
      return;
    case 'device':
      adapter.value = { name: event.adapter, software: event.software };
      return;
    case 'model':
      setHistory(event.continues ? historyUntil(event.progress.step) : { batches: [], tests: [] });
      if (notice.value?.recovering)
        notice.value = {
          kind: 'info',
          text: `The GPU is back, and the network as it was at step ${event.progress.step}.`,
        };
      progress.value = event.progress;
      model.value = event.model;
      void refreshProbabilities();
      return;
    case 'running':
      running.value = event.running;
      return;
    case 'batches':
      addBatches(event.points);
      progress.value = event.progress;
      historyLength.value++;
      void refreshProbabilities();
      return;
    case 'test':
      while ((tests.at(-1)?.step ?? -1) >= event.point.step) tests.pop();
      tests.push(event.point);
      historyLength.value++;
      return;
    case 'lost':
      notice.value = event.recovering
        ? {
            kind: 'info',
            text: `The GPU was lost (${event.message || 'reset by the driver'}). Opening it again and going on from the last state.`,
            recovering: true,
          }
        : { kind: 'error', text: `The GPU does not come back: ${event.message}` };
      return;
    case 'error':
      notice.value = { kind: 'error', text: explain(event.message) };
      return;
    case 'panel':
      for (const handler of panelHandlers.get(event.panel) ?? []) handler(event.data);
  }
}

/** A message of the engine, with the setting that helps where it is about memory. */
function explain(message: string): string {
  return /Use a smaller batch|out of memory/i.test(message)
    ? `${message} In the panel Train: lower the batch size, or the channels of a layer.`
    : message;
}

/** Shows a configuration, here and in the address. */
export function setConfig(next: Config): void {
  config.value = next;
  history.replaceState(null, '', `#${configToHash(next)}`);
}

/** Applies the chosen configuration: a new network, from new weights. */
export async function applyConfig(next: Config): Promise<void> {
  setConfig(next);
  await attempt(() => lab.configure(next));
}

/** Runs something of the visitor's and tells where it fails. */
export async function attempt(action: () => Promise<unknown>): Promise<void> {
  try {
    notice.value = null;
    await action();
  } catch (error) {
    notice.value = { kind: 'error', text: explain(messageOf(error)) };
  }
}

/** Opens everything: what was kept of the last visit, unless the link says something else. */
export async function open(): Promise<void> {
  await lab.subscribe(proxy(hear));
  const linked = configFromHash(location.hash);
  const kept = await keptVisit.read(linked);
  if (kept) {
    config.value = kept.config;
    setHistory(kept);
  }
  const data = new URL('data/', document.baseURI).href;
  await attempt(() => lab.open({ config: config.value, data, saved: kept?.bytes ?? null }));
}
