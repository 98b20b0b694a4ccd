/**
 * Softmax and log-softmax over an axis; sum, mean, amax over axes; max and argmax over an axis.
 * May import test/support/tensor.ts and attrs.ts.
 */
import { axisOf, broadcastPositions, forEachLane, map, need, type Tensor, tensor } from '../tensor.ts';
import { type Attrs, flagAttr, numberAttr, numbersAttr, type ReferenceOp } from './attrs.ts';

/** log-softmax along an axis, with the maximum taken out first. */
export function logSoftmaxOf(x: Tensor, axis: number): Tensor {
  const y = tensor(x.shape);
  forEachLane(x.shape, axis, (lane) => {
    const top = Math.max(...lane.map((i) => x.data[i]!));
    const logSum = Math.log(lane.reduce((sum, i) => sum + Math.exp(x.data[i]! - top), 0));
    for (const i of lane) y.data[i] = x.data[i]! - top - logSum;
  });
  return y;
}

const softmax: Required<ReferenceOp> = {
  forward: (tensors, attrs) => ({ y: map(logSoftmaxOf(need(tensors, 'x'), numberAttr(attrs, 'axis')), Math.exp) }),
  backward(tensors, attrs, upstream) {
    const x = need(tensors, 'x');
    const g = need(upstream, 'y');
    const y = softmax.forward(tensors, attrs).y!;
    const gx = tensor(x.shape);
    forEachLane(x.shape, numberAttr(attrs, 'axis'), (lane) => {
      const dot = lane.reduce((sum, i) => sum + g.data[i]! * y.data[i]!, 0);
      for (const i of lane) gx.data[i] = y.data[i]! * (g.data[i]! - dot);
    });
    return { x: gx };
  },
};

const logSoftmax: Required<ReferenceOp> = {
  forward: (tensors, attrs) => ({ y: logSoftmaxOf(need(tensors, 'x'), numberAttr(attrs, 'axis')) }),
  backward(tensors, attrs, upstream) {
    const x = need(tensors, 'x');
    const g = need(upstream, 'y');
    const y = logSoftmax.forward(tensors, attrs).y!;
    const gx = tensor(x.shape);
    forEachLane(x.shape, numberAttr(attrs, 'axis'), (lane) => {
      const total = lane.reduce((sum, i) => sum + g.data[i]!, 0);
      for (const i of lane) gx.data[i] = g.data[i]! - Math.exp(y.data[i]!) * total;
    });
    return { x: gx };
  },
};

/** Where a reduction puts each element: the shape of the result and the position in it of every element of x. */
function reduction(x: Tensor, attrs: Attrs): { shape: number[]; positions: Int32Array } {
  const all = x.shape.map((_, axis) => axis);
  const axes = attrs.axes == null ? all : numbersAttr(attrs, 'axes').map((axis) => axisOf(x.shape.length, axis));
  const kept = x.shape.map((d, axis) => (axes.includes(axis) ? 1 : d));
  const shape = flagAttr(attrs, 'keepdims', false) ? kept : x.shape.filter((_, axis) => !axes.includes(axis));
  return { shape, positions: broadcastPositions(kept, x.shape) };
}

/** Sum over axes, times a factor that may depend on the number of elements in each sum. */
function summation(factor: (count: number) => number): Required<ReferenceOp> {
  return {
    forward(tensors, attrs) {
      const x = need(tensors, 'x');
      const { shape, positions } = reduction(x, attrs);
      const y = tensor(shape);
      x.data.forEach((v, i) => {
        y.data[positions[i]!] = y.data[positions[i]!]! + v;
      });
      return { y: map(y, (v) => v * factor(x.data.length / y.data.length)) };
    },
    backward(tensors, attrs, upstream) {
      const x = need(tensors, 'x');
      const g = need(upstream, 'y');
      const { positions } = reduction(x, attrs);
      return { x: map(x, (_, i) => g.data[positions[i]!]! * factor(x.data.length / g.data.length)) };
    },
  };
}

/** Maximum over axes; equal maxima share the gradient evenly. */
const amax: Required<ReferenceOp> = {
  forward(tensors, attrs) {
    const x = need(tensors, 'x');
    const { shape, positions } = reduction(x, attrs);
    const y = tensor(shape);
    y.data.fill(Number.NEGATIVE_INFINITY);
    x.data.forEach((v, i) => {
      y.data[positions[i]!] = Math.max(y.data[positions[i]!]!, v);
    });
    return { y };
  },
  backward(tensors, attrs, upstream) {
    const x = need(tensors, 'x');
    const g = need(upstream, 'y');
    const { positions } = reduction(x, attrs);
    const y = amax.forward(tensors, attrs).y!;
    const count = tensor(y.shape);
    const wins = (v: number, i: number) => v === y.data[positions[i]!];
    x.data.forEach((v, i) => {
      if (wins(v, i)) count.data[positions[i]!] = count.data[positions[i]!]! + 1;
    });
    return { x: map(x, (v, i) => (wins(v, i) ? g.data[positions[i]!]! / count.data[positions[i]!]! : 0)) };
  },
};

/** For every lane along the axis: the index within the lane and the position in x of its first maximum. */
function firstMaxima(x: Tensor, attrs: Attrs): { shape: number[]; index: number[]; position: number[] } {
  const axis = axisOf(x.shape.length, numberAttr(attrs, 'axis'));
  const index: number[] = [];
  const position: number[] = [];
  forEachLane(x.shape, axis, (lane) => {
    const best = lane.reduce((top, at, k) => (x.data[at]! > x.data[lane[top]!]! ? k : top), 0);
    index.push(best);
    position.push(lane[best]!);
  });
  const keep = flagAttr(attrs, 'keepdims', false) ? [1] : [];
  return { shape: [...x.shape.slice(0, axis), ...keep, ...x.shape.slice(axis + 1)], index, position };
}

const max: Required<ReferenceOp> = {
  forward(tensors, attrs) {
    const x = need(tensors, 'x');
    const { shape, index, position } = firstMaxima(x, attrs);
    return {
      y: tensor(
        shape,
        position.map((at) => x.data[at]!),
      ),
      indices: tensor(shape, index),
    };
  },
  backward(tensors, attrs, upstream) {
    const x = need(tensors, 'x');
    const g = need(upstream, 'y');
    const gx = tensor(x.shape);
    firstMaxima(x, attrs).position.forEach((at, i) => {
      gx.data[at] = g.data[i]!;
    });
    return { x: gx };
  },
};

const argmax: ReferenceOp = {
  forward(tensors, attrs) {
    const { shape, index } = firstMaxima(need(tensors, 'x'), attrs);
    return { y: tensor(shape, index) };
  },
};

export const reductions: Record<string, ReferenceOp> = {
  softmax,
  log_softmax: logSoftmax,
  sum: summation(() => 1),
  mean: summation((count) => 1 / count),
  amax,
  max,
  argmax,
};
