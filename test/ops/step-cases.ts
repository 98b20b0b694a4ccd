/** Runs a graph with the words of a step: for ops that depend on them. May import src and test/support. */
import { compilePlan } from '../../src/compile/plan.ts';
import { input } from '../../src/graph/define-op.ts';
import type { Value, ValueSpec } from '../../src/graph/types.ts';
import { relayout } from '../../src/ops/index.ts';
import { Session, type TensorData } from '../../src/runtime/session.ts';
import { packStep, type StepWords } from '../../src/runtime/step.ts';
import type { DeviceCaps } from '../../src/util/caps.ts';
import { device } from '../support/device.ts';

const NONE = { entries: [], shards: [] };

/** Steps to run, and what kernels are told about the device besides what it is. */
export interface Steps {
  readonly steps: readonly StepWords[];
  readonly caps: Partial<DeviceCaps>;
}

/** Results of one run for each of the steps. */
export async function runSteps(
  inputs: { readonly [name: string]: { readonly spec: ValueSpec; readonly data: TensorData } },
  body: (values: { readonly [name: string]: Value }) => { readonly [name: string]: Value },
  given: readonly StepWords[] | Steps,
): Promise<{ [name: string]: TensorData }[]> {
  const on = await device();
  const { steps, caps } = 'steps' in given ? given : { steps: given, caps: {} };
  const leaves = Object.fromEntries(
    Object.entries(inputs).map(([name, { spec }]) => [name, input(name, spec.shape, spec.dtype)]),
  );
  const results = Object.entries(body(leaves));
  const arenas = { parameters: NONE, state: NONE };
  const session = new Session(on, arenas);
  try {
    const outputs = results.map(([name, value]) => ({ value, sink: { kind: 'read', name } as const }));
    const plan = await session.prepare(compilePlan({ outputs, arenas, caps: { ...on.caps, ...caps }, relayout }));
    const names = results.map(([name]) => name);
    const all: { [name: string]: TensorData }[] = [];
    for (const step of steps) {
      for (const [name, { data }] of Object.entries(inputs)) session.write(plan, name, data);
      session.run([plan], { step: packStep(step) });
      const read = await session.read(plan, names);
      all.push(Object.fromEntries(names.map((name, i) => [name, read[i]!])));
    }
    return all;
  } finally {
    session.dispose();
  }
}
