/** The layer of the transposed convolution. Names and defaults are PyTorch's. Imports layer, init, ops. */
import type { Attrs } from '../graph/types.ts';
import * as ops from '../ops/index.ts';
import { ArgumentError, ShapeError } from '../util/errors.ts';
import { show } from '../util/shape.ts';
import { defaultBias, defaultWeight, type Initializer, initializerFrom } from './init.ts';
import { defineLayer, jsonConfig, type Layer } from './layer.ts';

type Pair = readonly [number, number];

export interface ConvTranspose2dOptions {
  /** Name of the layer in messages, summaries and parameter names; default its type and a number. */
  readonly name?: string;
  /** Distance of the places that two neighbouring input pixels add to, one number or [h, w]; default 1. */
  readonly stride?: number | Pair;
  /** Rows and columns cut from the result: one number, [h, w] or [top, left, bottom, right]; default 0. */
  readonly padding?: number | Pair | readonly [number, number, number, number];
  /** Rows at the bottom and columns at the right that are added to the result, fewer than the stride; default 0. */
  readonly outputPadding?: number | Pair;
  /** Distance between the taps of the filter; default 1. */
  readonly dilation?: number | Pair;
  /** Groups of channels that do not see each other; default 1. */
  readonly groups?: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Default: kaimingUniform with a = sqrt(5), as in PyTorch. */
  readonly weightInit?: Initializer;
  /** Default: uniform in +-1 / sqrt(fan_in), as in PyTorch. */
  readonly biasInit?: Initializer;
}

function checkCounts(at: string, counts: Readonly<Record<string, number>>): void {
  for (const [what, value] of Object.entries(counts)) {
    if (!Number.isInteger(value) || value < 1)
      throw new ArgumentError(`${at}: ${what} is ${value}. Pass a whole number from 1.`);
  }
}

/**
 * Transposed convolution: [n, c, h, w] -> [n, outChannels, oh, ow] with
 * oh = (h - 1) * stride - top - bottom + dilation * (kh - 1) + 1 + outputPadding.
 * Parameters `weight` [c, outChannels / groups, kh, kw] and `bias` [outChannels]. Source: torch.nn.ConvTranspose2d.
 *
 * @throws ArgumentError for a bad argument, ShapeError when the input does not fit.
 */
export function convTranspose2d(
  outChannels: number,
  kernel: number | Pair,
  options: ConvTranspose2dOptions = {},
): Layer {
  const { name, bias = true, weightInit, biasInit, ...rest } = options;
  const { stride = 1, padding = 0, outputPadding = 0, dilation = 1, groups = 1 } = rest;
  const at = `convTranspose2d${name ? ` "${name}"` : ''}`;
  const [kh, kw] = typeof kernel === 'number' ? [kernel, kernel] : kernel;
  checkCounts(at, {
    'the number of output channels': outChannels,
    'the height of the kernel': kh,
    'the width of the kernel': kw,
    'the number of groups': groups,
  });
  const window = { stride, padding, outputPadding, dilation, groups };
  const inits = { weightInit: weightInit?.config, biasInit: biasInit?.config };
  return defineLayer({
    type: 'convTranspose2d',
    stem: 'conv_transpose',
    config: jsonConfig({ outChannels, kernel, name, ...window, bias, ...inits }),
    apply(x, context) {
      const channels = x.shape[1] ?? 0;
      if (x.shape.length !== 4 || channels % groups !== 0 || outChannels % groups !== 0) {
        throw new ShapeError(
          `convTranspose2d "${context.name}": input ${show(x.shape)} with ${groups} groups and ${outChannels} output channels. ` +
            'Give it [n, c, h, w], with both channel counts divisible by the groups.',
        );
      }
      const shape = [channels, outChannels / groups, kh, kw];
      const weight = context.parameter('weight', shape, { init: weightInit ?? defaultWeight, layout: 'hwio' });
      const b = bias ? context.parameter('bias', [outChannels], { init: biasInit ?? defaultBias(shape) }) : null;
      return ops.convTranspose2d(x, weight, b, window);
    },
  });
}

/** How a saved model's layers are made again. */
export const convMakers: { readonly [type: string]: (config: Attrs) => Layer } = {
  convTranspose2d: ({ outChannels, kernel, weightInit, biasInit, ...rest }) =>
    convTranspose2d(Number(outChannels), kernel as number | Pair, {
      ...(rest as ConvTranspose2dOptions),
      weightInit: weightInit ? initializerFrom(weightInit as Attrs) : undefined,
      biasInit: biasInit ? initializerFrom(biasInit as Attrs) : undefined,
    }),
};
