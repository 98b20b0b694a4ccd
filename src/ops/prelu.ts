/** Leaky ReLU with a trained slope, shared or one a channel: a row of binary.ts, the slope broadcast. Imports graph, util and other ops. */
import { currentScope } from '../graph/trace.ts';
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';
import { preluRow } from './binary.ts';
import { reshape } from './reshape.ts';

/**
 * x where x > 0, else weight * x; weight is [1], or [c] with c the size of axis 1 of x. At 0 the gradient is the slope.
 * (torch.nn.functional.prelu)
 */
export function prelu(x: Value, weight: Value): Value {
  const channels = x.shape.length > 1 ? x.shape[1]! : 1;
  const slopes = sizeOf(weight.shape);
  if (weight.shape.length > 1 || (slopes !== 1 && slopes !== channels)) {
    const scope = currentScope();
    const allowed = channels === 1 ? '[1]' : `[1] or [${channels}]`;
    throw new ShapeError(
      `prelu${scope && ` "${scope}"`}: weight is ${show(weight.shape)} for x ${show(x.shape)}. Pass a weight of shape ${allowed}.`,
    );
  }
  // [c] against [n, c, h, w] is [c, 1, 1].
  const inner = new Array<number>(Math.max(0, x.shape.length - 2)).fill(1);
  return preluRow(x, reshape(weight, slopes === 1 ? [1].slice(0, x.shape.length) : [slopes, ...inner]));
}
