/** The shuffle of channels between grouped convolutions: three other ops. Imports graph types, util and ops. */
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { show } from '../util/shape.ts';
import { transpose } from './copy.ts';
import { reshape } from './reshape.ts';

/** Channels of `groups` equal groups dealt out in turn: channel j of group i becomes channel j * groups + i. (torch.channel_shuffle) */
export function channelShuffle(x: Value, groups: number): Value {
  const [n, c, ...rest] = x.shape;
  if (n === undefined || c === undefined || !Number.isInteger(groups) || groups < 1 || c % groups !== 0) {
    throw new ShapeError(
      `channelShuffle: ${groups} groups do not divide the channels of ${show(x.shape)}. Give it [n, c, ...] and a divisor of c.`,
    );
  }
  const grouped = reshape(x, [n, groups, c / groups, ...rest]);
  return reshape(transpose(grouped, [0, 2, 1, ...rest.map((_, i) => i + 3)]), x.shape);
}
