/** Runs golden cases of single ops: forward, and gradients for a given upstream gradient. Imports case, ops, compile, train/program. */
import { gradients } from '../../compile/autodiff.ts';
import type { Plan } from '../../compile/plan.ts';
import type { Chooser } from '../../compile/select.ts';
import type { Device } from '../../gpu/device.ts';
import type { Value } from '../../graph/types.ts';
import { binary } from '../../ops/index.ts';
import { compile, type Program } from '../../train/program.ts';
import {
  CaseAttrs,
  type CaseContext,
  type CaseResult,
  check,
  type Failure,
  failureOf,
  NotSupported,
  notSupported,
  numbersOf,
  resultOf,
  tensorOf,
} from './case.ts';
import type { GoldenCase } from './golden-files.ts';
import { buildOp, type Values } from './ops.ts';

type Named = Record<string, Value>;

/** Outputs and gradients of a case, by tensor name, as graph values. */
function outputsOf(golden: GoldenCase, values: Values): Named {
  const inputs = Object.fromEntries(golden.inputs.map((name) => [name, values[name]!]));
  const built = buildOp(golden.op, inputs, new CaseAttrs(golden.attrs, `${golden.op} ${golden.name}`));
  const results: Named = {};
  for (const name of golden.outputs) if (built[name]) results[name] = built[name];
  const seeds = Object.entries(golden.upstream).flatMap(([output, tensor]) => {
    const value = built[output];
    return value ? [{ value, gradient: values[tensor]! }] : [];
  });
  const wrt = Object.entries(golden.gradients);
  const found = gradients(
    seeds,
    wrt.map(([input]) => values[input]!),
    { add: binary.add },
  );
  for (const [i, [, tensor]] of wrt.entries()) if (found[i]) results[tensor] = found[i];
  return results;
}

async function compareAll(golden: GoldenCase, program: Program, variant: string): Promise<Failure[]> {
  const tensors = [...golden.inputs, ...Object.values(golden.upstream)];
  const given = Object.fromEntries(tensors.map((name) => [name, numbersOf(tensorOf(golden, name))]));
  const results = await program.run(given);
  return [...golden.outputs, ...Object.values(golden.gradients)].flatMap((name) => {
    const data = results[name];
    const shape = program.plan.outputs.find((output) => output.name === name)?.shape;
    return check(golden, name, data && { shape, data }, variant);
  });
}

interface Attempt {
  readonly failures: readonly Failure[];
  readonly plan: Plan;
}

async function attempt(golden: GoldenCase, device: Device, forced: Forced | null): Promise<Attempt> {
  const names = [...new Set([...golden.inputs, ...Object.values(golden.upstream)])];
  const specs = Object.fromEntries(
    names.map((name) => {
      const { shape, dtype } = tensorOf(golden, name);
      return [name, { shape, dtype: dtype === 'I32' ? ('i32' as const) : ('f32' as const) }];
    }),
  );
  const program = await compile(device, specs, (values) => outputsOf(golden, values), { choose: forced?.choose });
  try {
    return { failures: await compareAll(golden, program, forced?.id ?? 'default'), plan: program.plan };
  } finally {
    program.dispose();
  }
}

/** A choice of kernels other than the device's: this variant wherever it is offered. */
export interface Forced {
  readonly id: string;
  readonly choose: Chooser;
}

/** As few choices as it takes to run every variant of every kernel of a plan, without those that change nothing. */
export function otherChoices({ dispatches }: Pick<Plan, 'dispatches'>): Forced[] {
  const seen = new Set([dispatches.map((d) => d.variant).join(' ')]);
  const forced: Forced[] = [];
  for (const id of new Set(dispatches.flatMap((d) => d.candidates))) {
    const selection = dispatches.map((d) => (d.candidates.includes(id) ? id : d.candidates[0])).join(' ');
    if (seen.has(selection)) continue;
    seen.add(selection);
    forced.push({ id, choose: (_, ids) => (ids.includes(id) ? id : ids[0]!) });
  }
  return forced;
}

/** Passes where outputs and gradients are right, with every variant. */
export async function runOpCase(golden: GoldenCase, { device, variants }: CaseContext): Promise<CaseResult> {
  let first: Attempt;
  try {
    first = await attempt(golden, device, null);
  } catch (error) {
    if (error instanceof NotSupported) return notSupported(error.message);
    return resultOf([failureOf(error, 'default')]);
  }
  const failures = [...first.failures];
  for (const forced of variants ? otherChoices(first.plan) : []) {
    try {
      failures.push(...(await attempt(golden, device, forced)).failures);
    } catch (error) {
      failures.push(failureOf(error, forced.id));
    }
  }
  return resultOf(failures);
}
