/** Models: a function of one image batch, traced for each batch size and mode; and their JSON. Imports layer, layers, saved-ops, graph, util. */
import { input } from '../graph/define-op.ts';
import { recording } from '../graph/trace.ts';
import type { Attrs, Json, Value } from '../graph/types.ts';
import { ArgumentError, FormatError, GaborError, ShapeError } from '../util/errors.ts';
import { type Shape, show, sizeOf } from '../util/shape.ts';
import {
  type Layer,
  type LayerCall,
  type LayerMakers,
  type Mode,
  type ParameterSpec,
  Tracing,
  tracingModel,
} from './layer.ts';
import { layerFrom } from './layers.ts';
import { savedOps } from './saved-ops.ts';

/** One step of a saved model: a layer or an op applied to earlier results, which are numbered; 0 is the input. */
export type ModelStep = { readonly [key: string]: Json } & (
  | { readonly layer: string; readonly config: Attrs; readonly inputs: readonly number[] }
  | { readonly op: string; readonly attrs: Attrs; readonly inputs: readonly number[] }
);

/** A model as JSON: what checkpoints carry so that a file alone can be run. */
export type ModelDescription = {
  readonly inputShape: readonly number[];
  readonly steps: readonly ModelStep[];
  /** Number of the result that is the output. */
  readonly output: number;
};

export interface TracedModel {
  readonly x: Value;
  readonly output: Value;
  readonly tracing: Tracing;
}

export interface Model {
  /** Shape of one sample, without the batch: [c, h, w]. */
  readonly inputShape: Shape;
  /** Runs the function on a symbolic batch (a value already made, or a new input `x`). Throws ShapeError at the line that is wrong. */
  trace(options: { readonly batch: number; readonly mode: Mode; readonly x?: Value }): TracedModel;
  /** Its parameters and running statistics, in the order they are used. */
  readonly parameters: readonly ParameterSpec[];
  readonly calls: readonly LayerCall[];
  /** Shape of one sample of the output. */
  readonly outputShape: Shape;
  /** The model as JSON. Throws ArgumentError where it applies ops that a file cannot name. */
  describe(): ModelDescription;
}

/** A model from a function of symbolic values, which may branch: `model([1, 28, 28], (x) => relu()(add(x, block(x))))`. */
export function model(inputShape: Shape, body: (x: Value) => Value): Model {
  if (inputShape.length === 0 || inputShape.some((size) => !Number.isInteger(size) || size < 1)) {
    throw new ArgumentError(
      `model: the input shape is ${show(inputShape)}. Pass the shape of one sample without the batch, such as [1, 28, 28].`,
    );
  }
  const trace: Model['trace'] = ({ batch, mode, x = input('x', [batch, ...inputShape]) }) => {
    const tracing = new Tracing(mode);
    const output = tracingModel(tracing, () => body(x));
    return { x, output, tracing };
  };
  // Traced once here, so that a wrong shape is an error where the model is written.
  const { output, tracing } = trace({ batch: 1, mode: 'train' });
  return {
    inputShape,
    trace,
    parameters: [...tracing.parameters.values()].map(({ spec }) => spec),
    calls: tracing.calls,
    outputShape: output.shape.slice(1),
    describe: () => describe(inputShape, body),
  };
}

/** Layers one after another. (torch.nn.Sequential) */
export const sequential = (inputShape: Shape, layers: readonly Layer[]): Model =>
  model(inputShape, (x) => layers.reduce((value, layer) => layer(value), x));

function describe(inputShape: Shape, body: (x: Value) => Value): ModelDescription {
  const tracing = new Tracing('train');
  const steps: ModelStep[] = [];
  const x = input('x', [1, ...inputShape]);
  const numbers = new Map<number, number>([[x.id, 0]]);
  const number = (value: Value): number => {
    addCalls();
    const found = numbers.get(value.id);
    if (found === undefined)
      throw new ArgumentError('model: a value comes from outside of it. Use only the input, layers and ops of it.');
    return found;
  };
  const add = (step: ModelStep, output: Value): void => {
    steps.push(step);
    numbers.set(output.id, steps.length);
  };
  let seen = 0;
  // Layers report to the tracing, ops to the recorder: both lists are merged in the order things were applied.
  const addCalls = (): void => {
    while (seen < tracing.calls.length) {
      const { layer, name, input: from, output } = tracing.calls[seen++]!;
      // The name comes last, given or not, so that a model made from a file has the very JSON of that file.
      const { name: _, ...options } = layer.config;
      const config: Attrs = { ...options, name };
      if (output.id !== from.id) add({ layer: layer.type, config, inputs: [numbers.get(from.id) ?? -1] }, output);
      else numbers.set(output.id, numbers.get(from.id)!);
    }
  };
  const output = recording(
    (op, attrs, inputs, outputs) => {
      if (!Object.hasOwn(savedOps, op)) {
        throw new ArgumentError(
          `model: the op "${op}" outside of a layer cannot be saved. Use a layer, or one of ${Object.keys(savedOps).join(', ')}.`,
        );
      }
      const saved = savedOps[op]!.save?.(attrs, outputs[0]!) ?? attrs;
      add({ op, attrs: saved, inputs: inputs.map(number) }, outputs[0]!);
    },
    () => tracingModel(tracing, () => body(x)),
  );
  return { inputShape, steps, output: number(output) };
}

const isRecord = (json: unknown): json is { readonly [key: string]: Json } =>
  typeof json === 'object' && json !== null && !Array.isArray(json);
const isNumbers = (json: unknown): json is readonly number[] =>
  Array.isArray(json) && json.every((n) => Number.isInteger(n) && n >= 0);

/** Makes layers; a layer that the model applies several times is in its JSON as often, under one name. */
function layersByName(own: LayerMakers): (type: string, config: Attrs) => Layer {
  const made = new Map<string, Layer>();
  return (type, config) => {
    if (config.name === undefined) return layerFrom(type, config, own);
    const key = JSON.stringify([type, config]);
    const layer = made.get(key) ?? layerFrom(type, config, own);
    made.set(key, layer);
    return layer;
  };
}

export interface ModelFromOptions {
  /** Makers of your own layers in it, by type; they go before gabor's. */
  readonly layers?: LayerMakers;
}

/** The model that JSON describes. Throws FormatError for anything that is not a model's description. */
export function modelFrom(json: Json, { layers = {} }: ModelFromOptions = {}): Model {
  const fail = (why: string): never => {
    throw new FormatError(`model description: ${why}. The file was made by another version or is damaged.`);
  };
  if (!isRecord(json) || !isNumbers(json.inputShape) || !Array.isArray(json.steps) || !Number.isInteger(json.output))
    return fail('it lacks inputShape, steps or output');
  const { inputShape, output } = json;
  const steps = json.steps.map((step: unknown, i) => {
    if (!isRecord(step) || !isNumbers(step.inputs) || step.inputs.length === 0 || step.inputs.some((from) => from > i))
      return fail(`step ${i} has no inputs before it`);
    return step;
  });
  if (typeof output !== 'number' || output < 0 || output > steps.length)
    return fail(`the output is number ${String(output)} of ${steps.length}`);
  try {
    const layerOf = layersByName(layers);
    const appliers = steps.map((step, i): ((values: readonly Value[]) => Value) => {
      const from = step.inputs as readonly number[];
      if (typeof step.layer === 'string' && isRecord(step.config)) {
        const layer = layerOf(step.layer, step.config);
        return (values) => layer(values[from[0]!]!);
      }
      const op = typeof step.op === 'string' && Object.hasOwn(savedOps, step.op) ? savedOps[step.op] : undefined;
      const { attrs } = step;
      if (!op || !isRecord(attrs)) return fail(`step ${i} is neither a layer nor an op of this version`);
      if (op.inputs > 0 && from.length !== op.inputs)
        return fail(`step ${i} gives ${from.length} inputs to ${String(step.op)}, which takes ${op.inputs}`);
      return (values) =>
        op.apply(
          from.map((k) => values[k]!),
          attrs,
        );
    });
    return model(inputShape, (x) => {
      const values = [x];
      for (const apply of appliers) values.push(apply(values));
      return values[output]!;
    });
  } catch (cause) {
    // A TypeError is an attribute of another type than the op expects.
    if (cause instanceof FormatError) throw cause;
    if (cause instanceof GaborError || cause instanceof TypeError)
      throw new FormatError(`model description: ${cause.message}`, { cause });
    throw cause;
  }
}

/** The number of trained values. */
export const parameterCount = ({ parameters }: Model): number =>
  parameters.filter(({ kind }) => kind === 'parameter').reduce((sum, { shape }) => sum + sizeOf(shape), 0);

/** Checks that a batch of this shape fits the model. */
export function checkInput({ inputShape }: Model, shape: Shape, at: string): void {
  if (show(shape) !== show(inputShape)) {
    throw new ShapeError(
      `${at}: samples have shape ${show(shape)}, the model takes ${show(inputShape)}. Use other data or change the model's input shape.`,
    );
  }
}
