/** Cases to try: configurations that show one thing each. Pure; imports config. */
import { type Config, DEFAULT_CONFIG, type LayerChoice } from '../../engine/config.ts';

export interface Case {
  readonly id: string;
  readonly name: string;
  /** One sentence. */
  readonly watch: string;
  readonly config: Config;
}

const deep = (layers: number, out: number): LayerChoice[] =>
  Array.from({ length: layers }, (): LayerChoice[] => [{ type: 'linear', out }, { type: 'activation' }]).flat();

const sgd = (lr: number) => ({ ...DEFAULT_CONFIG, optimizer: 'sgd', lr }) as const;

export const CASES: readonly Case[] = [
  {
    id: 'vanish',
    name: '8 sigmoid layers',
    watch:
      'From the last row up to the first the gradient norm falls about fivefold a layer, and accuracy stays near 10 %.',
    config: { ...sgd(0.1), network: 'custom', layers: deep(8, 64), activation: 'sigmoid' },
  },
  {
    id: 'kaiming',
    name: '8 ReLU layers, Kaiming',
    watch: 'As deep, but all gradient norms stay alike, and it learns.',
    config: { ...sgd(0.05), network: 'custom', layers: deep(8, 64), activation: 'relu', init: 'kaimingNormal' },
  },
  {
    id: 'die',
    name: 'ReLU, learning rate 1',
    watch: 'Within some dozen steps nearly all units are zero for every image, and the few left learn little.',
    config: { ...sgd(1), network: 'mlp', activation: 'relu' },
  },
  {
    id: 'overflow',
    name: 'Steps far too large',
    watch: 'Gradients and weights drive each other up until the numbers overflow, within some 20 steps.',
    config: {
      ...sgd(0.5),
      network: 'custom',
      layers: deep(3, 64),
      activation: 'relu',
      init: 'kaimingNormal',
    },
  },
  {
    id: 'zeros',
    name: 'All weights zero',
    watch: 'All 128 units begin alike, get the same gradient, and remain one unit: accuracy stays below 40 %.',
    config: { ...sgd(0.5), network: 'mlp', activation: 'sigmoid', init: 'zeros' },
  },
];
