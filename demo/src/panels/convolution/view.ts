/** What the panel knows on the page, as signals, and what it asks the worker for. Imports state, pure parts. */
import { computed, signal } from '@preact/signals';
import { digit, lab, model } from '../../state.ts';
import { latest } from '../../ui/latest.ts';
import { axesOf } from './geometry.ts';
import { digitImage, EXAMPLE, type Image } from './image.ts';
import { presetKernel } from './kernels.ts';
import type { NetworkFilters, Shapes } from './service.ts';
import { ACTIVATIONS, type Activation, DEFAULT_SETTINGS, frameOf, LARGEST_KERNEL, type Settings } from './settings.ts';
import { type Place, type Problem, stepOf } from './window.ts';

const RUN_MS = 20;
const FILTERS_MS = 500;
const BLANK = new Uint8Array(784);

export const settings = signal<Settings>(DEFAULT_SETTINGS);
/** Whether the panel is on the screen. */
export const onScreen = signal(false);
/** The network's first convolution; null where it has none. */
export const network = signal<NetworkFilters | null>(null);

export const change = (part: Partial<Settings>): void => {
  settings.value = { ...settings.peek(), ...part };
};

const usesNetwork = computed(() => settings.value.operation === 'conv' && settings.value.filter.kind === 'network');

export const image = computed<Image>(() => {
  if (settings.value.input === 'example') return EXAMPLE;
  // A filter of the network sees the digit as the network does.
  return digitImage(digit.value ?? BLANK, (usesNetwork.value && network.value) || undefined);
});

/** Numbers of the filter, and the bias that goes with it. */
export const filter = computed<{ readonly kernel: Float32Array<ArrayBuffer>; readonly bias: number }>(() => {
  const { filter: chosen, conv, angle, seed, bias } = settings.value;
  const { kernel } = conv;
  switch (chosen.kind) {
    case 'preset':
      return { kernel: Float32Array.from(presetKernel(chosen.name, kernel, { angle, seed })), bias };
    case 'own':
      return { kernel: Float32Array.from(chosen.values), bias };
    case 'network': {
      const { weights, biases, kernel: side } = network.value ?? {};
      const first = chosen.index * kernel ** 2;
      if (!weights || side !== kernel) return { kernel: new Float32Array(kernel ** 2), bias: 0 };
      return { kernel: weights.slice(first, first + kernel ** 2), bias: biases?.[chosen.index] ?? 0 };
    }
  }
});

/** What is to be computed. */
export const problem = computed<Problem>(() => {
  const { operation, activation, countPadding } = settings.value;
  const axes = axesOf(settings.value, image.value);
  return { operation, image: image.value, axes, ...filter.value, activation, countPadding };
});

/** A program that was compiled for one problem serves every other with the same of these. */
function shapesOf({ operation, image: { rows, columns }, axes, activation, countPadding }: Problem): Shapes {
  const { rows: y, columns: x } = axes;
  return {
    operation,
    size: [rows, columns],
    kernel: y.kernel,
    stride: y.stride,
    padding: [y.before, x.before, y.after, x.after],
    roundUp: y.roundUp,
    countPadding: operation === 'avg' && countPadding,
    activation: operation === 'conv' ? activation : 'none',
  };
}

const shapes = computed(() => JSON.stringify(shapesOf(problem.value)));

/** The last answer, with what was asked. */
const answer = signal<{
  readonly shapes: string;
  readonly problem: Problem;
  readonly output: Float32Array<ArrayBuffer>;
} | null>(null);

/** What is on the page: the last problem that was answered, so that all numbers belong together; another one while it is of other shapes. */
export const shown = computed<{ readonly problem: Problem; readonly output: Float32Array<ArrayBuffer> | null }>(() =>
  answer.value?.shapes === shapes.value ? answer.value : { problem: problem.value, output: null },
);

const wanted = signal<Place | null>(null);

/** Where the output is largest: a window with something in it to begin with. */
function strongestPlace({ axes: { columns } }: Problem, output: Float32Array): Place | null {
  const at = output.reduce((best, value, i) => (Math.abs(value) > Math.abs(output[best]!) ? i : best), 0);
  return output[at] === output[0] ? null : { row: Math.floor(at / columns.outputs), column: at % columns.outputs };
}

/** Has the engine compute the output, soon. */
export const compute = latest(async () => {
  if (!onScreen.peek()) return;
  const [now, key] = [problem.peek(), shapes.peek()];
  const { image: of, kernel, bias } = now;
  const output = await lab.panels.convolution.run(shapesOf(now), { image: of.data, kernel, bias });
  answer.value = { shapes: key, problem: now, output };
  wanted.value ??= strongestPlace(now, output);
}, RUN_MS);

/** The settings with a filter of the network, sliding as it does there. */
function asInNetwork(index: number, { count, kernel, stride, padding, activation }: NetworkFilters): Partial<Settings> {
  const known = ACTIVATIONS.find((name): name is Activation => name === activation);
  return {
    filter: { kind: 'network', index: Math.min(index, count - 1) },
    conv: { kernel, stride, padding: [padding, padding, padding, padding] },
    activation: known ?? 'none',
    // The small image is too small for a larger window.
    ...(kernel > LARGEST_KERNEL && { input: 'digit' as const }),
  };
}

export function chooseNetworkFilter(index: number): void {
  if (network.value) change(asInNetwork(index, network.value));
}

function takeFilters(next: NetworkFilters | null): void {
  const { filter: chosen } = settings.peek();
  const isNew = next?.generation !== network.peek()?.generation;
  network.value = next;
  if (chosen.kind !== 'network' || !isNew) return;
  if (next) chooseNetworkFilter(chosen.index);
  else change({ filter: DEFAULT_SETTINGS.filter });
}

/** Reads the network's filters, soon. */
export const readFilters = latest(async () => {
  const generation = model.peek()?.generation;
  if (!onScreen.peek() || generation === undefined) return;
  const next = await lab.panels.convolution.filters();
  if (model.peek()?.generation === generation) takeFilters(next);
}, FILTERS_MS);

/** The middle of the output, until a window is chosen. */
export const place = computed<Place>(() => {
  const { rows, columns } = shown.value.problem.axes;
  const { row, column } = wanted.value ?? { row: (rows.outputs - 1) >> 1, column: (columns.outputs - 1) >> 1 };
  return { row: Math.min(row, rows.outputs - 1), column: Math.min(column, columns.outputs - 1) };
});

export const goTo = (next: Place): void => {
  wanted.value = next;
};

/** The window in view, step by step. */
export const step = computed(() => stepOf(shown.value.problem, place.value));

/** The engine's number at that place; null while it is computed. */
export const computedResult = computed<number | null>(() => {
  const { problem: of, output } = shown.value;
  return output?.[place.value.row * of.axes.columns.outputs + place.value.column] ?? null;
});

export const frame = computed(() => frameOf(settings.value));
