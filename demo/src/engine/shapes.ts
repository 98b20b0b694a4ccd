/** Output shapes of chosen layers, with what is wrong where one does not fit. Pure; imports config. */
import type { LayerChoice } from './config.ts';

/** [c, h, w] of an image, or [features]. */
export type OutputShape = readonly number[];

export interface Shaped {
  readonly layer: LayerChoice | { readonly type: 'flatten' } | { readonly type: 'output' };
  readonly shape: OutputShape | null;
  readonly parameters: number;
  /** Why there is no shape. */
  readonly problem: string | null;
}

/** N = (W - F + 2P) / S + 1, rounded down. */
export const outputSize = (
  size: number,
  kernel: number,
  { stride, padding }: { stride: number; padding: number },
): number => Math.floor((size - kernel + 2 * padding) / stride) + 1;

const count = (shape: OutputShape): number => shape.reduce((product, n) => product * n, 1);

function windowed(
  shape: OutputShape,
  { channels, kernel, stride, padding }: { channels: number; kernel: number; stride: number; padding: number },
): OutputShape | string {
  const [, h = 0, w = 0] = shape;
  const sizes = [outputSize(h, kernel, { stride, padding }), outputSize(w, kernel, { stride, padding })];
  return Math.min(...sizes) < 1
    ? `a window of ${kernel} x ${kernel} does not fit ${h} x ${w}${padding > 0 ? ` with padding ${padding}` : ''}: make it smaller, or pool less before`
    : [channels, ...sizes];
}

function after(layer: LayerChoice, shape: OutputShape): { shape: OutputShape | string; parameters: number } {
  const images = 'comes after a linear layer, but needs images: move it up';
  switch (layer.type) {
    case 'conv': {
      const { out, kernel } = layer;
      if (shape.length !== 3) return { shape: images, parameters: 0 };
      return {
        shape: windowed(shape, { channels: out, ...layer }),
        parameters: out * (shape[0]! * kernel * kernel + 1),
      };
    }
    case 'pool':
      if (shape.length !== 3) return { shape: images, parameters: 0 };
      return {
        shape: windowed(shape, { channels: shape[0]!, kernel: layer.size, stride: layer.stride, padding: 0 }),
        parameters: 0,
      };
    case 'norm':
      return shape.length === 3 ? { shape, parameters: 2 * shape[0]! } : { shape: images, parameters: 0 };
    case 'linear':
      return { shape: [layer.out], parameters: layer.out * (count(shape) + 1) };
    default:
      return { shape, parameters: 0 };
  }
}

/** All layers with their shapes, flatten and the output layer included. Behind a problem there are no shapes. */
export function shapesOf(layers: readonly LayerChoice[], input: OutputShape = [1, 28, 28]): Shaped[] {
  const shaped: Shaped[] = [];
  let shape: OutputShape | null = input;
  const flatten = (): void => {
    if (shape?.length !== 3) return;
    shape = [count(shape)];
    shaped.push({ layer: { type: 'flatten' }, shape, parameters: 0, problem: null });
  };
  for (const layer of layers) {
    if (layer.type === 'linear') flatten();
    const result: ReturnType<typeof after> | null = shape && after(layer, shape);
    const problem = typeof result?.shape === 'string' ? result.shape : null;
    shape = result && typeof result.shape !== 'string' ? result.shape : null;
    shaped.push({ layer, shape, parameters: problem ? 0 : (result?.parameters ?? 0), problem });
  }
  flatten();
  const inputs = shape ? count(shape) : 0;
  shaped.push({
    layer: { type: 'output' },
    shape: shape && [10],
    parameters: shape ? 10 * (inputs + 1) : 0,
    problem: null,
  });
  return shaped;
}

export const problemOf = (shaped: readonly Shaped[]): string | null =>
  shaped.find(({ problem }) => problem !== null)?.problem ?? null;
