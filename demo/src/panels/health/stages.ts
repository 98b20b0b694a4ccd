/** Rows of the panel: a layer with weights, and what follows it. Pure; imports types. */
import type { LayerInfo } from '../../engine/protocol.ts';
import type { Stage } from './protocol.ts';

const WEIGHTED = new Set(['conv2d', 'linear']);
const ACTIVATIONS = new Set(['relu', 'leakyRelu', 'sigmoid', 'tanh', 'silu', 'gelu']);

/** Stages of a network; layers before the first one with weights have none. */
export function stagesOf(layers: readonly LayerInfo[]): Stage[] {
  const stages: Stage[] = [];
  for (const { name, type, shape } of layers) {
    const last = stages.at(-1);
    if (WEIGHTED.has(type)) stages.push({ name, weight: `${name}.weight`, shape, watched: name, type });
    else if (last && ACTIVATIONS.has(type)) stages[stages.length - 1] = { ...last, watched: name, type };
  }
  return stages;
}

/** Where the outputs of a kind of unit lie, as far as they are drawn. */
export function rangeOf(type: string): readonly [number, number] {
  switch (type) {
    case 'relu':
      return [0, 10];
    case 'sigmoid':
      return [0, 1];
    case 'tanh':
      return [-1, 1];
    default:
      return [-10, 10];
  }
}
