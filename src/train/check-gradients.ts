/**
 * `checkGradients`: is an op's gradient right? Its forward and backward kernels run on the device; the gradient of
 * sum(output * upstream), with a random upstream, is compared with differences (differences.ts) of its own float32 results
 * or of a float64 reference. Imports program, differences, gradient-report, compile, graph, ops, util.
 *
 * An element is unsure, and not counted, where the differences are in doubt by half of the tolerance, with smaller steps
 * too: a kink is within them, or rounding is too large. The doubt never depends on the gradient under test.
 */
import { gradients } from '../compile/autodiff.ts';
import type { Device } from '../gpu/device.ts';
import type { Attrs, Value, ValueSpec } from '../graph/types.ts';
import { binary } from '../ops/index.ts';
import type { TensorData } from '../runtime/session.ts';
import { ArgumentError } from '../util/errors.ts';
import { randomStream } from '../util/philox.ts';
import { rowMajorStrides, type Shape, show, sizeOf } from '../util/shape.ts';
import { derivative, type Numbers, rms } from './differences.ts';
import {
  type CheckGradientsOptions,
  type CheckInput,
  compare,
  type Differentiable,
  type GradientCase,
  type GradientReport,
  reportOf,
  type Tally,
} from './gradient-report.ts';
import { compile, type Program } from './program.ts';

interface Given {
  readonly spec: ValueSpec;
  readonly data: TensorData;
  readonly check: boolean;
}

interface Limits {
  readonly eps: number;
  readonly tolerance: number;
  readonly elements: number;
  readonly exact: boolean;
}

/** A case with its data, its compiled programs and what it is compared with. */
interface Run {
  readonly name: string;
  readonly inputs: readonly Given[];
  readonly outputs: readonly ValueSpec[];
  readonly upstream: readonly Float32Array<ArrayBuffer>[];
  /** Outputs on the device. */
  forward(data: readonly TensorData[]): Promise<readonly Numbers[]>;
  /** Gradient of each input; null where none flows. */
  backward(): Promise<readonly (Numbers | null)[]>;
  /** What differences are taken of: `forward`, or the reference. */
  truth(data: readonly TensorData[]): Promise<readonly Numbers[]>;
}

/** Parts of the step that are tried where there is doubt: kinks get out of reach, rounding grows. */
const SMALLER = [1 / 4, 1 / 16];

function normals(count: number, seed: number, stream: number): Float32Array<ArrayBuffer> {
  const { normal } = randomStream(seed, stream);
  return Float32Array.from({ length: count }, normal);
}

const dataOf = (inputs: readonly Given[]): TensorData[] => inputs.map(({ data }) => data);

const shapeOf = (input: CheckInput): Shape => ('shape' in input ? input.shape : input);

function given(input: CheckInput, at: string, random: (count: number) => TensorData): Given {
  const { shape, dtype = 'f32', data, check = true } = 'shape' in input ? input : { shape: input };
  if (!data && dtype !== 'f32') throw new ArgumentError(`${at}: it is ${dtype}. Pass its data.`);
  if (data && data.length !== sizeOf(shape))
    throw new ArgumentError(`${at}: ${data.length} numbers for shape ${show(shape)}. Pass ${sizeOf(shape)}.`);
  return { spec: { shape, dtype }, data: data ?? random(sizeOf(shape)), check: check && dtype === 'f32' };
}

// Names of a program's inputs and outputs.
const inputName = (i: number): string => `input${i}`;
const outputName = (k: number): string => `output${k}`;
const upstreamName = (k: number): string => `upstream${k}`;
const gradientName = (i: number): string => `gradient${i}`;

const named = <T>(values: readonly T[], name: (i: number) => string): { [name: string]: T } =>
  Object.fromEntries(values.map((value, i) => [name(i), value]));

/** The outputs that have gradients. */
const floats = (result: Value | readonly Value[]): Value[] =>
  ('shape' in result ? [result] : [...result]).filter(({ dtype }) => dtype === 'f32');

const coordinates = (element: number, shape: Shape): number[] =>
  rowMajorStrides(shape).map((stride, axis) => Math.floor(element / stride) % shape[axis]!);

/** Elements to check: all, or `most` of them, evenly spread. */
const chosen = (count: number, most: number): number[] =>
  Array.from({ length: Math.min(count, most) }, (_, i) => (count <= most ? i : Math.floor(((i + 0.5) * count) / most)));

const listOf = (result: Numbers | readonly Numbers[]): readonly Numbers[] =>
  typeof result[0] === 'number' ? [result as Numbers] : (result as readonly Numbers[]);

interface Prepare<A extends Attrs> {
  readonly apply: Differentiable<A>;
  readonly one: GradientCase<A>;
  readonly number: number;
  readonly options: CheckGradientsOptions<A>;
}

/** Builds a case's programs; `keep` is told of each. */
async function prepare<A extends Attrs>(
  device: Device,
  { apply, one, number, options }: Prepare<A>,
  keep: (program: Program) => void,
): Promise<Run> {
  const { seed = 1, choose, reference } = options;
  const name = one.name ?? `${number}: ${one.inputs.map((input) => show(shapeOf(input))).join(', ')}`;
  const attrs = one.attrs ?? ({} as A);
  const inputs = one.inputs.map((input, i) =>
    given(input, `checkGradients: case ${name}, input ${i}`, (count) => normals(count, seed, number * 1000 + i)),
  );
  const specs = named(
    inputs.map(({ spec }) => spec),
    inputName,
  );
  type Leaves = { readonly [name: string]: Value };
  const valuesOf = (leaves: Leaves): Value[] => inputs.map((_, i) => leaves[inputName(i)]!);
  let outputs: readonly ValueSpec[] = [];
  const build = (leaves: Leaves): Leaves => {
    const values = floats(apply(valuesOf(leaves), attrs));
    outputs = values.map(({ shape, dtype }) => ({ shape, dtype }));
    return named(values, outputName);
  };
  const forward = await compile(device, specs, build, { choose });
  keep(forward);
  const wrt = inputs.flatMap(({ check }, i) => (check ? [i] : []));
  const differentiate = (leaves: Leaves): Leaves => {
    const values = valuesOf(leaves);
    const seeds = floats(apply(values, attrs)).map((value, k) => ({ value, gradient: leaves[upstreamName(k)]! }));
    const wanted = wrt.map((i) => values[i]!);
    const found = gradients(seeds, wanted, { add: binary.add });
    return Object.fromEntries(found.flatMap((g, k) => (g ? [[gradientName(wrt[k]!), g]] : [])));
  };
  const backward = await compile(device, { ...specs, ...named(outputs, upstreamName) }, differentiate, { choose });
  keep(backward);
  const upstream = outputs.map(({ shape }, k) => normals(sizeOf(shape), seed, number * 1000 + 500 + k));
  const onDevice = async (data: readonly TensorData[]): Promise<readonly Numbers[]> => {
    const results = await forward.run(named(data, inputName));
    return outputs.map((_, k) => results[outputName(k)]!);
  };
  const info = { shapes: inputs.map(({ spec }) => spec.shape), attrs };
  return {
    name,
    inputs,
    outputs,
    upstream,
    forward: onDevice,
    async backward() {
      const results = await backward.run({ ...named(dataOf(inputs), inputName), ...named(upstream, upstreamName) });
      return inputs.map((_, i) => results[gradientName(i)] ?? null);
    },
    truth: reference
      ? async (data) =>
          listOf(
            reference(
              data.map((d) => Float64Array.from(d)),
              info,
            ),
          )
      : onDevice,
  };
}

/** Compares one input's gradient. */
async function checkInput(
  run: Run,
  {
    input,
    analytic,
    base,
  }: { readonly input: number; readonly analytic: Numbers | null; readonly base: readonly Numbers[] },
  { eps, tolerance, elements, exact, tally }: Limits & { readonly tally: Tally },
): Promise<void> {
  const { data, spec } = run.inputs[input]!;
  const scale = rms(data) || 1;
  const found: { element: number; numeric: number; doubt: number }[] = [];
  for (const element of chosen(data.length, elements)) {
    const x = data[element]!;
    // A power of two, so that x + h and x - h round little.
    const step = 2 ** Math.round(Math.log2(eps * Math.max(Math.abs(x), scale)));
    const at = (shift: number): Promise<readonly Numbers[]> => {
      const moved = new Float32Array(data);
      moved[element] = x + shift;
      return run.truth(run.inputs.map((other, i) => (i === input ? moved : other.data)));
    };
    const objective = { at, base, upstream: run.upstream, exact };
    let best = await derivative(objective, { x, step });
    for (const part of SMALLER) {
      if (best.doubt <= (tolerance / 4) * Math.abs(best.numeric)) break;
      const other = await derivative(objective, { x, step: step * part });
      if (other.doubt < best.doubt) best = other;
    }
    found.push({ element, ...best });
  }
  const typical = rms(found.map(({ numeric }) => numeric).filter(Number.isFinite));
  for (const { element, numeric, doubt } of found) {
    const allowed = tolerance * Math.max(Math.abs(numeric), typical);
    if (doubt > allowed / 2) {
      tally.unsure++;
      continue;
    }
    tally.checked++;
    // Where no gradient flows it must be zero.
    const actual = analytic ? analytic[element]! : 0;
    const index = coordinates(element, spec.shape);
    compare({ case: run.name, kind: 'gradient', input, index, analytic: actual, numeric, allowed }, tally);
  }
}

/** Compares the function itself with its reference. */
function checkOutputs(
  { name, outputs }: Run,
  { got, want }: { readonly got: readonly Numbers[]; readonly want: readonly Numbers[] },
  { tolerance, tally }: { readonly tolerance: number; readonly tally: Tally },
): void {
  for (const [k, { shape }] of outputs.entries()) {
    const expected = want[k];
    if (expected?.length !== sizeOf(shape))
      throw new ArgumentError(
        `checkGradients: case ${name}: the reference gives ${expected?.length ?? 'no'} numbers for output ${k} of shape ${show(shape)}. Give ${sizeOf(shape)}.`,
      );
    const typical = rms(expected);
    for (let i = 0; i < expected.length; i++) {
      const numeric = expected[i]!;
      const allowed = tolerance * Math.max(Math.abs(numeric), typical);
      const index = coordinates(i, shape);
      compare({ case: name, kind: 'output', input: k, index, analytic: got[k]![i]!, numeric, allowed }, tally);
    }
  }
}

/**
 * Compares the gradient of an op, or of a function of values, with differences of its results or of a float64 reference.
 *
 *     const report = await checkGradients(device, myOp, { cases: [{ inputs: [[3, 5], [5]], attrs: { slope: 2 } }] });
 *     if (!report.ok) throw new Error(report.message);
 *
 * Wrong gradients are reported, not thrown. The function must be the same at every call: no dropout. An element takes
 * four runs of the forward kernels, near a kink up to twelve.
 *
 * @throws ShapeError, ShaderError where the graph cannot be built or compiled, ArgumentError for data that do not fit.
 */
export async function checkGradients<A extends Attrs>(
  device: Device,
  apply: Differentiable<A>,
  options: CheckGradientsOptions<A>,
): Promise<GradientReport> {
  const exact = options.reference !== undefined;
  const tally: Tally = { checked: 0, unsure: 0, worst: 0, failures: [] };
  const limits = {
    eps: options.eps ?? (exact ? 2 ** -9 : 2 ** -6),
    tolerance: options.tolerance ?? (exact ? 2e-4 : 2e-3),
    elements: options.elements ?? (exact ? Infinity : 128),
    exact,
    tally,
  };
  for (const [number, one] of options.cases.entries()) {
    const programs: Program[] = [];
    try {
      const run = await prepare(device, { apply, one, number, options }, (program) => programs.push(program));
      const base = await run.truth(dataOf(run.inputs));
      if (exact) checkOutputs(run, { got: await run.forward(dataOf(run.inputs)), want: base }, limits);
      const found = await run.backward();
      for (const [input, { check }] of run.inputs.entries())
        if (check) await checkInput(run, { input, analytic: found[input] ?? null, base }, limits);
    } finally {
      for (const program of programs) program.dispose();
    }
  }
  return reportOf(tally);
}
