/** The graph of what a plan is for: data, model, loss, gradients, and layers that somebody watches. Imports compile, graph, nn, ops. */
import { gradients } from '../compile/autodiff.ts';
import { commute } from '../compile/commute.ts';
import type { Sink } from '../compile/ir.ts';
import type { Place } from '../compile/place.ts';
import type { Plan, PlanTensor, Tail } from '../compile/plan.ts';
import { external, input } from '../graph/define-op.ts';
import type { Value } from '../graph/types.ts';
import type { LayerCall } from '../nn/layer.ts';
import type { Loss, LossValues } from '../nn/losses.ts';
import type { Model } from '../nn/model.ts';
import {
  augmentImagesAndTargets,
  binary,
  gatherImagesAndTargets,
  gatherRowsAndTargets,
  mixLabels,
  mixSamples,
  mixValues,
} from '../ops/index.ts';
import type { Prepared } from '../runtime/session.ts';
import { StateError } from '../util/errors.ts';
import { ceilDiv, type Shape } from '../util/shape.ts';
import type { PlanKey } from './engine.ts';

export interface GraphOutput {
  readonly value: Value;
  readonly sink: Sink;
}

/** Layers to be looked at by a plan that does its work all the same. */
export interface Watch {
  /** Names as `layerCalls` gives them. Their outputs are readable as `output NAME`, the gradients of these as `gradient NAME`. */
  readonly layers: readonly string[];
  /** Kernels at the end of the plan, given where its readable values lie and how many tables it has before theirs. */
  tail(read: readonly PlanTensor[], tables: number): readonly Tail[];
}

/** Is asked before each batch of `fit` and `step`: may give a plan that does the same and more, and work to do behind it. */
export interface StepWatcher {
  begin(
    plan: Prepared,
    at: {
      /** Number of the step that the batch belongs to, from 1. */
      readonly step: number;
      /** Whether the weights change with this batch. */
      readonly applies: boolean;
    },
  ): { readonly plan: Prepared; after(): void } | null;
}

/** The applications of layers by name; of a layer that is applied again: `NAME@2`, `NAME@3`, ... */
export function layerCalls(calls: readonly LayerCall[]): Map<string, LayerCall> {
  const counts = new Map<string, number>();
  return new Map(
    calls.map((call) => {
      const count = (counts.get(call.name) ?? 0) + 1;
      counts.set(call.name, count);
      return [count === 1 ? call.name : `${call.name}@${count}`, call];
    }),
  );
}

/** A batch's samples and targets: gathered from the data set, or given. */
function sources(
  { batch, data, shuffle = false, augment }: PlanKey,
  model: Model,
  loss: Loss | undefined,
): { x: Value; y: (output: Shape) => Value } {
  if (!data) {
    return {
      x: input('x', [batch, ...model.inputShape]),
      y: (output) => {
        const { shape, dtype } = loss!.target(output);
        return input('y', shape, dtype);
      },
    };
  }
  const { samples, targets, targetShape, shape, count, mean, std } = data.dataset;
  const options = { batch, samples: count, shuffle };
  const bytes = external('samples', [ceilDiv(samples.length, 4)], 'u32');
  const images = { ...options, shape, mean, std };
  const dtype = targets instanceof Int32Array ? 'i32' : 'f32';
  const wanted = external('targets', [count, ...targetShape], dtype);
  const { x, y } =
    samples instanceof Uint8Array
      ? augment && augment.transforms.length > 0
        ? augmentImagesAndTargets(bytes, wanted, { ...images, ...augment, fill: augment.fill ?? 0 })
        : gatherImagesAndTargets(bytes, wanted, images)
      : gatherRowsAndTargets(external('samples', [count, ...shape], 'f32'), wanted, options);
  return { x, y: () => y };
}

/** The batch as the model sees it, and the loss of its output: of mixed samples and targets, where they are mixed. */
function mixedSources(key: PlanKey, model: Model, loss: Loss | undefined) {
  const { x, y } = sources(key, model, loss);
  const apply = (output: Value, target: Value): LossValues => loss!.apply(output, target);
  if (!key.mix) return { x, y, apply };
  const mix = { kind: key.mix, size: model.inputShape.slice(1) };
  return {
    x: mixSamples(x, mix),
    y,
    apply: (output: Value, target: Value): LossValues =>
      loss!.targets === 'labels'
        ? loss!.applyProbs!(output, mixLabels(target, { ...mix, classes: output.shape[1]! }))
        : loss!.apply(output, mixValues(target, mix)),
  };
}

export interface GraphOptions {
  readonly model: Model;
  readonly loss?: Loss;
  /** Parameters without gradients. */
  readonly frozen?: ReadonlySet<string>;
  readonly watch?: Watch;
}

/** What a plan computes: the model's output, or the loss and, in training, gradients and new states. */
export function graphOf(key: PlanKey, { model, loss, frozen, watch }: GraphOptions): GraphOutput[] {
  const { x, y, apply } = mixedSources(key, model, loss);
  const { output, tracing } = model.trace({ batch: key.batch, mode: key.mode === 'train' ? 'train' : 'eval', x });
  const read = (name: string, value: Value): GraphOutput => ({ value, sink: { kind: 'read', name } });
  if (key.mode === 'predict') return [read('output', loss ? loss.predict(output) : output)];
  if (!loss) throw new StateError('this session has no loss. Use createTrainer to train or evaluate.');
  const target = y(output.shape);
  const values = apply(output, target);
  const outputs = [read('loss', values.loss)];
  if (values.correct) outputs.push(read('correct', values.correct));
  if (key.counting) outputs.push(read('output', output), read('target', target));
  if (key.mode === 'eval') return outputs;
  const calls = layerCalls(tracing.calls);
  for (const [name, value] of tracing.assignments) outputs.push({ value, sink: { kind: 'state', name } });
  const names = watch?.layers ?? [];
  const forward = commute([...outputs, ...names.map((name) => read(`output ${name}`, calls.get(name)!.output))]);
  const watched = forward.slice(outputs.length);
  const wrt = [...tracing.parameters.values()].filter(
    ({ spec }) => spec.kind === 'parameter' && !frozen?.has(spec.name),
  );
  const found = gradients(
    [{ value: forward[0]!.value }],
    [...wrt, ...watched].map(({ value }) => value),
    {
      add: binary.add,
    },
  );
  const ofParameters = wrt.flatMap(({ spec: { name, layout } }, i): GraphOutput[] =>
    found[i] ? [{ value: found[i], sink: { kind: 'gradient', parameter: name, layout } }] : [],
  );
  const ofLayers = names.flatMap((name, i) => {
    const gradient = found[wrt.length + i];
    return gradient ? [read(`gradient ${name}`, gradient)] : [];
  });
  return [...forward, ...ofParameters, ...ofLayers];
}

/** The plan with the parameters read from a slot. */
export function withWeights(plan: Plan, slot: number): Plan {
  const swap = <T extends { readonly place: Place }>(bound: T): T =>
    bound.place.buffer.kind === 'parameters'
      ? { ...bound, place: { ...bound.place, buffer: { kind: 'slot', slot, shard: bound.place.buffer.shard } } }
      : bound;
  const dispatches = plan.dispatches.map((d) => ({ ...d, bindings: d.bindings.map(swap) }));
  return { ...plan, dispatches, outputs: plan.outputs.map(swap) };
}
