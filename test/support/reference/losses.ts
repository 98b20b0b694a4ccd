/**
 * Losses with their gradients. May import test/support/tensor.ts, attrs.ts, special.ts and reduce.ts.
 *
 * Two kinds. Element-wise losses compare x and target at each element. Class losses (cross-entropy with labels or with
 * probabilities, nll) are all -sum over classes of q * log p, where q is fixed by the target, class weights, smoothing.
 */
import { broadcastPositions, map, need, sizeOf, type Tensor, type Tensors, tensor } from '../tensor.ts';
import { type Attrs, flagAttr, numberAttr, type ReferenceOp, textAttr } from './attrs.ts';
import { logSoftmaxOf } from './reduce.ts';
import { sigmoid, softplus } from './special.ts';

/** `mean` divides by `count`, `batchmean` by the batch size, `sum` by nothing; `none` keeps the elements apart. */
function reduce(losses: Tensor, attrs: Attrs, count: number): Tensor {
  const reduction = textAttr(attrs, 'reduction', 'mean');
  if (reduction === 'none') return losses;
  const total = losses.data.reduce((sum, v) => sum + v, 0);
  return tensor([], [total / divisor(losses, reduction, count)]);
}

function divisor(losses: Tensor, reduction: string, count: number): number {
  if (reduction === 'mean') return count;
  if (reduction === 'batchmean') return losses.shape[0] ?? 1;
  if (reduction === 'sum') return 1;
  throw new Error(`unknown reduction "${reduction}"`);
}

/** The gradient that each element's loss receives. */
function spread(losses: Tensor, attrs: Attrs, count: number, upstream: Tensor): Tensor {
  const reduction = textAttr(attrs, 'reduction', 'mean');
  if (reduction === 'none') return upstream;
  const share = upstream.data[0]! / divisor(losses, reduction, count);
  return map(losses, () => share);
}

// ---------------------------------------------------------------------------------------------- element-wise losses

/** Loss of one element and its slopes; `dt` is left out where no gradient of the target is wanted. `i` is the element. */
interface ElementLoss {
  value(x: number, t: number, i: number): number;
  dx(x: number, t: number, i: number): number;
  dt?(x: number, t: number, i: number): number;
}

function elementwise(lossOf: (attrs: Attrs, tensors: Tensors) => ElementLoss): Required<ReferenceOp> {
  const unreduced = (x: Tensor, target: Tensor, loss: ElementLoss) =>
    map(x, (v, i) => loss.value(v, target.data[i]!, i));
  return {
    forward(tensors, attrs) {
      const x = need(tensors, 'x');
      const losses = unreduced(x, need(tensors, 'target'), lossOf(attrs, tensors));
      return { y: reduce(losses, attrs, losses.data.length) };
    },
    backward(tensors, attrs, upstream) {
      const x = need(tensors, 'x');
      const target = need(tensors, 'target');
      const loss = lossOf(attrs, tensors);
      const g = spread(unreduced(x, target, loss), attrs, x.data.length, need(upstream, 'y'));
      const { dt } = loss;
      return {
        x: map(x, (v, i) => g.data[i]! * loss.dx(v, target.data[i]!, i)),
        ...(dt && { target: map(target, (t, i) => g.data[i]! * dt(x.data[i]!, t, i)) }),
      };
    },
  };
}

/** A loss of the difference x - t alone. */
function distance(value: (d: number) => number, slope: (d: number) => number): ElementLoss {
  return { value: (x, t) => value(x - t), dx: (x, t) => slope(x - t), dt: (x, t) => -slope(x - t) };
}

const mse = distance(
  (d) => d * d,
  (d) => 2 * d,
);
const l1 = distance(Math.abs, Math.sign);

function smoothL1(beta: number): ElementLoss {
  return distance(
    (d) => (Math.abs(d) < beta ? (0.5 * d * d) / beta : Math.abs(d) - 0.5 * beta),
    (d) => (Math.abs(d) < beta ? d / beta : Math.sign(d)),
  );
}

function huber(delta: number): ElementLoss {
  return distance(
    (d) => (Math.abs(d) <= delta ? 0.5 * d * d : delta * (Math.abs(d) - 0.5 * delta)),
    (d) => (Math.abs(d) <= delta ? d : delta * Math.sign(d)),
  );
}

/** Logarithms are held at -100 or above and the slope's denominator at 1e-12 or above, as in PyTorch. */
const bce: ElementLoss = {
  value: (x, t) => -(t * Math.max(Math.log(x), -100) + (1 - t) * Math.max(Math.log(1 - x), -100)),
  dx: (x, t) => (x - t) / Math.max((1 - x) * x, 1e-12),
};

/** w ((1 - t) x + (1 + (p - 1) t) ln(1 + e^-x)), with weights w and positive weights p that broadcast to x. */
function bceWithLogits(_attrs: Attrs, tensors: Tensors): ElementLoss {
  const weight = broadcastReader(tensors, 'weight');
  const positive = broadcastReader(tensors, 'pos_weight');
  return {
    value: (x, t, i) => weight(i) * ((1 - t) * x + (1 + (positive(i) - 1) * t) * softplus(-x)),
    dx: (x, t, i) => weight(i) * (1 - t - (1 + (positive(i) - 1) * t) * sigmoid(-x)),
  };
}

function broadcastReader(tensors: Tensors, name: string): (i: number) => number {
  const source = tensors[name];
  if (!source) return () => 1;
  const positions = broadcastPositions(source.shape, need(tensors, 'x').shape);
  return (i) => source.data[positions[i]!]!;
}

/** x is a log-probability: t (log t - x), or e^t (t - x) where the target is a log-probability too. */
function klDiv(attrs: Attrs): ElementLoss {
  if (flagAttr(attrs, 'log_target', false)) {
    return { value: (x, t) => Math.exp(t) * (t - x), dx: (_, t) => -Math.exp(t) };
  }
  return { value: (x, t) => (t > 0 ? t * (Math.log(t) - x) : 0), dx: (_, t) => -t };
}

// ------------------------------------------------------------------------------------------------------ class losses

/** What a target asks for: q per class and position (shape of x), and the divisor of the mean. */
interface Wanted {
  readonly q: Tensor;
  readonly meanCount: number;
}

/** Position in the target of element i of x [N, C, ...], and its class. */
function place(x: Tensor, i: number): { position: number; label: number } {
  const classes = x.shape[1]!;
  const inner = sizeOf(x.shape.slice(2));
  return { position: Math.floor(i / (classes * inner)) * inner + (i % inner), label: Math.floor(i / inner) % classes };
}

/** Labels: weight of the class at the label, spread over all classes by smoothing; ignored positions want nothing. */
function wantedByLabels(tensors: Tensors, attrs: Attrs): Wanted {
  const x = need(tensors, 'x');
  const target = need(tensors, 'target');
  const smoothing = numberAttr(attrs, 'label_smoothing', 0);
  const ignored = numberAttr(attrs, 'ignore_index', -100);
  const weight = (label: number) => tensors.weight?.data[label] ?? 1;
  const q = map(x, (_, i) => {
    const { position, label } = place(x, i);
    const wanted = target.data[position]!;
    if (wanted === ignored) return 0;
    return weight(label) * ((label === wanted ? 1 - smoothing : 0) + smoothing / x.shape[1]!);
  });
  const kept = target.data.filter((label) => label !== ignored);
  return { q, meanCount: kept.reduce((sum, label) => sum + weight(label), 0) };
}

/** Probabilities: the mean divides by the number of positions, whatever the weights. */
function wantedByProbabilities(tensors: Tensors, attrs: Attrs): Wanted {
  const x = need(tensors, 'x');
  const target = need(tensors, 'target');
  const smoothing = numberAttr(attrs, 'label_smoothing', 0);
  const q = map(target, (t, i) => {
    const weight = tensors.weight?.data[place(x, i).label] ?? 1;
    return weight * ((1 - smoothing) * t + smoothing / x.shape[1]!);
  });
  return { q, meanCount: x.data.length / x.shape[1]! };
}

/** Sums over classes: [N, C, ...] to [N, ...]. */
function sumOverClasses(t: Tensor): Tensor {
  const sums = tensor([t.shape[0]!, ...t.shape.slice(2)]);
  t.data.forEach((v, i) => {
    const { position } = place(t, i);
    sums.data[position] = sums.data[position]! + v;
  });
  return sums;
}

interface ClassLoss {
  readonly wanted: (tensors: Tensors, attrs: Attrs) => Wanted;
  /** The inputs are logits, which the loss normalises; else they are log-probabilities. */
  readonly logits: boolean;
}

function classLoss({ wanted, logits }: ClassLoss): Required<ReferenceOp> {
  const logProbabilities = (x: Tensor) => (logits ? logSoftmaxOf(x, 1) : x);
  return {
    forward(tensors, attrs) {
      const { q, meanCount } = wanted(tensors, attrs);
      const logP = logProbabilities(need(tensors, 'x'));
      const losses = sumOverClasses(map(q, (v, i) => (v === 0 ? 0 : -v * logP.data[i]!)));
      return { y: reduce(losses, attrs, meanCount) };
    },
    backward(tensors, attrs, upstream) {
      const x = need(tensors, 'x');
      const { q, meanCount } = wanted(tensors, attrs);
      const total = sumOverClasses(q);
      const g = spread(total, attrs, meanCount, need(upstream, 'y'));
      const logP = logProbabilities(x);
      const slope = (i: number, position: number) =>
        logits ? Math.exp(logP.data[i]!) * total.data[position]! - q.data[i]! : -q.data[i]!;
      return {
        x: map(x, (_, i) => {
          const { position } = place(x, i);
          return g.data[position]! * slope(i, position);
        }),
      };
    },
  };
}

export const losses: Record<string, ReferenceOp> = {
  cross_entropy: classLoss({ wanted: wantedByLabels, logits: true }),
  cross_entropy_probs: classLoss({ wanted: wantedByProbabilities, logits: true }),
  nll_loss: classLoss({ wanted: wantedByLabels, logits: false }),
  bce_with_logits: elementwise(bceWithLogits),
  bce: elementwise(() => bce),
  mse_loss: elementwise(() => mse),
  l1_loss: elementwise(() => l1),
  smooth_l1_loss: elementwise((attrs) => smoothL1(numberAttr(attrs, 'beta', 1))),
  huber_loss: elementwise((attrs) => huber(numberAttr(attrs, 'delta', 1))),
  kl_div: elementwise(klDiv),
};
