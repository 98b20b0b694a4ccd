/**
 * Runs golden cases of optimizers (the real update kernels over an arena of parameters) and of learning-rate schedules.
 * Imports case, compile, nn, optim, runtime, train.
 */
import type { ArenaEntry } from '../../compile/place.ts';
import type { Device } from '../../gpu/device.ts';
import { constantInit } from '../../nn/init.ts';
import type { Model } from '../../nn/model.ts';
import { adadelta } from '../../optim/adadelta.ts';
import { adagrad } from '../../optim/adagrad.ts';
import { adam, adamw } from '../../optim/adam.ts';
import { adamax } from '../../optim/adamax.ts';
import { nadam } from '../../optim/nadam.ts';
import { oneCycleLR } from '../../optim/one-cycle.ts';
import type { Optimizer } from '../../optim/optimizer.ts';
import { reduceLROnPlateau } from '../../optim/plateau.ts';
import { radam } from '../../optim/radam.ts';
import { rmsprop } from '../../optim/rmsprop.ts';
import {
  cosineAnnealingLR,
  cosineAnnealingWarmRestarts,
  exponentialLR,
  linearLR,
  multiStepLR,
  polynomialLR,
  type Schedule,
  stepLR,
} from '../../optim/schedules.ts';
import { sgd } from '../../optim/sgd.ts';
import { MetricsRing } from '../../runtime/ring.ts';
import { packStep } from '../../runtime/step.ts';
import { Engine } from '../../train/engine.ts';
import { type Clip, updatePlan } from '../../train/update.ts';
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
  adadelta: optimizer(adadelta, 'lr', 'rho', 'eps', 'weight_decay'),
  adamax: optimizer(adamax, 'lr', 'betas', 'eps', 'weight_decay'),
  nadam: optimizer(nadam, 'lr', 'betas', 'eps', 'weight_decay', 'momentum_decay'),
  radam: optimizer(radam, 'lr', 'betas', 'eps', 'weight_decay'),
};

/** One line a schedule. */
const schedules: { readonly [kind: string]: (attrs: CaseAttrs) => Schedule } = {
  step: (attrs) => stepLR({ stepSize: attrs.number('step_size'), gamma: attrs.number('gamma', 0.1) }),
  cosine: (attrs) => cosineAnnealingLR({ tMax: attrs.number('T_max'), etaMin: attrs.number('eta_min', 0) }),
  multistep: (attrs) => multiStepLR({ milestones: attrs.numbers('milestones'), gamma: attrs.number('gamma', 0.1) }),
  exponential: (attrs) => exponentialLR({ gamma: attrs.number('gamma') }),
  cosine_warm_restarts: (attrs) =>
    cosineAnnealingWarmRestarts({
      t0: attrs.number('T_0'),
      tMult: attrs.number('T_mult', 1),
      etaMin: attrs.number('eta_min', 0),
    }),
  linear_warmup: (attrs) =>
    linearLR({
      startFactor: attrs.number('start_factor', 1 / 3),
      endFactor: attrs.number('end_factor', 1),
      totalIters: attrs.number('total_iters', 5),
    }),
  polynomial: (attrs) => polynomialLR({ totalIters: attrs.number('total_iters', 5), power: attrs.number('power', 1) }),
  one_cycle: (attrs) =>
    oneCycleLR({
      maxLr: attrs.number('max_lr'),
      totalSteps: attrs.number('total_steps'),
      pctStart: attrs.number('pct_start', 0.3),
      annealStrategy: attrs.word('anneal_strategy', ['cos', 'linear'] as const),
      baseMomentum: attrs.number('base_momentum', 0.85),
      maxMomentum: attrs.number('max_momentum', 0.95),
      divFactor: attrs.number('div_factor', 25),
      finalDivFactor: attrs.number('final_div_factor', 1e4),
      threePhase: attrs.flag('three_phase', false),
    }),
  reduce_on_plateau: (attrs) =>
    reduceLROnPlateau({
      mode: attrs.word('mode', ['min', 'max'] as const),
      factor: attrs.number('factor', 0.1),
      patience: attrs.number('patience', 10),
      threshold: attrs.number('threshold', 1e-4),
      thresholdMode: attrs.word('threshold_mode', ['rel', 'abs'] as const),
      cooldown: attrs.number('cooldown', 0),
      minLr: attrs.number('min_lr', 0),
      eps: attrs.number('eps', 1e-8),
    }),
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
    const end4 = engine.session.arenas.parameters.shards.reduce((sum, bytes) => sum + bytes / 16, 0);
    const update = await engine.session.prepare(updatePlan(engine, { optimizer: rule, groups: 1, end4 }));
    const group = { end4, learningRate: rule.lr, weightDecay: rule.weightDecay ?? 0, l1: 0 };
    const traces = new Map(trained.map(({ name, grads }) => [name, new Float32Array(grads.length)]));
    for (let k = 0; k < count; k++) {
      for (const { grads, entry } of trained) {
        const { shard, offset, bytes, shape } = entry;
        const size = sizeOf(shape);
        const place = { buffer: { kind: 'gradients', shard }, offset, bytes } as const;
        engine.session.writePlace(place, grads.slice(k * size, (k + 1) * size));
      }
      const scalars = rule.scalars?.(k + 1, rule.momentum ?? 0);
      engine.session.run([update], { step: packStep({ index: k + 1, scalars, groups: [group] }) });
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

function compareExact(golden: GoldenCase, tensor: 'lr' | 'momentum', values: readonly number[]): Failure[] {
  const exact = compare(values, golden[tensor] ?? [], EXACT);
  const inexact: Failure[] = exact.ok ? [] : [{ variant: 'default', tensor, message: exact.message }];
  return [...inexact, ...(golden.tensors.has(tensor) ? check(golden, tensor, { data: values }) : [])];
}

function checkSchedule(golden: GoldenCase): Failure[] {
  const kind = golden.op.replace('lr_scheduler.', '');
  if (!Object.hasOwn(schedules, kind)) throw new NotSupported(golden.op);
  const attrs = new CaseAttrs(golden.attrs, golden.name);
  const [base, steps] = [attrs.number('base_lr'), attrs.number('steps')];
  const schedule = schedules[kind]!(attrs);
  attrs.checkAllRead(golden.op);
  const { feedback } = schedule;
  let state = feedback?.initial;
  const rates = Array.from({ length: steps }, (_, count) => {
    if (feedback && state !== undefined) state = feedback.next(state, golden.losses?.[count] ?? Number.NaN, count);
    return schedule.at(count, base, state);
  });
  const momenta = Array.from({ length: steps }, (_, count) => schedule.momentumAt?.(count) ?? Number.NaN);
  return [...compareExact(golden, 'lr', rates), ...(golden.momentum ? compareExact(golden, 'momentum', momenta) : [])];
}

/** An optimizer whose step puts the gradients where the parameters are. */
const COPY: Optimizer = { name: 'copy', lr: 1, slots: [], hyperparameters: {}, rule: 'w = g;', config: {} };

function clipOf({ op, attrs: given, name }: GoldenCase): Clip {
  const { norm_type: norm = 2, ...rest } = given;
  const attrs = new CaseAttrs(rest, name);
  const order = norm === 'inf' ? Infinity : norm;
  const clip: Clip =
    op === 'clip_grad_value'
      ? { kind: 'value', limit: attrs.number('clip_value') }
      : { kind: 'norm', limit: attrs.number('max_norm'), order: order === 1 || order === Infinity ? order : 2 };
  if (op === 'clip_grad_norm' && ![1, 2, Infinity].includes(Number(order)))
    throw new NotSupported(`${op} with norm_type ${String(norm)}`);
  attrs.checkAllRead(op);
  return clip;
}

/** Clips in the kernels of an update. */
async function checkClip(golden: GoldenCase, device: Device): Promise<Failure[]> {
  const names = golden.outputs.filter((output) => output.startsWith('clipped'));
  const gradientOf = (name: string) => tensorOf(golden, name.replace('clipped', 'grad'));
  const engine = new Engine(device, parametersOnly(new Map(names.map((name) => [name, gradientOf(name).shape]))), {});
  const ring = new MetricsRing(device);
  try {
    engine.session.allocateTraining(0);
    const end4 = engine.session.arenas.parameters.shards.reduce((sum, bytes) => sum + bytes / 16, 0);
    const plan = updatePlan(engine, { optimizer: COPY, groups: 1, end4, clip: clipOf(golden), ring: true });
    const update = await engine.session.prepare(plan, { externals: { ring: ring.buffer } });
    for (const { name, shard, offset, bytes } of engine.parameters) {
      const place = { buffer: { kind: 'gradients', shard }, offset, bytes } as const;
      engine.session.writePlace(place, new Float32Array(gradientOf(name).data));
    }
    const target = ring.take()!;
    const group = { end4, learningRate: 1, weightDecay: 0, l1: 0 };
    engine.session.run([update, { source: ring.buffer, target }], { step: packStep({ groups: [group] }) });
    const [metrics] = await ring.read(target, [0]).collect();
    const clipped = await engine.readTensors('values');
    return golden.outputs.flatMap((output) =>
      check(golden, output, output === 'total_norm' ? { data: [metrics!.gradientNorm] } : clipped.get(output)),
    );
  } finally {
    engine.dispose();
    ring.dispose();
  }
}

/** `optimizer.*`, `lr_scheduler.*`, `clip_grad_*`. */
export async function runOptimCase(golden: GoldenCase, { device }: CaseContext): Promise<CaseResult> {
  try {
    if (golden.op.startsWith('optimizer.')) return resultOf(await checkOptimizer(golden, device));
    if (golden.op.startsWith('lr_scheduler.')) return resultOf(checkSchedule(golden));
    if (golden.op.startsWith('clip_grad_')) return resultOf(await checkClip(golden, device));
    return notSupported(golden.op);
  } catch (error) {
    if (error instanceof NotSupported) return notSupported(error.message);
    return resultOf([failureOf(error, 'default')]);
  }
}
