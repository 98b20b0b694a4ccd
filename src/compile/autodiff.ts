/** Reverse-mode differentiation: adds the gradient nodes of a scalar (or seeded) value to its graph. Pure; imports graph and util. */
import { ancestors } from '../graph/ancestors.ts';
import { constant } from '../graph/define-op.ts';
import { inScope } from '../graph/trace.ts';
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { sameShape, show, sizeOf } from '../util/shape.ts';

export interface AutodiffOptions {
  /** How two gradients of one value are added: the op `add`, passed in because this folder knows no ops. */
  readonly add: (a: Value, b: Value) => Value;
}

/** A value to differentiate and the gradient that arrives at it; without one, 1 for a scalar. */
export interface Seed {
  readonly value: Value;
  readonly gradient?: Value;
}

function seedGradient({ value, gradient }: Seed): Value {
  if (gradient) {
    if (!sameShape(value.shape, gradient.shape)) {
      throw new ShapeError(
        `gradient: the seed has shape ${show(gradient.shape)}, the value ${show(value.shape)}. Pass a seed of the same shape.`,
      );
    }
    return gradient;
  }
  if (sizeOf(value.shape) !== 1) {
    throw new ShapeError(
      `gradient: the value has shape ${show(value.shape)}, not a single element. Reduce it to a scalar or pass a seed gradient.`,
    );
  }
  return constant(1, value.shape);
}

/** Gradient of the seeds with respect to each of `wrt`; null for a value that they do not depend on. */
export function gradients(seeds: readonly Seed[], wrt: readonly Value[], { add }: AutodiffOptions): (Value | null)[] {
  const nodes = ancestors(seeds.map((seed) => seed.value));
  const needed = new Set(wrt.map((value) => value.id));
  for (const node of nodes) {
    if (node.inputs.some((value) => needed.has(value.id))) for (const output of node.outputs) needed.add(output.id);
  }
  const gradient = new Map<number, Value>();
  const accumulate = (value: Value, g: Value): void => {
    const before = gradient.get(value.id);
    gradient.set(value.id, before ? add(before, g) : g);
  };
  for (const seed of seeds) accumulate(seed.value, seedGradient(seed));

  for (const node of nodes.reverse()) {
    const dOutputs = node.outputs.map((output) => gradient.get(output.id) ?? null);
    const needs = node.inputs.map((value) => needed.has(value.id));
    if (dOutputs.every((g) => g === null) || !needs.includes(true)) continue;
    const rule = node.impl.grad;
    if (!rule)
      throw new ShapeError(
        `${node.op} "${node.scope}": has no gradient, but one of its inputs needs it. Use a differentiable op.`,
      );
    inScope(node.scope, () => {
      const results = rule({ inputs: node.inputs, outputs: node.outputs, dOutputs, needs });
      for (const [i, g] of results.entries()) if (g && needs[i]) accumulate(node.inputs[i]!, g);
    });
  }
  return wrt.map((value) => gradient.get(value.id) ?? null);
}
