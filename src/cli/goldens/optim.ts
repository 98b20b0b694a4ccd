/**
 * Runs golden cases of optimizers (the real update kernels over an arena of parameters) and of learning-rate schedules.
 * Imports case, compile, nn, optim, runtime, train.
 */
import type { ArenaEntry } from '../../compile/place.ts';
import { planTail } from '../../compile/plan.ts';
import type { Device } from '../../gpu/device.ts';
import { constantInit } from '../../nn/init.ts';
import type { Model } from '../../nn/model.ts';
import { adagrad } from '../../optim/adagrad.ts';
import { adam, adamw } from '../../optim/adam.ts';
import type { Optimizer } from '../../optim/optimizer.ts';
import { rmsprop } from '../../optim/rmsprop.ts';
import { cosineAnnealingLR, type Schedule, stepLR } from '../../optim/schedules.ts';
import { sgd } from '../../optim/sgd.ts';
import { packStep } from '../../runtime/step.ts';
import { Engine } from '../../train/engine.ts';
import { updateTails } from '../../train/update.ts';
import { FormatError } from '../../util/errors.ts';
import { type Shape, sizeOf } from '../../util/shape.ts';
import {
  CaseAttrs,
  type CaseContext,
  type CaseResult,
  check,
  type Failure,
  failureOf,
  NotSupported,
  notSupported,
  resultOf,
  tensorOf,
} from './case.ts';
import { compare, type GoldenCase } from './golden-files.ts';

type Options = { readonly [name: string]: unknown };

const camelCase = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());

/** An optimizer of gabor with the PyTorch names of the options it knows. */
const optimizer =
  (make: (options: Options) => Optimizer, ...known: readonly string[]) =>
  (kind: string, attrs: Options): Optimizer => {
    const unknown = Object.keys(attrs).find((name) => !known.includes(name));
    if (unknown !== undefined) throw new NotSupported(`optimizer.${kind} with ${unknown}`);
    return make(Object.fromEntries(Object.entries(attrs).map(([name, value]) => [camelCase(name), value])));
  };

/** One line an optimizer. */
const optimizers: { readonly [kind: string]: ReturnType<typeof optimizer> } = {
  sgd: optimizer(sgd, 'lr', 'momentum', 'dampening', 'weight_decay', 'nesterov'),
  adagrad: optimizer(adagrad, 'lr', 'lr_decay', 'weight_decay', 'initial_accumulator_value', 'eps'),
  rmsprop: optimizer(rmsprop, 'lr', 'alpha', 'eps', 'weight_decay', 'momentum', 'centered'),
  adam: optimizer(adam, 'lr', 'betas', 'eps', 'weight_decay', 'amsgrad'),
  adamw: optimizer(adamw, 'lr', 'betas', 'eps', 'weight_decay', 'amsgrad'),
};

/** One line a schedule. */
const schedules: { readonly [kind: string]: (attrs: CaseAttrs) => Schedule } = {
  step: (attrs) => stepLR({ stepSize: attrs.number('step_size'), gamma: attrs.number('gamma', 0.1) }),
  cosine: (attrs) => cosineAnnealingLR({ tMax: attrs.number('T_max'), etaMin: attrs.number('eta_min', 0) }),
};

/** The optimizer of that kind (`adamw`). Throws NotSupported for a kind or an option that gabor does not have. */
export function optimizerOf(kind: string, attrs: Options): Optimizer {
  if (!Object.hasOwn(optimizers, kind)) throw new NotSupported(`optimizer.${kind}`);
  return optimizers[kind]!(kind, attrs);
}

interface Trained {
  /** `param0`, with `grads0` given and `params0` expected. */
  readonly name: string;
  readonly grads: Float32Array;
  readonly entry: ArenaEntry;
}

/** A model of parameters alone: an arena for an optimizer. */
function parametersOnly(shapes: ReadonlyMap<string, Shape>): Model {
  const init = constantInit(0);
  const parameters = [...shapes].map(
    ([name, shape]) => ({ name, shape, layout: 'plain', init, kind: 'parameter' }) as const,
  );
  return {
    inputShape: [1],
    outputShape: [1],
    parameters,
    calls: [],
    trace: () => {
      throw new FormatError('a golden optimizer case has no graph');
    },
    describe: () => ({ inputShape: [1], steps: [], output: 0 }),
  };
}

function prepareEngine(golden: GoldenCase, device: Device, rule: Optimizer): { engine: Engine; trained: Trained[] } {
  const names = golden.outputs.map((output) => output.replace(/^params/, 'param'));
  const shapes = new Map(names.map((name) => [name, tensorOf(golden, name).shape]));
  const engine = new Engine(device, parametersOnly(shapes), {});
  engine.session.allocateTraining(rule.slots.length);
  for (const name of names) {
    engine.writeTensor(name, new Float32Array(tensorOf(golden, name).data));
    for (const [slot, value] of (rule.initial ?? []).entries())
      engine.writeSlot(slot, name, new Float32Array(sizeOf(shapes.get(name)!)).fill(value));
  }
  const trained = names.map((name) => ({
    name,
    grads: new Float32Array(tensorOf(golden, name.replace(/^param/, 'grads')).data),
    entry: engine.parameters.find((entry) => entry.name === name)!,
  }));
  return { engine, trained };
}

/** Parameters after every step, one after another as the golden tensors hold them. */
async function runSteps(golden: GoldenCase, device: Device): Promise<Map<string, Float32Array>> {
  const { steps, ...attrs } = golden.attrs;
  const count = new CaseAttrs({ steps }, golden.name).number('steps');
  const rule = optimizerOf(golden.op.replace('optimizer.', ''), attrs);
  const { engine, trained } = prepareEngine(golden, device, rule);
  try {
    const update = await engine.session.prepare(planTail(updateTails(engine, rule), device.caps));
    const traces = new Map(trained.map(({ name, grads }) => [name, new Float32Array(grads.length)]));
    for (let k = 0; k < count; k++) {
      for (const { grads, entry } of trained) {
        const { shard, offset, bytes, shape } = entry;
        const size = sizeOf(shape);
        const place = { buffer: { kind: 'gradients', shard }, offset, bytes } as const;
        engine.session.writePlace(place, grads.slice(k * size, (k + 1) * size));
      }
      const scalars = rule.scalars?.(k + 1, rule.lr);
      engine.session.run([update], { step: packStep({ index: k + 1, learningRate: rule.lr, scalars }) });
      for (const [name, { data }] of await engine.readTensors('values')) traces.get(name)!.set(data, k * data.length);
    }
    return traces;
  } finally {
    engine.dispose();
  }
}

async function checkOptimizer(golden: GoldenCase, device: Device): Promise<Failure[]> {
  const traces = await runSteps(golden, device);
  return golden.outputs.flatMap((output) => {
    const data = traces.get(output.replace(/^params/, 'param'));
    return check(golden, output, data && { data });
  });
}

/** Rates are computed in double precision on both sides, so that only the order of operations may tell. */
const EXACT = { atol: 1e-12, rtol: 1e-10 };

function checkSchedule(golden: GoldenCase): Failure[] {
  const kind = golden.op.replace('lr_scheduler.', '');
  if (!Object.hasOwn(schedules, kind)) throw new NotSupported(golden.op);
  const attrs = new CaseAttrs(golden.attrs, golden.name);
  const [base, steps] = [attrs.number('base_lr'), attrs.number('steps')];
  const schedule = schedules[kind]!(attrs);
  attrs.checkAllRead(golden.op);
  const rates = Array.from({ length: steps }, (_, count) => schedule.at(count, base));
  const exact = compare(rates, golden.lr ?? [], EXACT);
  const inexact: Failure[] = exact.ok ? [] : [{ variant: 'default', tensor: 'lr', message: exact.message }];
  return [...inexact, ...check(golden, 'lr', { data: rates })];
}

/** `optimizer.*`, `lr_scheduler.*`; clipping is not supported yet. */
export async function runOptimCase(golden: GoldenCase, { device }: CaseContext): Promise<CaseResult> {
  try {
    if (golden.op.startsWith('optimizer.')) return resultOf(await checkOptimizer(golden, device));
    if (golden.op.startsWith('lr_scheduler.')) return resultOf(checkSchedule(golden));
    return notSupported(golden.op);
  } catch (error) {
    if (error instanceof NotSupported) return notSupported(error.message);
    return resultOf([failureOf(error, 'default')]);
  }
}
