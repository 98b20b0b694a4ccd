/** Layers that change the height and width of images: resizing and padding. Imports layer, ops. */
import type { Attrs, Value } from '../graph/types.ts';
import * as ops from '../ops/index.ts';
import { ArgumentError } from '../util/errors.ts';
import { defineLayer, jsonConfig, type Layer } from './layer.ts';

interface Named {
  /** Name of the layer in messages and summaries; default its type and a number. */
  readonly name?: string;
}

type Padding = ops.PadOptions['padding'];

export interface UpsampleLayerOptions extends ops.UpsampleOptions, Named {}

/**
 * Images resized to a size or by a factor, 'nearest' (default) or 'bilinear': [n, c, h, w] -> [n, c, oh, ow].
 * Source: torch.nn.Upsample.
 *
 * @throws ArgumentError where not exactly one of size and scaleFactor is given.
 */
export function upsample({ name, ...options }: UpsampleLayerOptions): Layer {
  const { size, scaleFactor, mode, alignCorners } = options;
  if ((size === undefined) === (scaleFactor === undefined))
    throw new ArgumentError(
      `upsample${name ? ` "${name}"` : ''}: ${size === undefined ? 'neither' : 'both'} of size and scaleFactor given. Pass one of them.`,
    );
  return defineLayer({
    type: 'upsample',
    stem: 'upsample',
    config: jsonConfig({ name, size, scaleFactor, mode, alignCorners }),
    apply: (x) => ops.upsample2d(x, options),
  });
}

function padding(
  type: string,
  sides: Padding,
  { name, ...options }: Named & { readonly mode?: ops.PadMode; readonly value?: number },
): Layer {
  return defineLayer({
    type,
    stem: 'pad',
    config: jsonConfig({ padding: sides, name }),
    apply: (x) => ops.pad(x, { padding: sides, ...options }),
  });
}

/** Zeros around images: one number, [h, w] or [top, left, bottom, right]; negative numbers cut. Source: torch.nn.ZeroPad2d. */
export const zeroPad2d = (sides: Padding, { name }: Named = {}): Layer => padding('zeroPad2d', sides, { name });

/** Images continued by their mirror image; each side at most the size less 1. Source: torch.nn.ReflectionPad2d. */
export const reflectionPad2d = (sides: Padding, { name }: Named = {}): Layer =>
  padding('reflectionPad2d', sides, { name, mode: 'reflect' });

/** Images continued by their edge. Source: torch.nn.ReplicationPad2d. */
export const replicationPad2d = (sides: Padding, { name }: Named = {}): Layer =>
  padding('replicationPad2d', sides, { name, mode: 'replicate' });

/** Channels of `groups` equal groups dealt out in turn. Source: torch.nn.ChannelShuffle. */
export const channelShuffle = (groups: number, { name }: Named = {}): Layer =>
  defineLayer({
    type: 'channelShuffle',
    stem: 'shuffle',
    config: jsonConfig({ groups, name }),
    apply: (x: Value) => ops.channelShuffle(x, groups),
  });

/** How a saved model's layers are made again. */
export const shapeMakers: { readonly [type: string]: (config: Attrs) => Layer } = {
  upsample: (config) => upsample(config as UpsampleLayerOptions),
  zeroPad2d: ({ padding: sides, ...rest }) => zeroPad2d(sides as Padding, rest as Named),
  reflectionPad2d: ({ padding: sides, ...rest }) => reflectionPad2d(sides as Padding, rest as Named),
  replicationPad2d: ({ padding: sides, ...rest }) => replicationPad2d(sides as Padding, rest as Named),
  channelShuffle: ({ groups, ...rest }) => channelShuffle(Number(groups), rest as Named),
};
