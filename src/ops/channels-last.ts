/**
 * Images as rows of numbers in the order that kernels keep them in, channels last: a view where `flatten` needs a kernel
 * that turns every image. For linear layers, whose weights lie in the same order. Imports graph and util.
 */
import { defineOp, type Op } from '../graph/define-op.ts';
import { padChannels } from '../graph/layout.ts';
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { type Shape, show, sizeOf } from '../util/shape.ts';

const channelsLastOp: Op<Record<string, never>> = defineOp<Record<string, never>>({
  name: 'channelsLast',
  view: true,
  picks: 'all',
  infer([x], _, at) {
    const { shape, dtype } = x!;
    if (shape.length !== 4 || padChannels(shape[1]!) !== shape[1])
      throw new ShapeError(
        `${at}: ${show(shape)} is no image batch [n, c, h, w] with a multiple of 4 channels, or one. Use flatten.`,
      );
    return [{ shape: [shape[0]!, sizeOf(shape.slice(1))], dtype }];
  },
  layout: () => ({ inputs: ['nhwc'], outputs: ['plain'] }),
  grad: ({ inputs: [x], dOutputs: [dy] }) => [channelsFirstOp([dy!], { shape: x!.shape })[0]],
  flops: () => 0,
});

const channelsFirstOp: Op<{ shape: Shape }> = defineOp<{ shape: Shape }>({
  name: 'channelsFirst',
  view: true,
  picks: 'all',
  infer: ([y], { shape }) => [{ shape, dtype: y!.dtype }],
  layout: () => ({ inputs: ['plain'], outputs: ['nhwc'] }),
  grad: ({ dOutputs: [dx] }) => [channelsLastOp([dx!], {})[0]],
  flops: () => 0,
});

/** [n, c, h, w] -> [n, h * w * c], of channels that need no padding: c is 1 or a multiple of 4. */
export const channelsLast = (x: Value): Value => channelsLastOp([x], {})[0];

/** The images [n, c, h, w], made by an op, that x is the flattened of, where `channelsLast` of them is something else and can be. */
export function imagesOf({ shape, source }: Value): Value | null {
  const images = source.kind === 'node' && source.node.op === 'reshape' ? source.node.inputs[0]! : null;
  if (images?.source.kind !== 'node' || images.shape.length !== 4 || shape.length !== 2 || images.shape[0] !== shape[0])
    return null;
  const [, c = 0, h = 0, w = 0] = images.shape;
  return c % 4 === 0 && h * w > 1 ? images : null;
}
