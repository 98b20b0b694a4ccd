/** A golden network as a model and a loss of gabor: its graph, with real parameters and running statistics. Imports case, ops, nn. */
import { input } from '../../graph/define-op.ts';
import { inScope } from '../../graph/trace.ts';
import type { Value } from '../../graph/types.ts';
import { type ParameterSpec, Tracing } from '../../nn/layer.ts';
import type { Loss } from '../../nn/losses.ts';
import type { Model } from '../../nn/model.ts';
import { FormatError } from '../../util/errors.ts';
import { CaseAttrs, tensorOf } from './case.ts';
import type { GoldenCase } from './golden-files.ts';
import { buildOp, parameterLayout } from './ops.ts';

type Names = Readonly<Record<string, string>>;

export interface GraphNode {
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  /** Argument of the op to tensor: `x`, `labels`, a parameter, a running statistic or an earlier node's output. */
  readonly inputs: Names;
  /** Result of the op to tensor. */
  readonly outputs: Names;
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const isNames = (value: unknown): value is Names =>
  isRecord(value) && Object.values(value).every((name) => typeof name === 'string');

/** The nodes of `attrs.graph`. Throws FormatError. */
export function graphOf({ name, attrs }: GoldenCase): GraphNode[] {
  if (!Array.isArray(attrs.graph)) throw new FormatError(`${name}: attribute "graph" is not a list of nodes`);
  return attrs.graph.map((node: unknown, i) => {
    if (!isRecord(node) || typeof node.op !== 'string' || !isNames(node.inputs) || !isNames(node.outputs))
      throw new FormatError(`${name}: node ${i} of the graph lacks op, inputs or outputs`);
    return { op: node.op, attrs: isRecord(node.attrs) ? node.attrs : {}, inputs: node.inputs, outputs: node.outputs };
  });
}

/** The result that the traces hold as `logits1`. */
const OUTPUT = 'logits';

/** Nodes that do not depend on the labels, then those that do. */
function split(nodes: readonly GraphNode[]): { body: GraphNode[]; head: GraphNode[] } {
  const labelled = new Set(['labels']);
  const [body, head]: [GraphNode[], GraphNode[]] = [[], []];
  for (const node of nodes) {
    const late = Object.values(node.inputs).some((name) => labelled.has(name));
    if (late) for (const name of Object.values(node.outputs)) labelled.add(name);
    (late ? head : body).push(node);
  }
  return { body, head };
}

/** All tensors that start at `init.*`: parameters have a gradient, running statistics have none. */
function specsOf(golden: GoldenCase, nodes: readonly GraphNode[]): Map<string, ParameterSpec> {
  const specs = new Map<string, ParameterSpec>();
  for (const node of nodes) {
    for (const [argument, name] of Object.entries(node.inputs)) {
      if (specs.has(name) || !golden.tensors.has(`init.${name}`)) continue;
      const { shape, data } = tensorOf(golden, `init.${name}`);
      const trained = Object.hasOwn(golden.gradients, name);
      specs.set(name, {
        name,
        shape,
        layout: trained ? parameterLayout(node.op, argument) : 'plain',
        init: { config: { name: 'golden' }, fill: () => new Float32Array(data) },
        kind: trained ? 'parameter' : 'state',
      });
    }
  }
  return specs;
}

/** Adds nodes to a graph: `values` holds what is there already and takes the results. */
function addNodes(
  golden: GoldenCase,
  nodes: readonly GraphNode[],
  {
    values,
    tensor,
    assign,
  }: { values: Map<string, Value>; tensor(name: string): Value; assign(name: string, value: Value): void },
): void {
  for (const node of nodes) {
    const scope = Object.values(node.outputs)[0] ?? node.op;
    const given = Object.entries(node.inputs).map(([argument, name]) => [argument, values.get(name) ?? tensor(name)]);
    const attrs = new CaseAttrs(node.attrs, `${golden.name}, ${node.op} "${scope}"`);
    const results = inScope(scope, () => buildOp(node.op, Object.fromEntries(given), attrs));
    for (const [result, name] of Object.entries(node.outputs)) {
      const value = results[result];
      if (!value) throw new FormatError(`${golden.name}: ${node.op} "${scope}" has no result "${result}"`);
      if (golden.tensors.has(`init.${name}`)) assign(name, value);
      values.set(name, value);
    }
  }
}

/** The network without its loss, and the loss. The loss may use any result of the network, so it belongs to this model alone. */
export function networkOf(golden: GoldenCase): { readonly model: Model; readonly loss: Loss } {
  const nodes = graphOf(golden);
  const { body, head } = split(nodes);
  const specs = specsOf(golden, nodes);
  let traced = { tracing: new Tracing('train'), values: new Map<string, Value>() };
  const add = (part: readonly GraphNode[]): void => {
    const { tracing, values } = traced;
    const tensor = (name: string): Value => {
      const spec = specs.get(name);
      if (!spec) throw new FormatError(`${golden.name}: the graph has no tensor "${name}"`);
      return tracing.tensor(spec);
    };
    addNodes(golden, part, { values, tensor, assign: (name, value) => void tracing.assignments.set(name, value) });
  };
  const result = (name: string): Value => {
    const value = traced.values.get(name);
    if (!value) throw new FormatError(`${golden.name}: the graph has no result "${name}"`);
    return value;
  };
  const inputShape = tensorOf(golden, 'x').shape.slice(2);
  const model: Model = {
    inputShape,
    outputShape: tensorOf(golden, 'logits1').shape.slice(1),
    parameters: [...specs.values()],
    calls: [],
    trace({ batch, mode, x = input('x', [batch, ...inputShape]) }) {
      traced = { tracing: new Tracing(mode), values: new Map([['x', x]]) };
      add(body);
      return { x, output: result(OUTPUT), tracing: traced.tracing };
    },
    describe: () => {
      throw new FormatError(`${golden.name}: a golden network is not made of layers and cannot be saved`);
    },
  };
  const labels = tensorOf(golden, 'labels');
  const ignored = head.find((node) => typeof node.attrs.ignore_index === 'number')?.attrs.ignore_index;
  const loss: Loss = {
    name: 'golden',
    config: typeof ignored === 'number' ? { ignoreIndex: ignored } : {},
    targets: labels.dtype === 'I32' ? 'labels' : 'values',
    target: () => ({ shape: labels.shape.slice(1), dtype: labels.dtype === 'I32' ? 'i32' : 'f32' }),
    apply(_, target) {
      traced.values.set('labels', target);
      add(head);
      return { loss: result('loss') };
    },
    predict: (output) => output,
  };
  return { model, loss };
}
