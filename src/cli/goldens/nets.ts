/**
 * Runs golden training traces with the real trainer: the first step's output, gradients and running statistics, the loss
 * of every step, and the weights after the last, for each optimizer. Imports case, net-graph, ops, optim, train.
 */
import type { Plan } from '../../compile/plan.ts';
import type { Device } from '../../gpu/device.ts';
import type { Loss } from '../../nn/losses.ts';
import type { Model } from '../../nn/model.ts';
import type { Optimizer } from '../../optim/optimizer.ts';
import { createTrainer, type Trainer } from '../../train/trainer.ts';
import { FormatError } from '../../util/errors.ts';
import {
  type Actual,
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
import { graphOf, networkOf } from './net-graph.ts';
import { type Forced, otherChoices } from './op-case.ts';
import { isSupported } from './ops.ts';
import { optimizerOf } from './optim.ts';

type Results = Map<string, Actual>;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The optimizers of a case by the name that its tensors carry. Throws NotSupported. */
function optimizersOf({ name, attrs }: GoldenCase): Map<string, Optimizer> {
  const given = attrs.optimizers;
  if (!isRecord(given)) throw new FormatError(`${name}: attribute "optimizers" is not an object`);
  return new Map(
    Object.entries(given).map(([key, options]) => {
      if (!isRecord(options)) throw new FormatError(`${name}: optimizer "${key}" is not an object`);
      const { kind, ...rest } = options;
      return [key, optimizerOf(String(kind), rest)];
    }),
  );
}

/** Batch k of the samples and of the labels. */
function batchOf(
  golden: GoldenCase,
  step: number,
): { x: Float32Array<ArrayBuffer>; y: Int32Array<ArrayBuffer> | Float32Array<ArrayBuffer> } {
  const part = (name: string) => {
    const tensor = tensorOf(golden, name);
    const [batches] = tensor.shape as readonly [number];
    const size = tensor.data.length / batches;
    const k = step % batches;
    return numbersOf(tensor).slice(k * size, (k + 1) * size);
  };
  const x = part('x');
  if (!(x instanceof Float32Array)) throw new FormatError(`${golden.name}: x is not F32`);
  return { x, y: part('labels') };
}

/** The output of the network in the first step. */
async function firstOutput(golden: GoldenCase, trainer: Trainer): Promise<Float32Array> {
  const { session } = trainer.engine;
  const plan = await trainer.engine.plan({ mode: 'predict', batch: trainer.options.batchSize });
  session.write(plan, 'x', batchOf(golden, 0).x);
  session.run([plan]);
  const [output] = await session.read(plan, ['output']);
  return new Float32Array(output!);
}

async function putAll(results: Results, prefix: string, tensors: ReturnType<Trainer['parameters']>): Promise<void> {
  for (const [name, tensor] of await tensors) results.set(`${prefix}.${name}`, tensor);
}

interface Trace {
  readonly key: string;
  readonly optimizer: Optimizer;
  readonly network: { readonly model: Model; readonly loss: Loss };
}

/** Trains from the first weights; the results by the names that the tensors of the case have. */
async function train(
  golden: GoldenCase,
  device: Device,
  { key, optimizer, network, forced }: Trace & { readonly forced: Forced | null },
): Promise<{ results: Results; plan: Plan }> {
  const attrs = new CaseAttrs(golden.attrs, golden.name);
  const [steps, batchSize] = [attrs.number('steps'), attrs.number('batch_size')];
  const { model, loss } = network;
  const trainer = await createTrainer(device, model, { loss, optimizer, batchSize, choose: forced?.choose });
  try {
    const results: Results = new Map();
    const losses: number[] = [];
    results.set('logits1', { data: await firstOutput(golden, trainer) });
    for (let k = 0; k < steps; k++) {
      trainer.forwardBackward(batchOf(golden, k));
      losses.push((await trainer.metrics()).loss);
      if (k === 0) {
        await putAll(results, 'grad1', trainer.gradients());
        await putAll(results, 'buffer1', trainer.parameters());
      }
      trainer.applyGradients();
    }
    results.set(`${key}.losses`, { data: losses });
    await putAll(results, `${key}.final`, trainer.parameters());
    return { results, plan: trainer.engine.describePlan({ mode: 'train', batch: batchSize }) };
  } finally {
    trainer.dispose();
  }
}

/** Compares what one optimizer's run gives. Tensors of the first step are the same for all optimizers. */
function compareTrace(
  golden: GoldenCase,
  results: Results,
  { key, variant }: { key: string; variant: string },
): Failure[] {
  const first = /^(logits1|grad1\.|buffer1\.)/;
  const expected = golden.outputs.filter((name) => first.test(name) || name.startsWith(`${key}.`));
  return expected.flatMap((name) => check(golden, name, results.get(name), variant));
}

async function runAll(golden: GoldenCase, { device, variants }: CaseContext): Promise<Failure[]> {
  const failures: Failure[] = [];
  for (const [i, [key, optimizer]] of [...optimizersOf(golden)].entries()) {
    const trace = { key, optimizer, network: networkOf(golden) };
    const { results, plan } = await train(golden, device, { ...trace, forced: null });
    failures.push(...compareTrace(golden, results, { key, variant: 'default' }));
    // Optimizers differ only in their update, which has no variants.
    for (const forced of variants && i === 0 ? otherChoices(plan) : []) {
      const other = await train(golden, device, { ...trace, forced });
      failures.push(...compareTrace(golden, other.results, { key, variant: forced.id }));
    }
  }
  return failures;
}

/** Passes where the whole trace is right, with every optimizer and every variant. */
export async function runNetCase(golden: GoldenCase, context: CaseContext): Promise<CaseResult> {
  try {
    const missing = new Set(
      graphOf(golden)
        .map((node) => node.op)
        .filter((op) => !isSupported(op)),
    );
    if (missing.size > 0) return notSupported(...missing);
    return resultOf(await runAll(golden, context));
  } catch (error) {
    if (error instanceof NotSupported) return notSupported(error.message);
    return resultOf([failureOf(error, 'default')]);
  }
}
