/** The logarithm of a sum of exponentials, in range for any x: a composition of other ops. Imports graph types, util and other ops. */
import type { Value } from '../graph/types.ts';
import { amaxConstant } from './arg-reduce.ts';
import { add, sub } from './binary.ts';
import { exp, log } from './pointwise.ts';
import { type ReduceOptions, resolveAxes, sum } from './reduce.ts';
import { reshape } from './reshape.ts';

/** log(sum(exp(x))) over axes, default all. (torch.logsumexp) */
export function logSumExp(x: Value, { axes, keepdims = false }: ReduceOptions = {}): Value {
  const over = resolveAxes(x, axes, 'logSumExp');
  // The maximum cancels out of the gradient, so it may be a constant.
  const top = amaxConstant(x, { axes: over, keepdims: true });
  const y = add(log(sum(exp(sub(x, top)), { axes: over, keepdims: true })), top);
  return keepdims
    ? y
    : reshape(
        y,
        x.shape.filter((_, axis) => !over.includes(axis)),
      );
}
