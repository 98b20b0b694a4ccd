/**
 * Batch, layer, group and instance normalisation, and local response normalisation.
 * May import test/support/tensor.ts and attrs.ts.
 *
 * The first four differ only in which elements share a mean and a variance (their group) and in which element of weight
 * and bias scales them (their affine position).
 */
import { map, need, sizeOf, type Tensor, type Tensors, tensor } from '../tensor.ts';
import { type Attrs, flagAttr, numberAttr, numbersAttr, type ReferenceOp } from './attrs.ts';

interface Grouping {
  readonly groups: number;
  group(i: number): number;
  affine(i: number): number;
}

interface Statistics {
  readonly mean: Float64Array;
  /** Biased: divided by the number of elements. */
  readonly variance: Float64Array;
}

function channelOf(x: Tensor): (i: number) => number {
  const inner = sizeOf(x.shape.slice(2));
  return (i) => Math.floor(i / inner) % x.shape[1]!;
}

function byChannel(x: Tensor): Grouping {
  const channel = channelOf(x);
  return { groups: x.shape[1]!, group: channel, affine: channel };
}

function byLayer(x: Tensor, attrs: Attrs): Grouping {
  const size = sizeOf(numbersAttr(attrs, 'normalized_shape'));
  return { groups: x.data.length / size, group: (i) => Math.floor(i / size), affine: (i) => i % size };
}

function byGroup(x: Tensor, groupsPerSample: number): Grouping {
  const groups = x.shape[0]! * groupsPerSample;
  const size = x.data.length / groups;
  return { groups, group: (i) => Math.floor(i / size), affine: channelOf(x) };
}

function groupSums(grouping: Grouping, values: Float64Array): Float64Array {
  const sums = new Float64Array(grouping.groups);
  values.forEach((v, i) => {
    sums[grouping.group(i)] = sums[grouping.group(i)]! + v;
  });
  return sums;
}

/** Two passes: the mean first, then the mean square of the differences from it. */
function statistics(x: Tensor, grouping: Grouping): Statistics {
  const count = x.data.length / grouping.groups;
  const mean = groupSums(grouping, x.data).map((v) => v / count);
  const squares = x.data.map((v, i) => (v - mean[grouping.group(i)]!) ** 2);
  return { mean, variance: groupSums(grouping, squares).map((v) => v / count) };
}

function normalized(x: Tensor, grouping: Grouping, { mean, variance }: Statistics, eps: number): Tensor {
  return map(x, (v, i) => (v - mean[grouping.group(i)]!) / Math.sqrt(variance[grouping.group(i)]! + eps));
}

function scaled(xhat: Tensor, grouping: Grouping, tensors: Tensors): Tensor {
  const { weight, bias } = tensors;
  return map(xhat, (v, i) => v * (weight?.data[grouping.affine(i)] ?? 1) + (bias?.data[grouping.affine(i)] ?? 0));
}

function affineSums(like: Tensor, grouping: Grouping, values: Float64Array): Tensor {
  const sums = tensor(like.shape);
  values.forEach((v, i) => {
    sums.data[grouping.affine(i)] = sums.data[grouping.affine(i)]! + v;
  });
  return sums;
}

interface Backward {
  readonly tensors: Tensors;
  readonly upstream: Tensor;
  readonly grouping: Grouping;
  readonly statistics: Statistics;
  readonly eps: number;
  /** Mean and variance are constants, not functions of x. */
  readonly fixed: boolean;
}

function backward({ tensors, upstream, grouping, statistics, eps, fixed }: Backward): Record<string, Tensor> {
  const { weight, bias } = tensors;
  const x = need(tensors, 'x');
  const xhat = normalized(x, grouping, statistics, eps).data;
  const g = upstream.data;
  const gxhat = g.map((v, i) => v * (weight?.data[grouping.affine(i)] ?? 1));
  const count = x.data.length / grouping.groups;
  const mean = groupSums(grouping, gxhat).map((v) => v / count);
  const moment = groupSums(
    grouping,
    gxhat.map((v, i) => v * xhat[i]!),
  ).map((v) => v / count);
  const gx = map(x, (_, i) => {
    const group = grouping.group(i);
    const centred = fixed ? gxhat[i]! : gxhat[i]! - mean[group]! - xhat[i]! * moment[group]!;
    return centred / Math.sqrt(statistics.variance[group]! + eps);
  });
  return {
    x: gx,
    ...(weight && {
      weight: affineSums(
        weight,
        grouping,
        g.map((v, i) => v * xhat[i]!),
      ),
    }),
    ...(bias && { bias: affineSums(bias, grouping, g) }),
  };
}

/** Normalisation by the statistics of x itself. */
function norm(groupingOf: (x: Tensor, attrs: Attrs) => Grouping): Required<ReferenceOp> {
  return {
    forward(tensors, attrs) {
      const x = need(tensors, 'x');
      const grouping = groupingOf(x, attrs);
      const xhat = normalized(x, grouping, statistics(x, grouping), numberAttr(attrs, 'eps', 1e-5));
      return { y: scaled(xhat, grouping, tensors) };
    },
    backward(tensors, attrs, upstream) {
      const x = need(tensors, 'x');
      const grouping = groupingOf(x, attrs);
      return backward({
        tensors,
        upstream: need(upstream, 'y'),
        grouping,
        statistics: statistics(x, grouping),
        eps: numberAttr(attrs, 'eps', 1e-5),
        fixed: false,
      });
    },
  };
}

function batchStatistics(tensors: Tensors, attrs: Attrs): Statistics {
  if (flagAttr(attrs, 'training', true)) {
    const x = need(tensors, 'x');
    return statistics(x, byChannel(x));
  }
  return { mean: need(tensors, 'running_mean').data, variance: need(tensors, 'running_var').data };
}

/** running = (1 - momentum) running + momentum batch, with the unbiased batch variance. */
function runningStatistics(tensors: Tensors, attrs: Attrs, batch: Statistics): Record<string, Tensor> {
  const { running_mean: mean, running_var: variance } = tensors;
  if (!flagAttr(attrs, 'training', true) || !mean || !variance) return {};
  const momentum = numberAttr(attrs, 'momentum', 0.1);
  const count = need(tensors, 'x').data.length / mean.data.length;
  const unbiased = count / (count - 1);
  return {
    running_mean_new: map(mean, (v, c) => (1 - momentum) * v + momentum * batch.mean[c]!),
    running_var_new: map(variance, (v, c) => (1 - momentum) * v + momentum * batch.variance[c]! * unbiased),
  };
}

const batchNorm2d: Required<ReferenceOp> = {
  forward(tensors, attrs) {
    const x = need(tensors, 'x');
    const batch = batchStatistics(tensors, attrs);
    const xhat = normalized(x, byChannel(x), batch, numberAttr(attrs, 'eps', 1e-5));
    return { y: scaled(xhat, byChannel(x), tensors), ...runningStatistics(tensors, attrs, batch) };
  },
  backward(tensors, attrs, upstream) {
    return backward({
      tensors,
      upstream: need(upstream, 'y'),
      grouping: byChannel(need(tensors, 'x')),
      statistics: batchStatistics(tensors, attrs),
      eps: numberAttr(attrs, 'eps', 1e-5),
      fixed: !flagAttr(attrs, 'training', true),
    });
  },
};

/** Base k + alpha / size * (sum of squares over `size` channels, floor(size / 2) of them before), and the window itself. */
function responses(x: Tensor, attrs: Attrs): { base: Tensor; window: (i: number) => number[] } {
  const size = numberAttr(attrs, 'size');
  const alpha = numberAttr(attrs, 'alpha', 1e-4);
  const k = numberAttr(attrs, 'k', 1);
  const channel = channelOf(x);
  const inner = sizeOf(x.shape.slice(2));
  const window = (i: number): number[] => {
    const c = channel(i);
    const channels = Array.from({ length: size }, (_, j) => c - Math.floor(size / 2) + j);
    return channels.filter((d) => d >= 0 && d < x.shape[1]!).map((d) => i + (d - c) * inner);
  };
  const squares = (i: number) => window(i).reduce((sum, j) => sum + x.data[j]! ** 2, 0);
  return { base: map(x, (_, i) => k + (alpha / size) * squares(i)), window };
}

const localResponseNorm: Required<ReferenceOp> = {
  forward(tensors, attrs) {
    const x = need(tensors, 'x');
    const { base } = responses(x, attrs);
    return { y: map(x, (v, i) => v * base.data[i]! ** -numberAttr(attrs, 'beta', 0.75)) };
  },
  backward(tensors, attrs, upstream) {
    const x = need(tensors, 'x');
    const g = need(upstream, 'y');
    const beta = numberAttr(attrs, 'beta', 0.75);
    const rate = (2 * numberAttr(attrs, 'alpha', 1e-4)) / numberAttr(attrs, 'size');
    const { base, window } = responses(x, attrs);
    const gx = map(x, (_, i) => g.data[i]! * base.data[i]! ** -beta);
    x.data.forEach((v, i) => {
      const gbase = -beta * g.data[i]! * v * base.data[i]! ** (-beta - 1);
      for (const j of window(i)) gx.data[j] = gx.data[j]! + gbase * rate * x.data[j]!;
    });
    return { x: gx };
  },
};

export const norms: Record<string, ReferenceOp> = {
  batch_norm2d: batchNorm2d,
  layer_norm: norm(byLayer),
  group_norm: norm((x, attrs) => byGroup(x, numberAttr(attrs, 'groups'))),
  instance_norm2d: norm((x) => byGroup(x, x.shape[1]!)),
  local_response_norm: localResponseNorm,
};
