/** Arithmetic and comparisons of two tensors with NumPy broadcasting: a row each. Imports graph, util and its shaders. */
import broadcastText from '../../shaders/binary/broadcast.wgsl?raw';
import columnsText from '../../shaders/binary/columns.wgsl?raw';
import sameText from '../../shaders/binary/same.wgsl?raw';
import libBroadcastText from '../../shaders/lib/broadcast.wgsl?raw';
import libColumnsText from '../../shaders/lib/columns.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import { defineOp } from '../graph/define-op.ts';
import { padChannels, physicalSize } from '../graph/layout.ts';
import type { Kernel, PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups, rowGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { broadcastShapes, ceilDiv, show } from '../util/shape.ts';
import { broadcastAxes, broadcastLayout, columnsOf, liesAs } from './broadcast.ts';
import { sumTo } from './reduce.ts';

const includes = {
  'lib/broadcast.wgsl': libBroadcastText,
  'lib/columns.wgsl': libColumnsText,
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
};
const same: ShaderSource = { file: 'binary/same.wgsl', text: sameText, includes };
const columns: ShaderSource = { file: 'binary/columns.wgsl', text: columnsText, includes };
const broadcast: ShaderSource = { file: 'binary/broadcast.wgsl', text: broadcastText, includes };

interface Row {
  /** WGSL of `a` and `b`. */
  readonly forward: string;
  /** WGSL of `a`, `b` and `dy`. `dy` itself where the gradient is just passed on; null where none flows. */
  readonly gradA: string | null;
  readonly gradB: string | null;
  /** f(0, 0) = 0. */
  readonly zeroPreserving: boolean;
}

/** 1 where it holds, else 0; no gradient. */
const comparison = (operator: string, zeroPreserving: boolean): Row => ({
  forward: `select(0.0, 1.0, a ${operator} b)`,
  gradA: null,
  gradB: null,
  zeroPreserving,
});

/** Ties of maximum and minimum: half of the gradient each, as in PyTorch. */
const rows = {
  add: { forward: 'a + b', gradA: 'dy', gradB: 'dy', zeroPreserving: true },
  sub: { forward: 'a - b', gradA: 'dy', gradB: '-dy', zeroPreserving: true },
  mul: { forward: 'a * b', gradA: 'dy * b', gradB: 'dy * a', zeroPreserving: true },
  div: { forward: 'a / b', gradA: 'dy / b', gradB: '-dy * a / (b * b)', zeroPreserving: false },
  maximum: {
    forward: 'max(a, b)',
    gradA: 'dy * select(select(0.0, 1.0, a > b), 0.5, a == b)',
    gradB: 'dy * select(select(0.0, 1.0, b > a), 0.5, a == b)',
    zeroPreserving: true,
  },
  minimum: {
    forward: 'min(a, b)',
    gradA: 'dy * select(select(0.0, 1.0, a < b), 0.5, a == b)',
    gradB: 'dy * select(select(0.0, 1.0, b < a), 0.5, a == b)',
    zeroPreserving: true,
  },
  pow: {
    forward: 'power(a, b)',
    gradA: 'select(dy * b * power(a, b - 1.0), 0.0, b == 0.0 || dy == 0.0)',
    // A negative base has no logarithm; at 0 the power does not change with the exponent.
    gradB: 'select(0.0, dy * power(a, b) * log(select(1.0, a, a > 0.0)), a > 0.0)',
    zeroPreserving: false,
  },
  greater: comparison('>', true),
  greaterEqual: comparison('>=', false),
  less: comparison('<', true),
  lessEqual: comparison('<=', false),
  equal: comparison('==', false),
  notEqual: comparison('!=', true),
  // b is the slope.
  prelu: {
    forward: 'select(a * b, a, a > 0.0)',
    gradA: 'select(dy * b, dy, a > 0.0)',
    gradB: 'select(dy * a, 0.0, a > 0.0)',
    zeroPreserving: true,
  },
} satisfies Record<string, Row>;

/** y = f(a, b), or with dy g(a, b, dy), of y's shape. */
interface Elementwise {
  readonly a: PlanValue;
  readonly b: PlanValue;
  readonly y: PlanValue;
  readonly dy?: PlanValue;
  /** WGSL of a, b and dy, and whether it makes 0 of zeros. */
  readonly expression: string;
  readonly zeroPreserving: boolean;
}

/** Kernels, best first: all lies in memory as y does; operands have numbers of channels or samples; anything. */
function elementwiseVariants(values: Elementwise, caps: DeviceCaps): Variant[] {
  const { a, b, y, dy, expression } = values;
  const slots = {
    function: dy
      ? `fn g(a: f32, b: f32, dy: f32) -> f32 { return ${expression}; }`
      : `fn f(a: f32, b: f32) -> f32 { return ${expression}; }`,
  };
  const start = { slots, bind: { a, b, y, ...(dy && { dy }) } };
  const count = physicalSize(y.shape, y.layout);
  const { rank, params } = broadcastAxes(y, { a, b, c: dy });
  const general: Kernel = {
    ...start,
    shader: broadcast,
    defines: { RANK: rank, GRAD: dy !== undefined },
    params: { count, ...params },
    workgroups: linearGroups(count, 64),
  };
  const same = [a, b].every((operand) => liesAs(y, operand)) ? sameKernel(values, start, caps) : null;
  const found = same ? null : columnsOf(y, { a, b }, caps);
  const byColumns = found && {
    ...start,
    ...found,
    shader: columns,
    defines: { ...found.defines, GRAD: dy !== undefined },
  };
  return [
    ...(same ? [{ id: 'same', kernels: [same] }] : []),
    ...(byColumns ? [{ id: 'columns', kernels: [byColumns] }] : []),
    { id: 'broadcast', kernels: [general] },
  ];
}

function sameKernel(
  { y, dy, zeroPreserving }: Elementwise,
  start: Pick<Kernel, 'slots' | 'bind'>,
  caps: DeviceCaps,
): Kernel {
  const count4 = ceilDiv(physicalSize(y.shape, y.layout), 4);
  const { each, workgroups } = rowGroups(count4, caps);
  const channels = y.layout === 'nhwc' ? y.shape[1]! : 1;
  const padded = y.layout === 'nhwc' ? padChannels(channels) : 1;
  return {
    ...start,
    shader: same,
    defines: { MASK: !zeroPreserving && channels !== padded, GRAD: dy !== undefined },
    params: { count4, each, channels, padded },
    workgroups,
  };
}

type GradAttrs = { readonly name: string; readonly expression: string };

/** The gradient of one operand at the shape of the result, before broadcast axes are summed. */
const binaryBackward = defineOp<GradAttrs>({
  name: 'binaryBackward',
  infer: ([, , dy]) => [{ shape: dy!.shape, dtype: 'f32' }],
  layout: (inputs) => ({ inputs: inputs.map((v) => v.layout), outputs: [inputs[2]!.layout] }),
  // Of zeros, as in padding, a quotient makes no zero.
  variants: ({ inputs: [a, b, dy], outputs: [y], attrs: { expression } }, caps) =>
    elementwiseVariants({ a: a!, b: b!, dy: dy!, y: y!, expression, zeroPreserving: false }, caps),
});

function defineBinary(name: string, row: Row) {
  const op = defineOp<Readonly<Record<string, never>>>({
    name,
    infer([a, b], _, at) {
      if (a!.dtype !== 'f32' || b!.dtype !== 'f32')
        throw new ShapeError(
          `${at}: operands are ${a!.dtype} ${show(a!.shape)} and ${b!.dtype} ${show(b!.shape)}. Pass f32 values.`,
        );
      return [{ shape: broadcastShapes(a!.shape, b!.shape, at), dtype: 'f32' }];
    },
    layout: broadcastLayout,
    // Either operand may be the result that a kernel is about to store; the other one is then read there.
    epilogue: (_, input) => ({
      name,
      expression: row.forward.replace(/\b[ab]\b/g, (operand) => ((operand === 'a') === (input === 0) ? 'v' : 's')),
      zeroPreserving: row.zeroPreserving,
      operand: 1 - input,
    }),
    grad({ inputs: [a, b], dOutputs: [dy], needs }) {
      const one = (expression: string | null, operand: Value): Value | null => {
        if (expression === null) return null;
        const d = expression === 'dy' ? dy! : binaryBackward([a!, b!, dy!], { name, expression })[0];
        return sumTo(d, operand.shape);
      };
      return [needs[0] ? one(row.gradA, a!) : null, needs[1] ? one(row.gradB, b!) : null];
    },
    variants: ({ inputs: [a, b], outputs: [y] }, caps) =>
      elementwiseVariants({ a: a!, b: b!, y: y!, expression: row.forward, zeroPreserving: row.zeroPreserving }, caps),
  });
  return (a: Value, b: Value): Value => op([a, b], {})[0];
}

/**
 * With NumPy broadcasting; each takes two values and gives one. Comparisons give 1 or 0, without a gradient. The power of a
 * negative base is 0 where the exponent is not whole, and so is its gradient to the exponent (in PyTorch both are NaN).
 * (torch.add, sub, mul, div, maximum, minimum, pow, gt, ge, lt, le, eq, ne)
 */
export const binary = {
  add: defineBinary('add', rows.add),
  sub: defineBinary('sub', rows.sub),
  mul: defineBinary('mul', rows.mul),
  div: defineBinary('div', rows.div),
  maximum: defineBinary('maximum', rows.maximum),
  minimum: defineBinary('minimum', rows.minimum),
  pow: defineBinary('pow', rows.pow),
  greater: defineBinary('greater', rows.greater),
  greaterEqual: defineBinary('greaterEqual', rows.greaterEqual),
  less: defineBinary('less', rows.less),
  lessEqual: defineBinary('lessEqual', rows.lessEqual),
  equal: defineBinary('equal', rows.equal),
  notEqual: defineBinary('notEqual', rows.notEqual),
};

export const { add, sub, mul, div, maximum, minimum, pow } = binary;
export const { greater, greaterEqual, less, lessEqual, equal, notEqual } = binary;

/** a where a > 0, else a * slope: prelu.ts, which checks and shapes the slope. */
export const preluRow = defineBinary('prelu', rows.prelu);
