/**
 * Pointwise functions of one tensor: a row each. Names, defaults and conventions at the kinks are PyTorch's.
 * Imports graph, util and its shaders.
 */

import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import backwardText from '../../shaders/pointwise/backward.wgsl?raw';
import forwardText from '../../shaders/pointwise/forward.wgsl?raw';
import { defineOp, followFirst, type Op } from '../graph/define-op.ts';
import { padChannels, physicalSize } from '../graph/layout.ts';
import type { Attrs, Epilogue, PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, show } from '../util/shape.ts';

const includes = { 'lib/linear-id.wgsl': linearIdText, 'lib/math.wgsl': mathText };
const forward: ShaderSource = { file: 'pointwise/forward.wgsl', text: forwardText, includes };
const backward: ShaderSource = { file: 'pointwise/backward.wgsl', text: backwardText, includes };

/** A number as WGSL. */
const wgsl = (value: number): string => `(${value.toExponential()})`;

interface Row<A extends Attrs> {
  /** WGSL of `v`. */
  readonly forward: (a: A) => string;
  /** WGSL of `dy` and of `x` or `y`, as `saves` says. Must be 0 for dy = 0. */
  readonly grad: (a: A) => string;
  readonly saves: 'x' | 'y' | ((a: A) => 'x' | 'y');
  /** f(0) = 0: default true. */
  readonly zeroPreserving?: (a: A) => boolean;
}

type GradAttrs = { readonly name: string; readonly expression: string; readonly saves: 'x' | 'y' };

/** dx of any row: inputs dy and the saved tensor. */
const pointwiseBackward = defineOp<GradAttrs>({
  name: 'pointwiseBackward',
  infer: ([dy]) => [{ shape: dy!.shape, dtype: 'f32' }],
  layout: (inputs) => followFirst(inputs, 1),
  variants({ inputs: [dy, saved], outputs: [dx], attrs }): Variant[] {
    const count4 = ceilDiv(physicalSize(dx!.shape, dx!.layout), 4);
    const body = `fn g(dy: f32, ${attrs.saves}: f32) -> f32 { return ${attrs.expression}; }`;
    return [
      {
        id: 'vec4',
        kernels: [
          {
            shader: backward,
            slots: { function: body },
            bind: { dy: dy!, saved: saved!, dx: dx! },
            params: { count4 },
            workgroups: linearGroups(count4, 64),
          },
        ],
      },
    ];
  },
});

function forwardVariants(x: PlanValue, y: PlanValue, { expression, zeroPreserving }: Epilogue): Variant[] {
  const count4 = ceilDiv(physicalSize(y.shape, y.layout), 4);
  const channels = y.layout === 'nhwc' ? y.shape[1]! : 1;
  const padded = y.layout === 'nhwc' ? padChannels(channels) : 1;
  return [
    {
      id: 'vec4',
      kernels: [
        {
          shader: forward,
          defines: { MASK: !zeroPreserving && channels !== padded },
          slots: { function: `fn f(v: f32) -> f32 { return ${expression}; }` },
          bind: { x, y },
          params: { count4, channels, padded },
          workgroups: linearGroups(count4, 64),
        },
      ],
    },
  ];
}

function definePointwise<A extends Attrs>(name: string, row: Row<A>): Op<A> {
  const epilogue = (attrs: A): Epilogue => ({
    name,
    expression: row.forward(attrs),
    zeroPreserving: row.zeroPreserving?.(attrs) ?? true,
  });
  return defineOp<A>({
    name,
    infer([x], _, at) {
      if (x!.dtype !== 'f32') throw new ShapeError(`${at}: x is ${x!.dtype} ${show(x!.shape)}. Pass f32 values.`);
      return [{ shape: x!.shape, dtype: 'f32' }];
    },
    layout: (inputs) => followFirst(inputs, 1),
    epilogue,
    grad({ inputs: [x], outputs: [y], dOutputs: [dy], attrs }) {
      const saves = typeof row.saves === 'function' ? row.saves(attrs) : row.saves;
      return pointwiseBackward([dy!, saves === 'x' ? x! : y!], { name, expression: row.grad(attrs), saves });
    },
    variants: ({ inputs: [x], outputs: [y], attrs }) => forwardVariants(x!, y!, epilogue(attrs)),
  });
}

type None = Readonly<Record<string, never>>;

const never = (): boolean => false;

const rows = {
  relu: definePointwise<None>('relu', {
    forward: () => 'max(v, 0.0)',
    grad: () => 'select(0.0, dy, y > 0.0)',
    saves: 'y',
  }),
  leakyRelu: definePointwise<{ negativeSlope: number }>('leakyRelu', {
    forward: (a) => `select(v * ${wgsl(a.negativeSlope)}, v, v > 0.0)`,
    grad: (a) => `select(dy * ${wgsl(a.negativeSlope)}, dy, ${a.negativeSlope > 0 ? 'y' : 'x'} > 0.0)`,
    // y has the sign of x, and when only y is kept the activation can move into the kernel before it.
    saves: (a) => (a.negativeSlope > 0 ? 'y' : 'x'),
  }),
  sigmoid: definePointwise<None>('sigmoid', {
    forward: () => 'sigmoid(v)',
    grad: () => 'dy * y * (1.0 - y)',
    saves: 'y',
    zeroPreserving: never,
  }),
  tanh: definePointwise<None>('tanh', { forward: () => 'tanh_exact(v)', grad: () => 'dy * (1.0 - y * y)', saves: 'y' }),
  neg: definePointwise<None>('neg', { forward: () => '-v', grad: () => '-dy', saves: 'y' }),
  exp: definePointwise<None>('exp', {
    forward: () => 'exp(v)',
    grad: () => 'dy * y',
    saves: 'y',
    zeroPreserving: never,
  }),
  log: definePointwise<None>('log', {
    forward: () => 'log(v)',
    grad: () => 'select(0.0, dy / x, dy != 0.0)',
    saves: 'x',
    zeroPreserving: never,
  }),
  sqrt: definePointwise<None>('sqrt', {
    forward: () => 'sqrt(v)',
    grad: () => 'select(0.0, 0.5 * dy / y, dy != 0.0)',
    saves: 'y',
  }),
  abs: definePointwise<None>('abs', { forward: () => 'abs(v)', grad: () => 'dy * sign(x)', saves: 'x' }),
  addScalar: definePointwise<{ value: number }>('addScalar', {
    forward: (a) => `v + ${wgsl(a.value)}`,
    grad: () => 'dy',
    saves: 'y',
    zeroPreserving: (a) => a.value === 0,
  }),
  mulScalar: definePointwise<{ value: number }>('mulScalar', {
    forward: (a) => `v * ${wgsl(a.value)}`,
    grad: (a) => `dy * ${wgsl(a.value)}`,
    saves: 'y',
  }),
};

/** max(x, 0). The gradient at 0 is 0. (torch.relu) */
export const relu = (x: Value): Value => rows.relu([x], {})[0];

/** x where x > 0, else negativeSlope * x; default slope 0.01. (torch.nn.functional.leaky_relu) */
export const leakyRelu = (x: Value, { negativeSlope = 0.01 } = {}): Value => rows.leakyRelu([x], { negativeSlope })[0];

/** 1 / (1 + exp(-x)). (torch.sigmoid) */
export const sigmoid = (x: Value): Value => rows.sigmoid([x], {})[0];

/** Hyperbolic tangent. (torch.tanh) */
export const tanh = (x: Value): Value => rows.tanh([x], {})[0];

/** -x. (torch.neg) */
export const neg = (x: Value): Value => rows.neg([x], {})[0];

/** e to the power of x. (torch.exp) */
export const exp = (x: Value): Value => rows.exp([x], {})[0];

/** Natural logarithm, for x > 0. (torch.log) */
export const log = (x: Value): Value => rows.log([x], {})[0];

/** Square root, for x >= 0. (torch.sqrt) */
export const sqrt = (x: Value): Value => rows.sqrt([x], {})[0];

/** Absolute value; the gradient at 0 is 0. (torch.abs) */
export const abs = (x: Value): Value => rows.abs([x], {})[0];

/** x + value, a number. */
export const addScalar = (x: Value, value: number): Value => rows.addScalar([x], { value })[0];

/** x * value, a number. */
export const mulScalar = (x: Value, value: number): Value => rows.mulScalar([x], { value })[0];
