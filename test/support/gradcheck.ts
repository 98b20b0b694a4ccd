/**
 * Checks analytic gradients by central differences in float64. May import test/support/tensor.ts and random.ts.
 *
 * The objective is a sum of outputs times random weights, not their plain sum, which cannot see elements that are routed
 * to the wrong place. Callers assert that `checked` is above 0: a check that visits nothing must not pass.
 */
import { Random } from './random.ts';
import { need, type Tensor, type Tensors } from './tensor.ts';

export interface GradientCheck {
  /** Outputs of the function under test. */
  forward(inputs: Tensors): Tensors;
  readonly inputs: Tensors;
  /** Analytic gradients of sum(output * upstream); the inputs that it names are the ones that are checked. */
  gradients(inputs: Tensors, upstream: Tensors): Tensors;
  /** Weights of the outputs; random normal numbers for each output in `outputs` if it is left out. */
  readonly upstream?: Tensors;
  /** The outputs in the objective (default: all). Leave out integer ones such as indices. */
  readonly outputs?: readonly string[];
  readonly seed?: number;
  readonly eps?: number;
  readonly atol?: number;
  readonly rtol?: number;
  /** True for elements that lie at a kink and are not to be checked. */
  skip?(input: string, value: number, index: number): boolean;
}

export interface GradientReport {
  readonly checked: number;
  readonly skipped: number;
  readonly failures: number;
  /** The largest error as a fraction of atol + rtol * |numeric|: above 1 is a failure. */
  readonly worst: number;
  /** One line for people: the worst element. */
  readonly message: string;
}

export function checkGradients(check: GradientCheck): GradientReport {
  const { inputs, eps = 1e-6, atol = 1e-5, rtol = 1e-3 } = check;
  const upstream = check.upstream ?? randomUpstream(check);
  const analytic = check.gradients(inputs, upstream);
  const report = { checked: 0, skipped: 0, failures: 0, worst: 0, message: 'nothing differs' };
  for (const [name, gradient] of Object.entries(analytic)) {
    const input = need(inputs, name);
    if (gradient.data.length !== input.data.length) throw new Error(`gradient of ${name}: shape [${gradient.shape}]`);
    input.data.forEach((value, index) => {
      if (check.skip?.(name, value, index)) {
        report.skipped++;
        return;
      }
      const numeric = centralDifference(check, upstream, { name, index, eps });
      const error = Math.abs(gradient.data[index]! - numeric) / (atol + rtol * Math.abs(numeric));
      report.checked++;
      if (!(error <= 1)) report.failures++;
      if (error > report.worst || Number.isNaN(error)) {
        report.worst = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
        report.message = `${name}[${index}] = ${value}: gradient ${gradient.data[index]}, by differences ${numeric}`;
      }
    });
  }
  return report;
}

function randomUpstream({ forward, inputs, outputs, seed = 1 }: GradientCheck): Tensors {
  const random = new Random(seed);
  const weights = Object.entries(forward(inputs))
    .filter(([name]) => outputs?.includes(name) ?? true)
    .map(([name, { shape }]): [string, Tensor] => [name, random.normal(shape)]);
  return Object.fromEntries(weights);
}

function objective(outputs: Tensors, upstream: Tensors): number {
  let sum = 0;
  for (const [name, weights] of Object.entries(upstream)) {
    const { data } = need(outputs, name);
    for (let i = 0; i < data.length; i++) sum += data[i]! * weights.data[i]!;
  }
  return sum;
}

function centralDifference(
  { forward, inputs }: GradientCheck,
  upstream: Tensors,
  { name, index, eps }: { name: string; index: number; eps: number },
): number {
  const at = (shift: number): number => {
    const source = need(inputs, name);
    const data = source.data.slice();
    data[index] = data[index]! + shift;
    return objective(forward({ ...inputs, [name]: { shape: source.shape, data } }), upstream);
  };
  return (at(eps) - at(-eps)) / (2 * eps);
}
