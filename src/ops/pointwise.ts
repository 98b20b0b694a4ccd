/**
 * Pointwise functions of one tensor, a row each: arithmetic here, activations in activations.ts. Names, defaults and
 * conventions at the kinks are PyTorch's. Imports graph, util and its shaders.
 */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import backwardText from '../../shaders/pointwise/backward.wgsl?raw';
import forwardText from '../../shaders/pointwise/forward.wgsl?raw';
import { defineOp, followFirst, type Op } from '../graph/define-op.ts';
import { padChannels, physicalSize } from '../graph/layout.ts';
import type { Attrs, EpilogueRule, PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { rowGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, show } from '../util/shape.ts';

const includes = { 'lib/linear-id.wgsl': linearIdText, 'lib/math.wgsl': mathText };
const forward: ShaderSource = { file: 'pointwise/forward.wgsl', text: forwardText, includes };
const backward: ShaderSource = { file: 'pointwise/backward.wgsl', text: backwardText, includes };

const LARGEST = 3.4028234663852886e38;

/** A number as WGSL; beyond float32 its largest. */
export const wgsl = (value: number): string => `(${Math.max(-LARGEST, Math.min(LARGEST, value)).toExponential()})`;

export interface Row<A extends Attrs> {
  /** WGSL of `v`. */
  readonly forward: (a: A) => string;
  /** WGSL of `dy` and of `x` or `y`, as `saves` says. Must be 0 for dy = 0. */
  readonly grad: (a: A) => string;
  readonly saves: 'x' | 'y' | ((a: A) => 'x' | 'y');
  /** Never falls where v grows: default false. */
  readonly monotone?: (a: A) => boolean;
  /** f(0) = 0: default true. */
  readonly zeroPreserving?: (a: A) => boolean;
}

type GradAttrs = { readonly name: string; readonly expression: string; readonly saves: 'x' | 'y' };

/** dx of any row: inputs dy and the saved tensor. */
const pointwiseBackward = defineOp<GradAttrs>({
  name: 'pointwiseBackward',
  infer: ([dy]) => [{ shape: dy!.shape, dtype: 'f32' }],
  layout: (inputs) => followFirst(inputs, 1),
  // The mask of an activation moves into the kernel that makes the gradient which arrives there.
  epilogue: ({ name, expression, saves }, input) =>
    input === 0
      ? {
          name: `${name}Backward`,
          expression: expression.replace(/\bdy\b/g, 'v').replace(new RegExp(`\\b${saves}\\b`, 'g'), 's'),
          zeroPreserving: true,
          operand: 1,
        }
      : null,
  variants({ inputs: [dy, saved], outputs: [dx], attrs }, caps): Variant[] {
    const count4 = ceilDiv(physicalSize(dx!.shape, dx!.layout), 4);
    const { each, workgroups } = rowGroups(count4, caps);
    const body = `fn g(dy: f32, ${attrs.saves}: f32) -> f32 { return ${attrs.expression}; }`;
    return [
      {
        id: 'vec4',
        kernels: [
          {
            shader: backward,
            slots: { function: body },
            bind: { dy: dy!, saved: saved!, dx: dx! },
            params: { count4, each },
            workgroups,
          },
        ],
      },
    ];
  },
});

interface Forward extends EpilogueRule {
  readonly caps: DeviceCaps;
}

function forwardVariants(x: PlanValue, y: PlanValue, { expression, zeroPreserving, caps }: Forward): Variant[] {
  const count4 = ceilDiv(physicalSize(y.shape, y.layout), 4);
  const { each, workgroups } = rowGroups(count4, caps);
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
          params: { count4, each, channels, padded },
          workgroups,
        },
      ],
    },
  ];
}

/** The op of a row. */
export function definePointwise<A extends Attrs>(name: string, row: Row<A>): Op<A> {
  const epilogue = (attrs: A): EpilogueRule => ({
    name,
    expression: row.forward(attrs),
    zeroPreserving: row.zeroPreserving?.(attrs) ?? true,
    operand: null,
  });
  return defineOp<A>({
    name,
    infer([x], _, at) {
      if (x!.dtype !== 'f32') throw new ShapeError(`${at}: x is ${x!.dtype} ${show(x!.shape)}. Pass f32 values.`);
      return [{ shape: x!.shape, dtype: 'f32' }];
    },
    layout: (inputs) => followFirst(inputs, 1),
    pointwise: (attrs) => (row.monotone?.(attrs) ? 'monotone' : 'other'),
    epilogue,
    grad({ inputs: [x], outputs: [y], dOutputs: [dy], attrs }) {
      const saves = typeof row.saves === 'function' ? row.saves(attrs) : row.saves;
      return pointwiseBackward([dy!, saves === 'x' ? x! : y!], { name, expression: row.grad(attrs), saves });
    },
    variants: ({ inputs: [x], outputs: [y], attrs }, caps) => forwardVariants(x!, y!, { ...epilogue(attrs), caps }),
  });
}

/** Attributes of a function that has none. */
export type None = Readonly<Record<string, never>>;

/** x to a fixed power as WGSL of `v`: products and square roots where they do. */
function powerText(v: string, exponent: number): string {
  const size = Math.abs(exponent);
  if (size > 8 || !Number.isInteger(2 * size)) return `power(${v}, ${wgsl(exponent)})`;
  const factors = new Array<string>(Math.floor(size)).fill(v);
  if (!Number.isInteger(size)) factors.push(`sqrt(${v})`);
  const product = factors.join(' * ') || '1.0';
  return exponent < 0 ? `1.0 / (${product})` : product;
}

const bounds = { min: -LARGEST, max: LARGEST };

/** For rows whose function is monotone. */
export const always = (): boolean => true;

/** For rows whose function is not 0 at 0. */
export const never = (): boolean => false;

const rows = {
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
  powScalar: definePointwise<{ exponent: number }>('powScalar', {
    forward: (a) => powerText('v', a.exponent),
    grad: (a) =>
      a.exponent === 0
        ? '0.0 * dy'
        : `select(0.0, dy * ${wgsl(a.exponent)} * ${powerText('x', a.exponent - 1)}, dy != 0.0)`,
    saves: 'x',
    zeroPreserving: (a) => a.exponent > 0,
  }),
  clamp: definePointwise<{ min: number | null; max: number | null }>('clamp', {
    // As PyTorch has it: max wins where min is above it.
    forward: ({ min, max }) => `min(max(v, ${wgsl(min ?? bounds.min)}), ${wgsl(max ?? bounds.max)})`,
    grad: ({ min, max }) => `select(0.0, dy, x >= ${wgsl(min ?? bounds.min)} && x <= ${wgsl(max ?? bounds.max)})`,
    saves: 'x',
    zeroPreserving: ({ min, max }) => (min ?? 0) <= 0 && (max ?? 0) >= 0,
  }),
};

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

/** x to the power of a number. Negative x need a whole exponent, or the result is 0 (in PyTorch NaN). (torch.pow) */
export const powScalar = (x: Value, exponent: number): Value => rows.powScalar([x], { exponent })[0];

export interface ClampOptions {
  /** Default: no lower bound. */
  readonly min?: number | null;
  /** Default: no upper bound; it wins over a `min` above it. */
  readonly max?: number | null;
}

const finite = (bound: number | null): number | null => (bound !== null && Number.isFinite(bound) ? bound : null);

/** x within bounds; the gradient passes between them and at both. (torch.clamp) */
export const clamp = (x: Value, { min = null, max = null }: ClampOptions): Value =>
  rows.clamp([x], { min: finite(min), max: finite(max) })[0];
