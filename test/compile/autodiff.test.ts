/** Reverse-mode differentiation on toy graphs whose numbers are worked out on the host. No GPU. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { gradients } from '../../src/compile/autodiff.ts';
import { ancestors } from '../../src/graph/ancestors.ts';
import { constant, input } from '../../src/graph/define-op.ts';
import { inScope } from '../../src/graph/trace.ts';
import type { Value } from '../../src/graph/types.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { add, compute, fork, mul, plus, scale, sign } from './toy-ops.ts';

const options = { add: plus };

const derive = (value: Value, wrt: readonly Value[]) => gradients([{ value }], wrt, options);

/** Numbers of leaves by name. */
const given =
  (numbers: { readonly [name: string]: number }) =>
  ({ source }: Value): number =>
    'name' in source ? numbers[source.name]! : Number.NaN;

test('a value used twice gets the sum of both gradients', () => {
  const x = input('x', []);
  const [dx] = derive(plus(mul([x, x], {})[0], scale([x], { by: 5 })[0]), [x]);
  expect(compute(dx!, given({ x: 3 }))).toBe(2 * 3 + 5);
});

test('outputs that nobody reads bring no gradient, and two that are read bring both', () => {
  const x = input('x', []);
  const [two, three] = fork([x], {});
  expect(compute(derive(two, [x])[0]!, given({ x: 1 }))).toBe(2);
  expect(compute(derive(three!, [x])[0]!, given({ x: 1 }))).toBe(3);
  expect(compute(derive(mul([two, three!], {})[0], [x])[0]!, given({ x: 4 }))).toBe(2 * 6 * 4);
});

test('what has no influence has no gradient; what is the value itself has 1', () => {
  const [x, y] = [input('x', []), input('y', [])];
  const z = scale([x], { by: 2 })[0];
  const [dx, dy, dz] = derive(z, [x, y, z]);
  expect(dy).toBeNull();
  expect(compute(dx!, given({}))).toBe(2);
  expect(dz!.source).toEqual({ kind: 'constant', value: 1 });
});

test('no node is made for branches that do not lead to what is asked for', () => {
  const [x, y] = [input('x', []), input('y', [])];
  const [dx] = derive(mul([x, scale([y], { by: 2 })[0]], {})[0], [x]);
  const ops = ancestors([dx!]).map(({ op }) => op);
  expect(ops).toEqual(['scale', 'mul']);
});

test('several seeds add up; a seed is not differentiated', () => {
  const [x, s] = [input('x', [2]), input('s', [2])];
  const [a, b] = [scale([x], { by: 2 })[0], scale([x], { by: 7 })[0]];
  const [dx] = gradients(
    [
      { value: a, gradient: s },
      { value: b, gradient: constant(10, [2]) },
    ],
    [x],
    options,
  );
  expect(compute(dx!, given({ s: 3 }))).toBe(2 * 3 + 70);
});

test('an op without a gradient stands in the way only where one is needed', () => {
  const [x, y] = [input('x', []), input('y', [])];
  const z = inScope('layer1', () => plus(sign([x], {})[0], y));
  expect(compute(derive(z, [y])[0]!, given({}))).toBe(1);
  expect(() =>
    derive(
      inScope('layer1', () => sign([x], {})[0]),
      [x],
    ),
  ).toThrow(new ShapeError('sign "layer1": has no gradient, but one of its inputs needs it. Use a differentiable op.'));
});

test('gradient nodes carry the layer of the node they belong to', () => {
  const x = input('x', []);
  const y = inScope('layer1', () => mul([x, x], {})[0]);
  const [dx] = derive(y, [x]);
  const made = ancestors([dx!]).filter(({ op }) => op === 'mul');
  expect(made.map(({ scope }) => scope)).toEqual(['layer1', 'layer1']);
});

describe('seeds are checked', () => {
  test('a value that is no scalar needs one', () => {
    const x = input('x', [2, 3]);
    expect(() => derive(scale([x], { by: 2 })[0], [x])).toThrow(
      new ShapeError(
        'gradient: the value has shape [2,3], not a single element. Reduce it to a scalar or pass a seed gradient.',
      ),
    );
    expect(derive(scale([input('x', [1, 1])], { by: 2 })[0], [])).toEqual([]);
  });

  test('a seed has the shape of the value', () => {
    const x = input('x', [2, 3]);
    expect(() => gradients([{ value: x, gradient: constant(1, [3, 2]) }], [x], options)).toThrow(
      new ShapeError('gradient: the seed has shape [3,2], the value [2,3]. Pass a seed of the same shape.'),
    );
  });
});

test('ancestors come inputs before users, each once', () => {
  const x = input('x', []);
  const a = scale([x], { by: 2 })[0];
  const b = mul([a, a], {})[0];
  const c = add([b, a], {})[0];
  expect(ancestors([c, b, x]).map(({ op }) => op)).toEqual(['scale', 'mul', 'add']);
  expect(ancestors([x])).toEqual([]);
});

test('random graphs agree with central differences', () => {
  const step = fc.record({
    op: fc.constantFrom('add', 'mul', 'fork', 'scale'),
    a: fc.nat(),
    b: fc.nat(),
    by: fc.integer({ min: -2, max: 2 }),
  });
  const numbers = { x: 0.7, y: -0.4, z: 1.1 };
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const leaves = ['x', 'y', 'z'].map((name) => input(name, []));
      const values = [...leaves];
      for (const { op, a, b, by } of steps) {
        const [p, q] = [values[a % values.length]!, values[b % values.length]!];
        if (op === 'add') values.push(plus(p, q));
        else if (op === 'mul') values.push(mul([p, q], {})[0]);
        else if (op === 'scale') values.push(scale([p], { by })[0]);
        else values.push(...fork([p], {}));
      }
      const y = values.at(-1)!;
      for (const [i, g] of derive(y, leaves).entries()) {
        const name = (['x', 'y', 'z'] as const)[i]!;
        const at = (h: number) => compute(y, given({ ...numbers, [name]: numbers[name] + h }));
        const numeric = (at(1e-4) - at(-1e-4)) / 2e-4;
        const analytic = g ? compute(g, given(numbers)) : 0;
        expect(Math.abs(analytic - numeric)).toBeLessThan(1e-4 * (1 + Math.abs(numeric) ** 1.5));
      }
    }),
    { numRuns: 200, seed: 1 },
  );
});
