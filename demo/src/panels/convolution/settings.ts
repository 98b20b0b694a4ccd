/** What a visitor chooses in the panel, and what goes with what. Pure. */

export const OPERATIONS = ['conv', 'max', 'avg'] as const;
export type Operation = (typeof OPERATIONS)[number];
export const ACTIVATIONS = ['none', 'relu', 'sigmoid', 'tanh'] as const;
export type Activation = (typeof ACTIVATIONS)[number];
export const PRESETS = ['vertical', 'horizontal', 'blur', 'sharpen', 'gabor', 'identity', 'random'] as const;
export type Preset = (typeof PRESETS)[number];

/** top, left, bottom, right */
export type Sides = readonly [number, number, number, number];

/** How the window slides: F, S and P. */
export interface Frame {
  readonly kernel: number;
  readonly stride: number;
  readonly padding: Sides;
}

export type Filter =
  | { readonly kind: 'preset'; readonly name: Preset }
  /** Row by row. */
  | { readonly kind: 'own'; readonly values: readonly number[] }
  /** Of the network's first convolution, as it is trained. */
  | { readonly kind: 'network'; readonly index: number };

export interface Settings {
  readonly operation: Operation;
  readonly input: 'digit' | 'example';
  /** Convolutions and pools each keep their own. */
  readonly conv: Frame;
  readonly pool: Frame;
  /** Of pools: N is rounded up, so that the last window may hang over the edge. */
  readonly roundUp: boolean;
  /** Of average pools: padding counts in what the sum is divided by. */
  readonly countPadding: boolean;
  readonly filter: Filter;
  /** Of the Gabor filter, degrees. */
  readonly angle: number;
  /** Of the random filter. */
  readonly seed: number;
  readonly bias: number;
  readonly activation: Activation;
}

export const LARGEST_KERNEL = 7;
export const LARGEST_STRIDE = 4;
export const MOST_PADDING = 3;

export const DEFAULT_SETTINGS: Settings = {
  operation: 'conv',
  input: 'digit',
  conv: { kernel: 3, stride: 1, padding: [1, 1, 1, 1] },
  pool: { kernel: 2, stride: 2, padding: [0, 0, 0, 0] },
  roundUp: false,
  countPadding: true,
  filter: { kind: 'preset', name: 'vertical' },
  angle: 45,
  seed: 1,
  bias: 0,
  activation: 'relu',
};

const frameName = ({ operation }: Pick<Settings, 'operation'>): 'conv' | 'pool' =>
  operation === 'conv' ? 'conv' : 'pool';

export const frameOf = (settings: Settings): Frame => settings[frameName(settings)];

/** Padding that a side may have: the window of a pool must never lie in padding alone, so half of it at most. */
export const mostPadding = ({ operation }: Pick<Settings, 'operation'>, kernel: number): number =>
  operation === 'conv' ? MOST_PADDING : Math.min(MOST_PADDING, Math.floor(kernel / 2));

/** The settings with another F, S or P for what is chosen; padding that does not go with a smaller window is cut. */
export function withFrame(settings: Settings, part: Partial<Frame>): Settings {
  const frame = { ...frameOf(settings), ...part };
  // A layer of the network may have more.
  const most = settings.operation === 'conv' ? Number.POSITIVE_INFINITY : mostPadding(settings, frame.kernel);
  const [top, left, bottom, right] = frame.padding;
  const cut = (side: number): number => Math.min(side, most);
  const padding: Sides = [cut(top), cut(left), cut(bottom), cut(right)];
  const filter = filterFor(settings, frame.kernel);
  return { ...settings, [frameName(settings)]: { ...frame, padding }, filter };
}

/** The settings with another filter. Those to choose from have 7 x 7 numbers at most, a layer of the network may have more. */
export function withFilter(settings: Settings, filter: Filter): Settings {
  const { conv } = settings;
  const kernel = filter.kind === 'network' ? conv.kernel : Math.min(LARGEST_KERNEL, conv.kernel);
  const next = filter.kind === 'own' ? { ...filter, values: resized(filter.values, conv.kernel, kernel) } : filter;
  return { ...settings, conv: { ...conv, kernel }, filter: next };
}

/** Own numbers follow the size of the window: the middle stays, zeros come around it. */
function filterFor({ operation, filter, conv }: Settings, kernel: number): Filter {
  if (operation !== 'conv' || filter.kind !== 'own') return filter;
  return { kind: 'own', values: resized(filter.values, conv.kernel, kernel) };
}

export function resized(values: readonly number[], before: number, after: number): number[] {
  const shift = Math.floor(before / 2) - Math.floor(after / 2);
  return Array.from({ length: after * after }, (_, i) => {
    const [y, x] = [Math.floor(i / after) + shift, (i % after) + shift];
    return y < 0 || x < 0 || y >= before || x >= before ? 0 : values[y * before + x]!;
  });
}
