/** Group and instance normalisation. Imports graph, channelNorm and reshape. */
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';
import { type AffineOptions, channelNorm } from './channel-norm.ts';
import { reshape } from './reshape.ts';

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over each of `groups` groups of channels of each sample;
 * x is [n, c, ...], weight and bias are [c]. (torch.nn.functional.group_norm)
 *
 * @throws ShapeError where the groups do not divide the channels, or shapes do not fit.
 */
export function groupNorm(x: Value, groups: number, options: AffineOptions = {}): Value {
  if (x.shape.length < 2)
    throw new ShapeError(`groupNorm: x is ${show(x.shape)}. Pass [n,c,...], a batch with channels.`);
  const image = x.shape.length === 4 ? x : reshape(x, [x.shape[0]!, x.shape[1]!, sizeOf(x.shape.slice(2)), 1]);
  return reshape(channelNorm(image, { ...options, op: 'groupNorm', statistics: 'sample', groups }).y, x.shape);
}

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias, mean and variance over each plane; x is [n, c, h, w], weight and bias
 * are [c]. (torch.nn.functional.instance_norm)
 */
export const instanceNorm2d = (x: Value, options: AffineOptions = {}): Value =>
  channelNorm(x, { ...options, op: 'instanceNorm2d', statistics: 'sample', groups: x.shape[1] ?? 1 }).y;
