/**
 * One node's candidates on the device: each must compute what the last one does, on small integers, before it is timed.
 * Imports compile, graph, util.
 */
import { bytesFor, type Place } from '../compile/place.ts';
import { type Plan, type PlanTensor, planTail, type Tail, withRoom } from '../compile/plan.ts';
import type { Offer } from '../compile/select.ts';
import { physicalSize, toMemory } from '../graph/layout.ts';
import type { PlanValue, Variant } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { DeviceError, ShaderError } from '../util/errors.ts';
import { sizeOf } from '../util/shape.ts';
import type { Prepared, Session, TensorData } from './session.ts';
import { race } from './timing.ts';
import type { TuneEntry } from './tuner-cache.ts';

export interface TrialOptions {
  /** Candidates in the order of the offer; the last variant of the offer is compared with. */
  readonly ids: readonly string[];
  readonly timed: boolean;
}

/** A trial's outcome; `reasons` says of each wrong candidate what is wrong. */
export interface TrialResult extends TuneEntry {
  readonly reasons: { readonly [id: string]: string };
}

/** A node that needs more memory than this for a trial keeps the first guess. */
export const MOST_BYTES = 2 ** 30;

/** Not less: medians of fewer rounds follow the machine's neighbours. */
const ROUNDS = 5;
const PATIENCE = 3;

/** A check that takes so many milliseconds longer is no accident of a first run. */
const HOPELESS = 200;

/** Another candidate replaces the first guess only where it takes less than this share of its time. */
const GAIN = 0.95;

/** Bits that no kernel writes; two of them, so that an element that nobody writes differs too. NaN as f32. */
const UNWRITTEN = { reference: 0xcdcdcdcd, candidate: 0x7fcdcdcd };
const NAN_BITS = 0x7fc00000;

interface TrialPlan {
  readonly plan: Plan;
  readonly values: readonly PlanValue[];
  readonly written: readonly PlanValue[];
  /** Names of inputs of the plan that are written before each run: results and scratch. */
  readonly cleared: readonly string[];
  readonly bytes: number;
  /** First dispatch of each variant and the one behind its last. */
  readonly ranges: ReadonlyMap<string, readonly [number, number]>;
  /** Variants whose results are rounded where others are exact. */
  readonly rounding: ReadonlySet<string>;
}

const nameOf = ({ id }: PlanValue): string => `value ${id}`;

/** All dispatches of the variants, one variant after another, over one set of buffers. */
function trialPlan(
  { op, inputs, outputs, used, epilogue }: Offer,
  variants: readonly Variant[],
  caps: DeviceCaps,
): TrialPlan {
  const written = outputs.filter((_, i) => used[i]);
  const values = new Map(
    [
      ...[...inputs, ...outputs, ...(epilogue?.channels?.values ?? [])],
      ...(epilogue?.operand ? [epilogue.operand] : []),
    ].map((v) => [v.id, v]),
  );
  const words = new Map([...values.values()].map((v) => [nameOf(v), bytesFor(physicalSize(v.shape, v.layout)) / 4]));
  const scratch = new Set<string>();
  const place = (name: string, elements: number): Place => {
    const bytes = bytesFor(elements);
    words.set(name, Math.max(words.get(name) ?? 0, bytes / 4));
    return { buffer: { kind: 'input', name }, offset: 0, bytes };
  };
  const ranges = new Map<string, readonly [number, number]>();
  const tails: Tail[] = [];
  for (const { id, kernels } of variants) {
    ranges.set(id, [tails.length, tails.length + kernels.length]);
    for (const kernel of kernels) {
      const bind = Object.entries(kernel.bind).map(([name, target]): [string, Place] => {
        if (!('scratch' in target)) return [name, place(nameOf(target), physicalSize(target.shape, target.layout))];
        scratch.add(`scratch ${target.scratch}`);
        return [name, place(`scratch ${target.scratch}`, target.elements)];
      });
      tails.push({ label: `${op} [${id}]`, kernel: { ...kernel, bind: Object.fromEntries(bind) } });
    }
  }
  const tensor = (name: string, elements: number): PlanTensor => ({
    ...{ name, shape: [elements], dtype: 'u32', layout: 'plain' },
    place: { buffer: { kind: 'input', name }, offset: 0, bytes: bytesFor(elements) },
  });
  const plan = withRoom({
    ...planTail(tails, caps),
    inputs: [...words].map(([name, length]) => tensor(name, length)),
    outputs: written.map((value) => tensor(nameOf(value), physicalSize(value.shape, value.layout))),
  });
  const cleared = [...outputs.map(nameOf), ...scratch];
  const bytes = 4 * [...words.values()].reduce((a, b) => a + b, 0);
  const rounding = new Set(variants.flatMap(({ id, rounds }) => (rounds ? [id] : [])));
  return { plan, values: [...values.values()], written, cleared, bytes, ranges, rounding };
}

/** Words of a value: integers from -2 to 2 (or 1 to 3), many of them 0, zero in padding lanes, NaN behind the end. */
function integers(value: PlanValue, { seed, positive }: { readonly seed: number; readonly positive: boolean }) {
  let state = seed + 1;
  const next = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state >>> 24;
  };
  const size = sizeOf(value.shape);
  const elements = physicalSize(value.shape, value.layout);
  const words = new Uint32Array(bytesFor(elements) / 4).fill(value.dtype === 'f32' ? NAN_BITS : 0);
  const data: TensorData = value.dtype === 'f32' ? new Float32Array(size) : new Uint32Array(size);
  for (let i = 0; i < size; i++) {
    const draw = next();
    // Labels and indices of others: 0 and 1 are valid nearly everywhere.
    if (value.dtype !== 'f32') data[i] = draw & 1;
    else data[i] = positive ? 1 + (draw % 3) : Math.max(-2, Math.min(2, (draw % 9) - 4)) * (draw & 1);
  }
  const memory = toMemory(data, value.shape, value.layout);
  words.set(new Uint32Array(memory.buffer, memory.byteOffset, memory.length));
  return words;
}

/** Rounding that is let pass where results are no integers, as a share of the largest. */
export const ROUNDING = 2 ** -16;

/** Words that must be equal where rounding decides between equal numbers: which of them a maximum is, say. */
const EQUAL_SHARE = 1 / 8;

/**
 * Whether results are the same. Integers must be equal, since sums of small integers are exact in any order; results of
 * an op that divides or takes roots may differ by rounding, as may those of a kernel that `rounds`, which may also choose
 * otherwise among equals. 0 and -0 are the same, and NaN is NaN.
 */
export function sameResult(
  expected: Uint32Array<ArrayBuffer>,
  found: Uint32Array<ArrayBuffer>,
  { dtype, rounds = false }: { readonly dtype: string; readonly rounds?: boolean },
): boolean {
  const equal = expected.filter((word, i) => word === found[i]).length;
  if (equal === expected.length) return true;
  if (dtype !== 'f32') return rounds && equal >= EQUAL_SHARE * expected.length;
  const a = new Float32Array(expected.buffer, expected.byteOffset, expected.length);
  const b = new Float32Array(found.buffer, found.byteOffset, found.length);
  let largest = 0;
  let integral = true;
  for (const value of a) {
    if (Number.isFinite(value)) largest = Math.max(largest, Math.abs(value));
    integral &&= Number.isInteger(value) && Math.abs(value) < 2 ** 24;
  }
  const allowed = integral && !rounds ? 0 : largest * ROUNDING;
  return a.every((value, i) => {
    if (Number.isNaN(value)) return Number.isNaN(b[i]) && found[i] !== UNWRITTEN.candidate;
    return value === b[i] || Math.abs(value - b[i]!) <= allowed;
  });
}

/** The candidates that compile and fit the device's limits, and why others do not compile. */
async function compiled(session: Session, offer: Offer, variants: readonly Variant[]) {
  const { caps, pipelines } = session.device;
  const reasons: { [id: string]: string } = {};
  const attempt = async (variant: Variant): Promise<Variant[]> => {
    try {
      const { plan } = trialPlan(offer, [variant], caps);
      await Promise.all(plan.dispatches.map((dispatch) => pipelines.get(dispatch)));
      return [variant];
    } catch (error) {
      if (error instanceof ShaderError) reasons[variant.id] = `does not compile (${error.message})`;
      else if (!(error instanceof DeviceError)) throw error; // beyond a limit with this shape: no fault of its own
      return [];
    }
  };
  const good = (await Promise.all(variants.map(attempt))).flat();
  return { good, reasons };
}

/** Ids whose results differ from the reference's, and those that took far longer than the best: they need no clock. */
async function check(
  session: Session,
  prepared: Prepared,
  { trial, reference }: { trial: TrialPlan; reference: string },
) {
  const names = trial.written.map(nameOf);
  const took = new Map<string, number>();
  const resultsOf = async (id: string, pattern: number) => {
    for (const name of trial.cleared) {
      const { shape } = trial.plan.inputs.find((t) => t.name === name)!;
      session.write(prepared, name, new Uint32Array(sizeOf(shape)).fill(pattern));
    }
    const start = performance.now();
    session.run([callsOf(prepared, trial, id)]);
    const results = (await session.read(prepared, names)) as Uint32Array<ArrayBuffer>[];
    took.set(id, performance.now() - start);
    return results;
  };
  const upload = (positive: boolean): void => {
    for (const [seed, value] of trial.values.entries())
      session.write(prepared, nameOf(value), integers(value, { seed, positive }));
  };
  upload(false);
  let expected = await resultsOf(reference, UNWRITTEN.reference);
  const finite = (words: Uint32Array<ArrayBuffer>): boolean => new Float32Array(words.buffer).every(Number.isFinite);
  if (trial.written.some(({ dtype }, i) => dtype === 'f32' && !finite(expected[i]!))) {
    upload(true); // a root or logarithm
    expected = await resultsOf(reference, UNWRITTEN.reference);
  }
  const wrong: string[] = [];
  for (const id of trial.ranges.keys()) {
    if (id === reference) continue;
    const found = await resultsOf(id, UNWRITTEN.candidate);
    const rounds = trial.rounding.has(id);
    if (!trial.written.every(({ dtype }, i) => sameResult(expected[i]!, found[i]!, { dtype, rounds }))) wrong.push(id);
  }
  const best = Math.min(...took.values());
  const slow = [...took].filter(([, time]) => time > PATIENCE * best + HOPELESS).map(([id]) => id);
  return { wrong, slow };
}

/** The plan of one variant alone. */
function callsOf(prepared: Prepared, { ranges }: TrialPlan, id: string): Prepared {
  return { ...prepared, calls: prepared.calls.slice(...ranges.get(id)!) };
}

/** Null where there is no memory for it beside what is there already. */
function prepareIfFits(session: Session, plan: Plan): Prepared | null {
  try {
    return session.prepareNow(plan);
  } catch (error) {
    if (error instanceof DeviceError && !session.device.failure) return null;
    throw error;
  }
}

/** Checks candidates and times them; null where the node is too large for a trial, or its last variant does not run. */
export async function runTrial(
  session: Session,
  offer: Offer,
  { ids, timed }: TrialOptions,
): Promise<TrialResult | null> {
  const { device } = session;
  const reference = offer.variants.at(-1)!;
  const wanted = offer.variants.filter((variant) => ids.includes(variant.id) || variant === reference);
  if (
    trialPlan(offer, wanted, { ...device.caps, maxBindingBytes: Infinity, maxWorkgroups: Infinity }).bytes > MOST_BYTES
  )
    return null;
  const { good, reasons } = await compiled(session, offer, wanted);
  if (!good.includes(reference)) return null;
  const trial = trialPlan(offer, good, device.caps);
  const prepared = prepareIfFits(session, trial.plan);
  if (!prepared) return null;
  try {
    const checked = await check(session, prepared, { trial, reference: reference.id });
    for (const id of checked.wrong) reasons[id] = `computes other values than "${reference.id}"`;
    const right = good.map(({ id }) => id).filter((id) => !(id in reasons));
    const wrong = Object.keys(reasons);
    const racing = right.filter((id) => ids.includes(id) && !checked.slow.includes(id));
    const [guess = right[0]!] = racing;
    if (!timed || racing.length < 2) return { choice: timed ? guess : right[0]!, times: {}, wrong, reasons };
    const groups = racing.map((id) => callsOf(prepared, trial, id).calls);
    const medians = await race(device, groups, { rounds: ROUNDS, patience: PATIENCE });
    const times = Object.fromEntries(racing.flatMap((id, i) => (medians[i] === null ? [] : [[id, medians[i]!]])));
    const [[fastest = guess, time = Infinity] = []] = Object.entries(times).sort((a, b) => a[1] - b[1]);
    const choice = time < GAIN * (times[guess] ?? Infinity) ? fastest : guess;
    return { choice, times, wrong, reasons };
  } finally {
    session.release(prepared);
  }
}
