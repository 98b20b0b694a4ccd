/** The same elements in row-major order under another shape: no kernel where they lie so already. Imports graph and util. */
import { defineOp } from '../graph/define-op.ts';
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { normalizeAxis, type Shape, sameShape, show, sizeOf } from '../util/shape.ts';

const reshapeOp = defineOp<{ shape: Shape }>({
  name: 'reshape',
  view: true,
  picks: 'all',
  infer([x], { shape }, at) {
    const known = shape.filter((size) => size !== -1);
    const rest = sizeOf(x!.shape) / Math.max(1, sizeOf(known));
    const full = shape.map((size) => (size === -1 ? rest : size));
    if (
      shape.length - known.length > 1 ||
      full.some((size) => !Number.isInteger(size) || size < 0) ||
      sizeOf(full) !== sizeOf(x!.shape)
    ) {
      throw new ShapeError(
        `${at}: ${show(x!.shape)} has ${sizeOf(x!.shape)} elements and cannot be seen as ${show(shape)}. At most one size may be -1.`,
      );
    }
    return [{ shape: full, dtype: x!.dtype }];
  },
  grad: ({ inputs: [x], dOutputs: [dy] }) => [reshape(dy!, x!.shape)],
  flops: () => 0,
});

/** x under another shape; one size may be -1 and is worked out. (torch.reshape) */
export const reshape = (x: Value, shape: Shape): Value =>
  sameShape(x.shape, shape) ? x : reshapeOp([x], { shape })[0];

/** All axes from `startAxis` on as one; default 1: [n, c, h, w] -> [n, c*h*w]. (torch.flatten) */
export function flatten(x: Value, { startAxis = 1 } = {}): Value {
  const start = normalizeAxis(startAxis, x.shape.length, 'flatten');
  return reshape(x, [...x.shape.slice(0, start), sizeOf(x.shape.slice(start))]);
}
