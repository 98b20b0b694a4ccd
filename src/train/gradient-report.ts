/** What `checkGradients` is asked and what it reports. Imports types and util. */
import type { Chooser } from '../compile/select.ts';
import type { Attrs, DType, Value } from '../graph/types.ts';
import type { TensorData } from '../runtime/session.ts';
import { type Shape, show } from '../util/shape.ts';

/** An op made by `defineOp`, or any function of values. */
export type Differentiable<A extends Attrs = Attrs> = (inputs: readonly Value[], attrs: A) => Value | readonly Value[];

/** An input: a shape alone is filled with standard normal numbers from the seed. */
export type CheckInput =
  | Shape
  | {
      readonly shape: Shape;
      /** Row-major. Integers are given, never checked. */
      readonly data?: TensorData;
      /** Default f32. */
      readonly dtype?: DType;
      /** False: no gradient is expected of it; default true for f32. */
      readonly check?: boolean;
    };

export interface GradientCase<A extends Attrs = Attrs> {
  /** Default: its number and its shapes. */
  readonly name?: string;
  readonly inputs: readonly CheckInput[];
  /** What the function gets beside the inputs; default {}. */
  readonly attrs?: A;
}

/** A float64 twin of the function: row-major outputs, one for each of its f32 outputs (a single array where there is one). */
export type Reference<A extends Attrs = Attrs> = (
  inputs: readonly Float64Array[],
  info: { readonly shapes: readonly Shape[]; readonly attrs: A },
) => ArrayLike<number> | readonly ArrayLike<number>[];

export interface CheckGradientsOptions<A extends Attrs = Attrs> {
  readonly cases: readonly GradientCase<A>[];
  /** Differences are taken of this instead of the function's own float32 results, which are compared with it too. */
  readonly reference?: Reference<A>;
  /** Of the inputs and the upstream gradients; default 1. */
  readonly seed?: number;
  /** Step of the differences as a share of the larger of |x| and the input's root mean square; default 2^-6, with a reference 2^-9. */
  readonly eps?: number;
  /** Largest error as a share of the larger of |numeric| and the gradient's root mean square; default 2e-3, with a reference 2e-4. */
  readonly tolerance?: number;
  /** Most elements of an input that are checked, spread evenly; default 128, with a reference all. */
  readonly elements?: number;
  /** Picks kernels; default: the best for the device. */
  readonly choose?: Chooser;
}

export interface GradientFailure {
  readonly case: string;
  /** `gradient`: of the input; `output`: the function itself differs from the reference. */
  readonly kind: 'gradient' | 'output';
  /** Number of the input, or of the output. */
  readonly input: number;
  /** Coordinates of the element. */
  readonly index: readonly number[];
  /** What the gradient rule (or the function) gives. */
  readonly analytic: number;
  /** What the differences (or the reference) give. */
  readonly numeric: number;
  /** The error that would have passed. */
  readonly allowed: number;
}

export interface GradientReport {
  /** True where something was checked, nothing failed, and at most a fifth was unsure. */
  readonly ok: boolean;
  /** Elements whose gradient was compared. */
  readonly checked: number;
  /** Elements left out because the differences say nothing there: a kink within the step, or rounding as large as the tolerance. */
  readonly unsure: number;
  /** Largest error as a share of what is allowed: above 1 is a failure. */
  readonly worst: number;
  readonly failures: readonly GradientFailure[];
  /** One line for people. */
  readonly message: string;
}

/** Counts of a check that goes on. */
export interface Tally {
  checked: number;
  unsure: number;
  worst: number;
  readonly failures: GradientFailure[];
}

/** Counts an element's error, and keeps it where it is too large or no number. */
export function compare(element: GradientFailure, tally: Tally): void {
  const error = Math.abs(element.analytic - element.numeric);
  const share = error === 0 ? 0 : error / element.allowed;
  tally.worst = Math.max(tally.worst, Number.isNaN(share) ? Infinity : share);
  if (!(share <= 1)) tally.failures.push(element);
}

function messageOf({ checked, unsure, worst, failures }: Tally): string {
  const counts = `${checked} elements checked, ${failures.length} wrong, ${unsure} unsure`;
  const excess = ({ analytic, numeric, allowed }: GradientFailure): number => Math.abs(analytic - numeric) / allowed;
  const [first] = [...failures].sort((a, b) => excess(b) - excess(a));
  if (first) {
    const { kind, input, index, analytic, numeric, allowed } = first;
    const what = kind === 'gradient' ? `the gradient of input ${input}` : `output ${input}`;
    const other = kind === 'gradient' ? 'differences say' : 'the reference says';
    return `${counts}; worst: ${what} at ${show(index)} is ${analytic}, ${other} ${numeric} (within ${allowed.toPrecision(2)}; case ${first.case}).`;
  }
  if (checked === 0) return `${counts}. Nothing was checked: give cases with f32 inputs, away from kinks.`;
  return `${counts}; the worst error is ${worst.toPrecision(2)} of what is allowed.`;
}

export function reportOf(tally: Tally): GradientReport {
  const { checked, unsure, worst, failures } = tally;
  const ok = checked > 0 && failures.length === 0 && unsure * 5 <= checked + unsure;
  return { ok, checked, unsure, worst, failures, message: messageOf(tally) };
}
