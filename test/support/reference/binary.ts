/**
 * Element-wise functions of two tensors with NumPy broadcasting, and `where`. Gradients are summed over broadcast axes.
 * May import test/support/tensor.ts and attrs.ts.
 */
import { broadcastPositions, broadcastShape, need, type Tensor, tensor } from '../tensor.ts';
import type { ReferenceOp } from './attrs.ts';

/** A function of two numbers with both partial derivatives. */
interface Surface {
  value(a: number, b: number): number;
  slopeA(a: number, b: number): number;
  slopeB(a: number, b: number): number;
}

/** Adds f(i) to the source position of every broadcast element i. */
function gather(shape: readonly number[], positions: Int32Array, f: (i: number) => number): Tensor {
  const sums = tensor(shape);
  positions.forEach((at, i) => {
    sums.data[at] = sums.data[at]! + f(i);
  });
  return sums;
}

function binary({ value, slopeA, slopeB }: Surface): Required<ReferenceOp> {
  return {
    forward(tensors) {
      const a = need(tensors, 'a');
      const b = need(tensors, 'b');
      const shape = broadcastShape(a.shape, b.shape);
      const ia = broadcastPositions(a.shape, shape);
      const ib = broadcastPositions(b.shape, shape);
      return {
        y: tensor(
          shape,
          Float64Array.from(ia, (at, i) => value(a.data[at]!, b.data[ib[i]!]!)),
        ),
      };
    },
    backward(tensors, _attrs, upstream) {
      const a = need(tensors, 'a');
      const b = need(tensors, 'b');
      const g = need(upstream, 'y');
      const ia = broadcastPositions(a.shape, g.shape);
      const ib = broadcastPositions(b.shape, g.shape);
      return {
        a: gather(a.shape, ia, (i) => g.data[i]! * slopeA(a.data[ia[i]!]!, b.data[ib[i]!]!)),
        b: gather(b.shape, ib, (i) => g.data[i]! * slopeB(a.data[ia[i]!]!, b.data[ib[i]!]!)),
      };
    },
  };
}

/** 1 where the first number wins, 0 where it loses, half at a tie. */
const share = (winner: number, loser: number): number => (winner > loser ? 1 : winner === loser ? 0.5 : 0);

const where: Required<ReferenceOp> = {
  forward(tensors) {
    const [condition, a, b] = [need(tensors, 'condition'), need(tensors, 'a'), need(tensors, 'b')];
    const shape = broadcastShape(condition.shape, a.shape, b.shape);
    const chosen = broadcastPositions(condition.shape, shape);
    const ia = broadcastPositions(a.shape, shape);
    const ib = broadcastPositions(b.shape, shape);
    const pick = (at: number, i: number) => (condition.data[at] ? a.data[ia[i]!]! : b.data[ib[i]!]!);
    return { y: tensor(shape, Float64Array.from(chosen, pick)) };
  },
  backward(tensors, _attrs, upstream) {
    const [condition, a, b, g] = [
      need(tensors, 'condition'),
      need(tensors, 'a'),
      need(tensors, 'b'),
      need(upstream, 'y'),
    ];
    const chosen = broadcastPositions(condition.shape, g.shape);
    const isA = (i: number) => condition.data[chosen[i]!] !== 0;
    return {
      a: gather(a.shape, broadcastPositions(a.shape, g.shape), (i) => (isA(i) ? g.data[i]! : 0)),
      b: gather(b.shape, broadcastPositions(b.shape, g.shape), (i) => (isA(i) ? 0 : g.data[i]!)),
    };
  },
};

export const binaries: Record<string, ReferenceOp> = {
  add: binary({ value: (a, b) => a + b, slopeA: () => 1, slopeB: () => 1 }),
  sub: binary({ value: (a, b) => a - b, slopeA: () => 1, slopeB: () => -1 }),
  mul: binary({ value: (a, b) => a * b, slopeA: (_, b) => b, slopeB: (a) => a }),
  div: binary({ value: (a, b) => a / b, slopeA: (_, b) => 1 / b, slopeB: (a, b) => -a / (b * b) }),
  pow: binary({
    value: (a, b) => a ** b,
    slopeA: (a, b) => (b === 0 ? 0 : b * a ** (b - 1)),
    slopeB: (a, b) => (a === 0 && b >= 0 ? 0 : a ** b * Math.log(a)),
  }),
  maximum: binary({ value: Math.max, slopeA: (a, b) => share(a, b), slopeB: (a, b) => share(b, a) }),
  minimum: binary({ value: Math.min, slopeA: (a, b) => share(b, a), slopeB: (a, b) => share(a, b) }),
  where,
};
