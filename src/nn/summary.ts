/** The table of a model's layers: shapes, parameters, work, memory. Imports model, graph, util. */
import { ancestors } from '../graph/ancestors.ts';
import { padChannels } from '../graph/layout.ts';
import { type Shape, sizeOf } from '../util/shape.ts';
import type { LayerCall } from './layer.ts';
import type { Model } from './model.ts';

export interface LayerSummary {
  readonly name: string;
  readonly type: string;
  /** Of one sample. */
  readonly outputShape: Shape;
  readonly parameters: number;
  /** Floating point operations of the forward pass for one sample. */
  readonly flops: number;
  /** Bytes of the output for one sample, as it lies in memory. */
  readonly bytes: number;
}

/** FLOPs of the nodes that a layer adds: it may look behind its input, as linear does where that is flattened images. */
function flopsOf({ input, output }: LayerCall): number {
  const before = new Set(ancestors([input]));
  const own = ancestors([output]).filter((node) => !before.has(node));
  return own.reduce((flops, node) => flops + node.impl.flops(node.inputs, node.outputs), 0);
}

const bytesOf = (shape: Shape): number =>
  (shape.length === 4 ? shape[0]! * padChannels(shape[1]!) * shape[2]! * shape[3]! : sizeOf(shape)) * 4;

/** One row for each layer, in the order of application. */
export function summarize(model: Model): LayerSummary[] {
  const counted = new Set<string>();
  return model.calls.map((call) => {
    const own = model.parameters.filter(
      ({ kind, name }) =>
        kind === 'parameter' && name.slice(0, name.lastIndexOf('.')) === call.name && !counted.has(name),
    );
    for (const { name } of own) counted.add(name);
    return {
      name: call.name,
      type: call.layer.type,
      outputShape: call.output.shape.slice(1),
      parameters: own.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      flops: flopsOf(call),
      bytes: call.output.id === call.input.id ? 0 : bytesOf(call.output.shape),
    };
  });
}
