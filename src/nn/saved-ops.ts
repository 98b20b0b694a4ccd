/** The ops that a saved model may apply outside of layers, by the names of their nodes. Imports graph types, ops. */
import type { Attrs, Value } from '../graph/types.ts';
import * as ops from '../ops/index.ts';

export interface SavedOp {
  /** Number of values it takes; 0: any number from 1. */
  readonly inputs: number;
  apply(values: readonly Value[], attrs: Attrs): Value;
  /** The attributes as a file keeps them, where those of a batch of one sample will not do. */
  save?(attrs: Attrs, output: Value): Attrs;
}

const unary = (apply: (x: Value, attrs: Attrs) => Value): SavedOp => ({
  inputs: 1,
  apply: ([x], attrs) => apply(x!, attrs),
});

/** Functions of one value without options. */
const { relu, relu6, sigmoid, tanh, selu, silu, mish, hardswish, hardsigmoid, softsign } = ops;
const { neg, exp, log, sqrt, abs } = ops;
const functions = {
  ...{ relu, relu6, sigmoid, tanh, selu, silu, mish, hardswish, hardsigmoid, softsign },
  ...{ neg, exp, log, sqrt, abs },
};

const entries = <T>(table: { readonly [name: string]: T }, make: (entry: T) => SavedOp): { [name: string]: SavedOp } =>
  Object.fromEntries(Object.entries(table).map(([name, entry]) => [name, make(entry)]));

/** Attributes are the options of the function, unless an entry says otherwise. */
export const savedOps: { readonly [name: string]: SavedOp } = {
  ...entries(ops.binary, (op): SavedOp => ({ inputs: 2, apply: ([a, b]) => op(a!, b!) })),
  ...entries(functions, (op) => unary((x) => op(x))),
  leakyRelu: unary((x, attrs) => ops.leakyRelu(x, attrs as { negativeSlope: number })),
  elu: unary((x, attrs) => ops.elu(x, attrs as { alpha: number })),
  celu: unary((x, attrs) => ops.celu(x, attrs as { alpha: number })),
  gelu: unary((x, attrs) => ops.gelu(x, attrs as { approximate: 'none' | 'tanh' })),
  softplus: unary((x, attrs) => ops.softplus(x, attrs as { beta: number; threshold: number })),
  clamp: unary((x, attrs) => ops.clamp(x, attrs as { min: number | null; max: number | null })),
  powScalar: unary((x, { exponent }) => ops.powScalar(x, Number(exponent))),
  addScalar: unary((x, { value }) => ops.addScalar(x, Number(value))),
  mulScalar: unary((x, { value }) => ops.mulScalar(x, Number(value))),
  softmax: unary((x, attrs) => ops.softmax(x, attrs as { axis: number })),
  logSoftmax: unary((x, attrs) => ops.logSoftmax(x, attrs as { axis: number })),
  concat: { inputs: 0, apply: (values, attrs) => ops.concat(values, attrs as { axis: number }) },
  slice: unary((x, attrs) => ops.slice(x, attrs as Attrs & ops.SliceOptions)),
  pad: unary((x, attrs) => ops.pad(x, attrs as Attrs & ops.PadOptions)),
  upsample2d: unary((x, attrs) => ops.upsample2d(x, attrs as ops.UpsampleOptions)),
  transpose: unary((x, { perm }) => ops.transpose(x, perm as readonly number[])),
  reshape: {
    inputs: 1,
    apply: ([x], { shape }) => ops.reshape(x!, shape as readonly number[]),
    // The first axis goes with the batch.
    save: (_, { shape }) => ({ shape: [-1, ...shape.slice(1)] }),
  },
};
