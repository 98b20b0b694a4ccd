/**
 * Numeric gradients of sum(output * upstream). Imports nothing.
 *
 * Differences are central ones of fourth order, (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h. With float32 results and
 * h = 2^-6 rounding is 2^-24 |f| / h = 4e-6 |f| and truncation h^4 f''''' / 30 = 2e-9 f'''''. A smaller step rounds more, a
 * larger one reaches more kinks. Outputs that a step does not reach cancel exactly: a sum over many outputs loses nothing.
 *
 * A kink within the step, a jump of the slope, shows in two ways, neither of which sees all: S(2h) / 2h - 2 S(h) / h, S the
 * second differences, is about h^3 f'''' where the function is smooth, and D(2h) - D(h), D the differences of second
 * order, is h^2 f''' / 2. For a kink at a distance d < 2h they are up to the jump, and where one is nothing (d = 2h / 3 for
 * the first, 0 for the second) the other is a sixth of it at least. They also measure rounding.
 */

export type Numbers = ArrayLike<number>;

export interface Objective {
  /** Outputs with one element of one input moved. */
  at(shift: number): Promise<readonly Numbers[]>;
  /** Outputs where nothing is moved. */
  readonly base: readonly Numbers[];
  /** Weights of the outputs. */
  readonly upstream: readonly Numbers[];
  /** The outputs are float64. */
  readonly exact: boolean;
}

const ROUNDING = 2 ** -23;

/** Root mean square. */
export function rms(values: Numbers): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum / Math.max(1, values.length));
}

/** sum((to - from) * upstream) in double precision, and the size of its rounding error where both are float32. */
function change(upstream: readonly Numbers[], from: readonly Numbers[], to: readonly Numbers[]) {
  let value = 0;
  let squares = 0;
  for (const [k, weights] of upstream.entries()) {
    for (let i = 0; i < weights.length; i++) {
      const a = from[k]![i]!;
      const b = to[k]![i]!;
      if (a === b) continue;
      value += (b - a) * weights[i]!;
      squares += (weights[i]! * Math.max(Math.abs(a), Math.abs(b))) ** 2;
    }
  }
  return { value, noise: ROUNDING * Math.sqrt(squares) };
}

/** The derivative along one element, which is `x`, and how far it may be off. */
export async function derivative(
  { at, base, upstream, exact }: Objective,
  { x, step }: { readonly x: number; readonly step: number },
): Promise<{ numeric: number; doubt: number }> {
  // The step as float32 has it.
  const h = (Math.fround(x + step) - Math.fround(x - step)) / 2;
  const up = await at(step);
  const down = await at(-step);
  const up2 = await at(2 * step);
  const down2 = await at(-2 * step);
  const near = change(upstream, down, up);
  const far = change(upstream, down2, up2);
  const bend = change(upstream, base, up).value - change(upstream, down, base).value;
  const bend2 = change(upstream, base, up2).value - change(upstream, down2, base).value;
  const kink = Math.abs(bend2 / 2 - 2 * bend) / h;
  const turn = Math.abs(far.value / (4 * h) - near.value / (2 * h));
  const noise = exact ? 0 : near.noise / h;
  return { numeric: (8 * near.value - far.value) / (12 * h), doubt: kink / 4 + turn / 2 + noise };
}
