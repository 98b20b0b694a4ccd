/** `compile`: the door for own graphs. Traces a function once, compiles its plan, runs it on data. Imports all below. */

import { gradients } from '../compile/autodiff.ts';
import { compilePlan, type Plan, printPlan } from '../compile/plan.ts';
import type { Chooser } from '../compile/select.ts';
import type { Device } from '../gpu/device.ts';
import { input } from '../graph/define-op.ts';
import type { DType, Value, ValueSpec } from '../graph/types.ts';
import { binary, relayout } from '../ops/index.ts';
import { type Prepared, Session, type TensorData } from '../runtime/session.ts';
import type { TuneMode } from '../runtime/tuner.ts';
import { ArgumentError, StateError } from '../util/errors.ts';
import { show, sizeOf } from '../util/shape.ts';
import { type TuneOptions, tunerOf } from './tune-options.ts';

/** A float32 input of this shape. */
export const f32 = (...shape: readonly number[]): ValueSpec => ({ shape, dtype: 'f32' });

/** A 32-bit integer input of this shape. */
export const i32 = (...shape: readonly number[]): ValueSpec => ({ shape, dtype: 'i32' });

/** Gradients of a scalar (or, with a seed of the same shape, of any value) with respect to values. */
export function grad(value: Value, wrt: readonly Value[], { seed }: { readonly seed?: Value } = {}): Value[] {
  return gradients([{ value, gradient: seed }], wrt, { add: binary.add }).map((g, i) => {
    if (!g)
      throw new ArgumentError(
        `grad: value ${i} (${show(wrt[i]!.shape)}) has no influence on the result. Leave it out.`,
      );
    return g;
  });
}

export interface CompileOptions {
  /** Picks the variant of each node; default: the best for the device. */
  readonly choose?: Chooser;
  /** Picks it by trial instead; see TrainerOptions. Default 'off'. */
  readonly tune?: TuneMode | TuneOptions;
}

/** A compiled graph on a device. */
export interface Program {
  readonly plan: Plan;
  /** Runs it on the inputs and gives the outputs, row-major. Throws StateError for missing or wrong inputs. */
  run(inputs: { readonly [name: string]: TensorData }): Promise<{ [name: string]: TensorData }>;
  /** The plan as a table. */
  print(): string;
  /** Frees its memory. */
  dispose(): void;
}

type Values = { readonly [name: string]: Value };

const EMPTY = { entries: [], shards: [] };

function checkInputs(
  plan: Plan,
  specs: { readonly [name: string]: ValueSpec },
  given: { readonly [name: string]: TensorData },
): void {
  const types: Record<DType, string> = { f32: 'Float32Array', i32: 'Int32Array', u32: 'Uint32Array' };
  for (const { name, dtype, shape } of plan.inputs) {
    const data = given[name];
    if (!data)
      throw new StateError(
        `run: input "${name}" is missing (${dtype} ${show(shape)}). Pass ${Object.keys(specs).join(', ')}.`,
      );
    if (data.constructor.name !== types[dtype]) {
      throw new StateError(
        `run: input "${name}" is a ${data.constructor.name}, ${dtype} is needed. Pass a ${types[dtype]} of ${sizeOf(shape)} elements.`,
      );
    }
  }
}

/**
 * Compiles a function of symbolic inputs to a program.
 *
 *     const program = await compile(device, { x: f32(128, 10) }, ({ x }) => ({ y: ops.relu(x) }));
 *     const { y } = await program.run({ x: data });
 *
 * @throws ShapeError while the function runs, at the line that is wrong; ShaderError, DeviceError while compiling.
 */
export async function compile<I extends { readonly [name: string]: ValueSpec }>(
  device: Device,
  inputs: I,
  body: (values: { readonly [K in keyof I]: Value }) => Values,
  options: CompileOptions = {},
): Promise<Program> {
  const leaves = Object.fromEntries(
    Object.entries(inputs).map(([name, spec]) => [name, input(name, spec.shape, spec.dtype)]),
  );
  const results = Object.entries(body(leaves as { readonly [K in keyof I]: Value }));
  const arenas = { parameters: EMPTY, state: EMPTY };
  const tuner = options.choose ? null : tunerOf(device, options.tune);
  const describe = (): Plan =>
    compilePlan({
      outputs: results.map(([name, value]) => ({ value, sink: { kind: 'read', name } })),
      arenas,
      caps: device.caps,
      relayout,
      choose: options.choose ?? tuner?.choose,
    });
  await tuner?.tune(describe);
  const plan = describe();
  const session = new Session(device, arenas);
  const prepared: Prepared = await session.prepare(plan).catch((error: unknown) => {
    session.dispose();
    throw error;
  });
  const names = results.map(([name]) => name);
  return {
    plan,
    async run(given) {
      checkInputs(plan, inputs, given);
      for (const { name } of plan.inputs) session.write(prepared, name, given[name]!);
      session.run([prepared]);
      const data = await session.read(prepared, names);
      return Object.fromEntries(names.map((name, i) => [name, data[i]!]));
    },
    print: () => printPlan(plan),
    dispose: () => session.dispose(),
  };
}
