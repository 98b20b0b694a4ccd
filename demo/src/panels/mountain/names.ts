/** What the optimizers are called on the picture and beside it, and where their colours stand. Pure. */
import { OPTIMIZERS } from '../../engine/config.ts';
import type { RunnerId, Wish } from './protocol.ts';

export const RUNNER_NAMES: { readonly [runner in RunnerId]: string } = {
  sgd: 'SGD',
  momentum: 'Momentum',
  adagrad: 'Adagrad',
  rmsprop: 'RMSProp',
  adam: 'Adam',
};

/** Custom properties of mountain.css, in the order of OPTIMIZERS. */
export const RUNNER_COLORS: readonly `--${string}`[] = OPTIMIZERS.map((id) => `--path-${id}` as const);

/** At these a new LeNet-5 gets about equally far in 60 steps. */
const RATES: Wish['rates'] = { sgd: 0.2, momentum: 0.05, adagrad: 0.01, rmsprop: 0.0005, adam: 0.002 };

/** What is computed at first: less of it on an adapter that is slow. */
export const firstWish = ({ software }: { readonly software: boolean }): Omit<Wish, 'batch'> => ({
  plane: 'principal',
  start: 'present',
  rates: RATES,
  steps: software ? 40 : 80,
  grid: software ? 13 : 25,
  images: software ? 256 : 512,
});
