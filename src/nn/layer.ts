/**
 * Layers: functions of symbolic values that own parameters. A layer is a description; parameters come into being when a
 * model that contains it is traced. Imports graph and util.
 */
import { parameter, state } from '../graph/define-op.ts';
import type { Layout } from '../graph/layout.ts';
import { currentScope, inScope } from '../graph/trace.ts';
import type { Attrs, Value } from '../graph/types.ts';
import { ArgumentError, StateError } from '../util/errors.ts';
import { hashText } from '../util/philox.ts';
import type { Shape } from '../util/shape.ts';
import type { Initializer } from './init.ts';

/** Train and eval are different graphs, not a flag inside shaders. */
export type Mode = 'train' | 'eval';

export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly layout: Layout;
  /** [o, c, h, w], where its rows are images that lie, and are seen in graphs, with their channels last (`channelsLast`). */
  readonly images?: Shape | undefined;
  readonly init: Initializer;
  /** Trained, or kept only (running statistics). */
  readonly kind: 'parameter' | 'state';
}

/** One application of a layer, as the summary and a saved model list it. */
export interface LayerCall {
  readonly layer: Layer;
  readonly name: string;
  readonly input: Value;
  readonly output: Value;
}

export interface Layer {
  (x: Value): Value;
  /** The function that makes it: `conv2d`. */
  readonly type: string;
  /** Its arguments as JSON: `layerFrom(type, config)` makes an equal one. */
  readonly config: Attrs;
}

/** Functions that make layers again from a saved model: the layer's type and what it does with the config. */
export type LayerMakers = { readonly [type: string]: (config: Attrs) => Layer };

/** See ParameterSpec; the layout is 'plain' by default. */
export type ParameterOptions = Pick<ParameterSpec, 'init' | 'images'> & { readonly layout?: Layout };

/** What a layer may ask for while it is applied. */
export interface LayerContext {
  readonly mode: Mode;
  /** Name of the layer: `conv1`, or the `name` given. */
  readonly name: string;
  /** A number that differs between layers, for their random numbers. */
  readonly salt: number;
  parameter(name: string, shape: Shape, options: ParameterOptions): Value;
  /** How a parameter of this layer was made when it was applied first. */
  specOf(name: string): ParameterSpec | undefined;
  state(name: string, shape: Shape, options: { readonly init: Initializer }): Value;
  /** The state's value after this step. */
  assign(name: string, value: Value): void;
}

/** A model being traced: names of layers, parameters, applications. */
export class Tracing {
  readonly mode: Mode;
  readonly parameters = new Map<string, { readonly spec: ParameterSpec; readonly value: Value }>();
  readonly calls: LayerCall[] = [];
  readonly assignments = new Map<string, Value>();
  #names = new Map<Layer, string>();
  #counts = new Map<string, number>();

  constructor(mode: Mode) {
    this.mode = mode;
  }

  /** The layer's name: given, or its stem and a number; the same layer applied twice keeps its name and its parameters. */
  nameOf(layer: Layer, stem: string): string {
    const known = this.#names.get(layer);
    if (known) return known;
    const count = (this.#counts.get(stem) ?? 0) + 1;
    this.#counts.set(stem, count);
    const given = layer.config.name;
    const name = typeof given === 'string' ? given : `${stem}${count}`;
    if ([...this.#names.values()].includes(name)) {
      throw new ArgumentError(`model: two layers are called "${name}". Give one of them another name.`);
    }
    this.#names.set(layer, name);
    return name;
  }

  /** A tensor of the model, made at its first use. */
  tensor(spec: ParameterSpec): Value {
    const { kind, name, shape, layout } = spec;
    const known = this.parameters.get(name);
    if (known) return known.value;
    const value = kind === 'parameter' ? parameter(name, shape, layout) : state(name, shape);
    this.parameters.set(name, { spec, value });
    return value;
  }
}

let current: Tracing | null = null;

/** Runs `body` with layers belonging to `tracing`. */
export function tracingModel<T>(tracing: Tracing, body: () => T): T {
  const outer = current;
  current = tracing;
  try {
    return body();
  } finally {
    current = outer;
  }
}

function contextOf(tracing: Tracing, layerName: string): LayerContext {
  const fullName = (name: string): string => `${layerName}.${name}`;
  return {
    mode: tracing.mode,
    name: layerName,
    salt: hashText(layerName),
    parameter: (name, shape, options) =>
      tracing.tensor({ kind: 'parameter', name: fullName(name), shape, layout: 'plain', ...options }),
    specOf: (name) => tracing.parameters.get(fullName(name))?.spec,
    state: (name, shape, { init }) =>
      tracing.tensor({ kind: 'state', name: fullName(name), shape, layout: 'plain', init }),
    assign: (name, value) => void tracing.assignments.set(fullName(name), value),
  };
}

export interface LayerSpec {
  readonly type: string;
  /** First part of the default name: `conv` gives conv1, conv2, ... */
  readonly stem: string;
  readonly config: Attrs;
  apply(x: Value, context: LayerContext): Value;
}

/** Makes a layer. See CONTRIBUTING.md, "Add a layer". */
export function defineLayer({ type, stem, config, apply }: LayerSpec): Layer {
  const call = (x: Value): Value => {
    const tracing = current;
    if (!tracing)
      throw new StateError(
        `${type}: a layer can be applied inside a model only. Use sequential(...) or model(...), or the functions of \`ops\`.`,
      );
    const name = tracing.nameOf(layer, stem);
    const outermost = currentScope() === '';
    const output = inScope(name, () => apply(x, contextOf(tracing, name)));
    if (outermost) tracing.calls.push({ layer, name, input: x, output });
    return output;
  };
  const layer: Layer = Object.assign(call, { type, config });
  return layer;
}

/** Config without what was not given, so that it is JSON. */
export const jsonConfig = (config: { readonly [key: string]: Attrs[string] | undefined }): Attrs =>
  Object.fromEntries(
    Object.entries(config).filter((entry): entry is [string, Attrs[string]] => entry[1] !== undefined),
  );
