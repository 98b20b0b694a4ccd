/** One case of `bench kernels`: a graph around one op, each variant of which is prepared, checked and made ready to be timed. Imports compile, gpu, graph, runtime, ops. */
import { boundValues } from '../../compile/lower.ts';
import { compilePlan, type Plan } from '../../compile/plan.ts';
import type { Device } from '../../gpu/device.ts';
import { input } from '../../graph/define-op.ts';
import type { Value, ValueSpec } from '../../graph/types.ts';
import { relayout } from '../../ops/index.ts';
import { type Prepared, Session, type TensorData } from '../../runtime/session.ts';
import type { Call } from '../../runtime/timing.ts';
import { ROUNDING } from '../../runtime/tuner-trial.ts';
import { sizeOf } from '../../util/shape.ts';
import type { Data, Reference } from './kernel-references.ts';

/** One way to compute a case, ready to be timed. */
export interface Candidate {
  readonly variant: string;
  readonly calls: readonly Call[];
  readonly flops: number;
  /** All that its dispatches bind, once. */
  readonly bytes: number;
  /** Puts memory into the state that the calls expect. */
  before(): void;
}

export interface PreparedCase {
  /** Those that compute what they should, the first choice first. */
  readonly candidates: readonly Candidate[];
  readonly wrong: readonly { readonly variant: string; readonly why: string }[];
  dispose(): void;
}

export interface KernelCase {
  readonly name: string;
  prepare(device: Device): Promise<PreparedCase>;
}

export interface GraphCase {
  /** `conv2d mnistcnn.conv2`: starts with the op as users know it. */
  readonly name: string;
  /** The op whose dispatches are timed, as plans name it. */
  readonly op: string;
  /** Of several nodes of that op: the last; default: all. */
  readonly last?: boolean;
  readonly inputs: { readonly [name: string]: ValueSpec };
  /** Integers below this for inputs that are labels. */
  readonly classes?: number;
  readonly body: (values: { readonly [name: string]: Value }) => { readonly y: Value; readonly [name: string]: Value };
  readonly reference: Reference;
  /** Of the largest result; default 0: integers are exact. */
  readonly tolerance?: number;
}

/** Whole numbers from -3 to 3, or labels: sums of up to some millions of products are exact in float32. */
export function integers({ shape, dtype }: ValueSpec, { seed, classes }: { seed: number; classes: number }) {
  let state = seed;
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state >>> 16) % below;
  };
  const length = sizeOf(shape);
  return dtype === 'f32'
    ? Float32Array.from({ length }, () => next(7) - 3)
    : Int32Array.from({ length }, () => next(classes));
}

/** Indices to look at: both ends and some between, at a prime distance so that all places in a tile are met. */
export function sample(length: number): number[] {
  const stride = Math.max(1, Math.floor(length / 47)) | 1;
  const between = Array.from({ length: Math.min(length, 47) }, (_, i) => (i * stride) % length);
  return [...new Set([...between, length - 1])];
}

/** How a result departs from the reference, or from that of another variant; null where it does not. */
export function difference(
  got: ArrayLike<number>,
  wanted: { readonly at: (i: number) => number; readonly indices: Iterable<number> },
  tolerance: number,
): string | null {
  const indices = [...wanted.indices];
  let largest = 0;
  for (const i of indices) largest = Math.max(largest, Math.abs(wanted.at(i)));
  const bad = indices.find((i) => !(Math.abs(got[i]! - wanted.at(i)) <= tolerance * largest));
  return bad === undefined ? null : `element ${bad} is ${got[bad]}, should be ${wanted.at(bad)}`;
}

const NO_ARENAS = { parameters: { entries: [], shards: [] }, state: { entries: [], shards: [] } };

/** `rounding`: takes the ids of variants that round where others are exact. */
function planOf(
  device: Device,
  { inputs, body, op }: GraphCase,
  { variant, rounding }: { readonly variant?: string; readonly rounding?: Set<string> } = {},
): Plan {
  const leaves = Object.entries(inputs).map(([name, { shape, dtype }]) => [name, input(name, shape, dtype)] as const);
  return compilePlan({
    outputs: Object.entries(body(Object.fromEntries(leaves))).map(([name, value]) => ({
      value,
      sink: { kind: 'read', name },
    })),
    arenas: NO_ARENAS,
    caps: device.caps,
    relayout,
    choose: (node, ids) => {
      if (node.op === op) for (const { id, rounds } of node.variants) if (rounds) rounding?.add(id);
      return node.op === op && variant !== undefined && ids.includes(variant) ? variant : ids[0]!;
    },
  });
}

/** Which dispatches of a plan are those of the case. */
function dispatchesOf({ dispatches }: Plan, { op, last = false }: GraphCase): number[] {
  const own = dispatches.flatMap(({ label }, i) => (label.split('+')[0] === op ? [i] : []));
  return last ? own.slice(-1) : own;
}

function candidateOf(prepared: Prepared, spec: GraphCase, session: Session): Candidate {
  const { plan, calls } = prepared;
  const own = dispatchesOf(plan, spec);
  const bound = own.flatMap((i) => boundValues(plan.dispatches[i]!));
  return {
    variant: plan.dispatches[own[0]!]!.variant,
    calls: own.map((i) => calls[i]!),
    flops: own.reduce((sum, i) => sum + plan.dispatches[i]!.flops, 0),
    bytes: bound.reduce((sum, { place }) => sum + place.bytes, 0),
    before: () => session.run([prepared]),
  };
}

type Results = ReadonlyMap<string, TensorData>;

/** Why results are wrong: against the reference in some elements, against the first variant in all. */
function whyWrong(
  results: Results,
  first: Results | null,
  { reference, tolerance, data }: { readonly reference: Reference; readonly tolerance: number; readonly data: Data },
): string | null {
  const y = results.get('y')!;
  const wrong = difference(y, { at: (i) => reference(data, i), indices: sample(y.length) }, tolerance);
  if (wrong || !first) return wrong;
  for (const [name, values] of results) {
    const other = difference(values, { at: (i) => first.get(name)![i]!, indices: values.keys() }, tolerance);
    if (other) return `${name}: ${other} (by another variant)`;
  }
  return null;
}

/** The inputs that several plans share, each as large as the plan needs it that binds most of it. */
const largest = (inputs: readonly Plan['inputs'][]): Plan['inputs'] =>
  inputs[0]!.map((t) => {
    const all = inputs.flatMap((of) => of.filter(({ name }) => name === t.name));
    return { ...t, place: { ...t.place, bytes: Math.max(...all.map(({ place }) => place.bytes)) } };
  });

/** A case of a graph. */
export function graphCase(spec: GraphCase): KernelCase {
  return {
    name: spec.name,
    async prepare(device) {
      const rounding = new Set<string>();
      const own = planOf(device, spec, { rounding });
      const variants = own.dispatches[dispatchesOf(own, spec)[0]!]!.candidates;
      // The exact ones first: the others are compared to them.
      const order = [...variants].sort((a, b) => Number(rounding.has(a)) - Number(rounding.has(b)));
      const data = Object.fromEntries(
        Object.entries(spec.inputs).map(([name, value], i) => [
          name,
          integers(value, { seed: i + 1, classes: spec.classes ?? 10 }),
        ]),
      );
      const session = new Session(device, NO_ARENAS);
      const candidates: Candidate[] = [];
      const wrong: { variant: string; why: string }[] = [];
      let [shared, first]: [Prepared | undefined, Results | null] = [undefined, null];
      try {
        const plans = order.map((variant) => ({ variant, plan: planOf(device, spec, { variant }) }));
        const inputs = largest(plans.map(({ plan }) => plan.inputs));
        for (const { variant, plan } of plans) {
          const prepared: Prepared = await session.prepare({ ...plan, inputs }, { inputsOf: shared });
          if (!shared) for (const [name, values] of Object.entries(data)) session.write(prepared, name, values);
          shared ??= prepared;
          session.run([prepared]);
          const names = plan.outputs.map(({ name }) => name);
          const read = await session.read(prepared, names);
          const results: Results = new Map(names.map((name, i) => [name, read[i]!]));
          const { reference, tolerance = 0 } = spec;
          const allowed = rounding.has(variant) ? Math.max(tolerance, ROUNDING) : tolerance;
          const why = whyWrong(results, first, { reference, tolerance: allowed, data });
          if (why) wrong.push({ variant, why });
          else {
            first ??= results;
            candidates.push(candidateOf(prepared, spec, session));
          }
        }
        candidates.sort((a, b) => variants.indexOf(a.variant) - variants.indexOf(b.variant));
        return { candidates, wrong, dispose: () => session.dispose() };
      } catch (error) {
        session.dispose();
        throw error;
      }
    },
  };
}
