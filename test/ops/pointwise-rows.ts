/**
 * What every pointwise function must do, for the tests of pointwise.ts and activations.ts: golden cases, sizes around vec4
 * and workgroups, padding. May import src, test/support and loss-cases.
 */
import { describe, expect, it, test } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import type { Value } from '../../src/graph/types.ts';
import { add } from '../../src/ops/index.ts';
import { GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import type { ReferenceOp } from '../support/reference/attrs.ts';
import { referenceOp } from '../support/reference/index.ts';
import { map, need, type Tensor, tensor } from '../support/tensor.ts';
import { afterDirt, asNhwc, checkGolden, expectClose, memoryOf, PROFILES, runOp } from './loss-cases.ts';

type Attrs = { readonly [name: string]: number | string | null };

export interface Row {
  readonly op: string;
  /** In the reference and the golden data; null where they do not have it. */
  readonly golden: string | null;
  readonly attrs: Attrs;
  readonly apply: (x: Value, attrs: Attrs) => Value;
  /** In double precision, where there is no golden name: the derivative is taken by central differences. */
  readonly curve?: (x: number) => number;
  /** Default: values of any sign. */
  readonly domain?: 'positive';
}

/** A reference from a function of one number: its gradient by central differences. */
function fromCurve(curve: (x: number) => number): Required<ReferenceOp> {
  const h = 1e-5;
  return {
    forward: (tensors) => ({ y: map(need(tensors, 'x'), curve) }),
    backward: (tensors, _, upstream) => ({
      x: map(need(tensors, 'x'), (x, i) => (need(upstream, 'y').data[i]! * (curve(x + h) - curve(x - h))) / (2 * h)),
    }),
  };
}

export const referenceOf = ({ golden, curve }: Pick<Row, 'golden' | 'curve'>): ReferenceOp =>
  golden === null ? fromCurve(curve!) : referenceOp(golden);

const goldens = [...loadFamily(GOLDENS, 'activations'), ...loadFamily(GOLDENS, 'elementwise')];

const attrsOf = ({ attrs }: GoldenCase): Attrs =>
  Object.fromEntries(
    Object.entries(attrs).map(([name, value]) => [
      name,
      typeof value === 'number' || typeof value === 'string' ? value : null,
    ]),
  );

/** Values and gradients against the reference. `wrap` lays x out. */
export async function checkRow(
  row: Row,
  x: Tensor,
  { wrap = (v: Value) => v, atol = 2e-6, rtol = 1e-5 } = {},
): Promise<void> {
  const upstream = new Random(7).normal(x.shape);
  const results = await runOp({
    op: row.op,
    variant: 'vec4',
    inputs: { x: { tensor: x } },
    body: (v) => ({ y: row.apply(wrap(v.x!), row.attrs) }),
    wrt: ['x'],
    upstream,
  });
  const reference = referenceOf(row);
  expectClose(results.y!, reference.forward({ x }, row.attrs).y!, { name: 'y', atol, rtol });
  const { x: dx } = reference.backward!({ x }, row.attrs, { y: upstream });
  expectClose(results.grad_x!, dx!, { name: 'grad_x', atol: 2.5 * atol, rtol: 2 * rtol });
}

/** The tests that all rows share. */
export function describeRows(rows: readonly Row[]): void {
  describe.each(PROFILES)('golden cases, %s limits', (profile) => {
    for (const row of rows) {
      const own = goldens.filter(({ op }) => op === row.golden);
      it.each(own.map((golden) => [golden.name, golden] as const))('%s', async (_, golden) => {
        const body = ({ x }: { readonly [name: string]: Value }) => ({ y: row.apply(x!, attrsOf(golden)) });
        await checkGolden(golden, { op: row.op, variant: 'vec4', profile, body });
      });
    }
  });

  test('every function of the reference has golden cases', () => {
    const without = rows.filter(({ golden }) => golden !== null && !goldens.some(({ op }) => op === golden));
    expect(without.map(({ op }) => op)).toEqual([]);
  });

  describe.each(rows)('$op $attrs', (row) => {
    const random = new Random(5);
    const draw = (shape: readonly number[]) =>
      row.domain ? random.uniform(shape, { min: 0.1, max: 4 }) : random.normal(shape, { std: 2 });

    it.each([[[]], [[1]], [[3]], [[4]], [[5]], [[255]], [[257]], [[13, 1009]]])('shape %j', async (shape) => {
      await checkRow(row, draw(shape));
    });

    it('nhwc with padded channels: right values, and zero in the padding', async () => {
      const x = draw([2, 6, 3, 5]);
      await checkRow(row, x, { wrap: asNhwc });
      const { y } = await runOp({
        op: row.op,
        variant: 'vec4',
        inputs: { x: { tensor: x } },
        body: (v) => ({ y: memoryOf(row.apply(asNhwc(afterDirt(v.x!)), row.attrs)) }),
      });
      expect(y!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
    });

    it('the gradient leaves the padding zero', async () => {
      const x = draw([2, 6, 1, 3]);
      const results = await runOp({
        op: row.op,
        variant: 'vec4',
        inputs: {
          x: { tensor: x },
          seed: {
            tensor: tensor(
              x.shape,
              x.data.map(() => 1),
            ),
          },
        },
        body: (v) => {
          const laid = asNhwc(afterDirt(v.x!));
          const [dx] = gradients([{ value: row.apply(laid, row.attrs), gradient: asNhwc(v.seed!) }], [laid], { add });
          return { y: memoryOf(dx!) };
        },
      });
      expect(results.y!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
      expect(results.y!.every(Number.isFinite)).toBe(true);
    });
  });
}
