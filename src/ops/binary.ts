/** Arithmetic of two tensors with NumPy broadcasting: a row each. Imports graph, util and its shaders. */
import broadcastText from '../../shaders/binary/broadcast.wgsl?raw';
import sameText from '../../shaders/binary/same.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import { defineOp } from '../graph/define-op.ts';
import { memoryAxes, padChannels, physicalSize, sameMemory, stridesOf } from '../graph/layout.ts';
import type { Kernel, LaidOut, LayoutChoice, PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { broadcastShapes, ceilDiv, sameShape, show } from '../util/shape.ts';
import { sumTo } from './reduce.ts';

const includes = { 'lib/linear-id.wgsl': linearIdText };
const same: ShaderSource = { file: 'binary/same.wgsl', text: sameText, includes };
const broadcast: ShaderSource = { file: 'binary/broadcast.wgsl', text: broadcastText, includes };

interface Row {
  /** WGSL of `a` and `b`. */
  readonly forward: string;
  /** WGSL of `a`, `b` and `dy`. `dy` itself where the gradient is just passed on. */
  readonly gradA: string;
  readonly gradB: string;
  /** f(0, 0) = 0. */
  readonly zeroPreserving: boolean;
}

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
} satisfies Record<string, Row>;

/** Strides of an operand along the result's axes, 0 where it is broadcast. */
function broadcastStrides(operand: PlanValue, rank: number): number[] {
  const own = stridesOf(operand.shape, operand.layout);
  const lead = rank - operand.shape.length;
  return Array.from({ length: rank }, (_, axis) =>
    axis < lead || operand.shape[axis - lead] === 1 ? 0 : own[axis - lead]!,
  );
}

interface BroadcastKernel {
  readonly a: PlanValue;
  readonly b: PlanValue;
  readonly y: PlanValue;
  readonly dy?: PlanValue;
  readonly body: string;
}

function broadcastVariant({ a, b, y, dy, body }: BroadcastKernel): Variant {
  const rank = y.shape.length;
  const count = physicalSize(y.shape, y.layout);
  const strides = [a, b, dy].map((operand) => (operand ? broadcastStrides(operand, rank) : []));
  // A scalar result still needs one axis.
  const axes = rank === 0 ? [{ axis: 0, size: 1 }] : memoryAxes(y.shape, y.layout);
  const params: Record<string, number> = { count };
  for (const [d, { axis, size }] of axes.entries()) {
    params[`size${d}`] = size;
    params[`real${d}`] = y.shape[axis] ?? 1;
    for (const [k, name] of ['a', 'b', 'd'].entries()) params[`${name}${d}`] = strides[k]![axis] ?? 0;
  }
  const kernel: Kernel = {
    shader: broadcast,
    defines: { RANK: axes.length, GRAD: dy !== undefined },
    slots: { function: body },
    bind: dy ? { a, b, y, dy } : { a, b, y },
    params,
    workgroups: linearGroups(count, 64),
  };
  return { id: 'broadcast', kernels: [kernel] };
}

function sameVariant(a: PlanValue, b: PlanValue, { y, row }: { y: PlanValue; row: Row }): Variant {
  const count4 = ceilDiv(physicalSize(y.shape, y.layout), 4);
  const channels = y.layout === 'nhwc' ? y.shape[1]! : 1;
  const padded = y.layout === 'nhwc' ? padChannels(channels) : 1;
  const kernel = {
    shader: same,
    defines: { MASK: !row.zeroPreserving && channels !== padded },
    slots: { function: `fn f(a: f32, b: f32) -> f32 { return ${row.forward}; }` },
    bind: { a, b, y },
    params: { count4, channels, padded },
    workgroups: linearGroups(count4, 64),
  };
  return { id: 'same', kernels: [kernel] };
}

/** Operands keep their layouts; the result takes that of the first operand that has its shape. */
function layoutOf(inputs: readonly LaidOut[]): LayoutChoice {
  const [a, b] = inputs as [LaidOut, LaidOut];
  const shape = broadcastShapes(a.shape, b.shape, 'layout');
  const like = [a, b].find((operand) => sameShape(operand.shape, shape));
  return { inputs: inputs.map((operand) => operand.layout), outputs: [like?.layout ?? 'plain'] };
}

type GradAttrs = { readonly name: string; readonly expression: string };

/** The gradient of one operand at the shape of the result, before broadcast axes are summed. */
const binaryBackward = defineOp<GradAttrs>({
  name: 'binaryBackward',
  infer: ([, , dy]) => [{ shape: dy!.shape, dtype: 'f32' }],
  layout: (inputs) => ({ inputs: inputs.map((v) => v.layout), outputs: [inputs[2]!.layout] }),
  variants: ({ inputs: [a, b, dy], outputs: [y], attrs: { expression } }) => [
    broadcastVariant({
      a: a!,
      b: b!,
      dy: dy!,
      y: y!,
      body: `fn g(a: f32, b: f32, dy: f32) -> f32 { return ${expression}; }`,
    }),
  ],
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
    layout: layoutOf,
    grad({ inputs: [a, b], dOutputs: [dy], needs }) {
      const one = (expression: string, operand: Value): Value =>
        sumTo(expression === 'dy' ? dy! : binaryBackward([a!, b!, dy!], { name, expression })[0], operand.shape);
      return [needs[0] ? one(row.gradA, a!) : null, needs[1] ? one(row.gradB, b!) : null];
    },
    variants({ inputs: [a, b], outputs: [y] }) {
      const aligned = [a!, b!].every((v) => sameShape(v.shape, y!.shape) && sameMemory(y!.shape, v.layout, y!.layout));
      const general = broadcastVariant({
        a: a!,
        b: b!,
        y: y!,
        body: `fn f(a: f32, b: f32) -> f32 { return ${row.forward}; }`,
      });
      return aligned ? [sameVariant(a!, b!, { y: y!, row }), general] : [general];
    },
  });
  return (a: Value, b: Value): Value => op([a, b], {})[0];
}

/** Arithmetic with NumPy broadcasting; each takes two values and gives one. (torch.add, sub, mul, div, maximum, minimum) */
export const binary = {
  add: defineBinary('add', rows.add),
  sub: defineBinary('sub', rows.sub),
  mul: defineBinary('mul', rows.mul),
  div: defineBinary('div', rows.div),
  maximum: defineBinary('maximum', rows.maximum),
  minimum: defineBinary('minimum', rows.minimum),
};

export const { add, sub, mul, div, maximum, minimum } = binary;
