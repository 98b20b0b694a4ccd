/** matmul, linear and gemm: golden cases, random shapes, fusion and errors, on every variant that offers itself. */
import { describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { input } from '../../src/graph/define-op.ts';
import { inScope } from '../../src/graph/trace.ts';
import type { PlanValue, Value } from '../../src/graph/types.ts';
import { gemm, linear, matmul, relu, sigmoid } from '../../src/ops/index.ts';
import { compile, grad } from '../../src/train/program.ts';
import { DEFAULT_CAPS, type DeviceCaps } from '../../src/util/caps.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { compare, GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { referenceOp } from '../support/reference/index.ts';
import { map, type Tensor, toFloat32 } from '../support/tensor.ts';

type Named<T> = { readonly [name: string]: T };

interface Case {
  readonly inputs: Named<Tensor>;
  readonly upstream?: Tensor;
  readonly body: (values: Named<Value>) => Value;
}

/** Ids of the kernels of a node, best first. */
function variantIds({ source }: Value, caps: DeviceCaps): string[] {
  if (source.kind !== 'node') throw new Error('no node');
  const laidOut = (v: Value): PlanValue => ({ ...v, layout: 'plain', source: { kind: 'node' } });
  const { inputs, outputs, impl } = source.node;
  const context = {
    inputs: inputs.map(laidOut),
    outputs: outputs.map(laidOut),
    used: [true],
    epilogue: null,
    window: null,
  };
  return impl.variants(context, caps).map(({ id }) => id);
}

/** y and, with an upstream gradient, the gradient of each input; with the variants that its products were offered. */
async function run(on: Device, { inputs, upstream, body }: Case, variant?: string) {
  const all: Named<Tensor> = upstream ? { ...inputs, upstream } : inputs;
  const specs = Object.fromEntries(
    Object.entries(all).map(([name, t]) => [name, { shape: t.shape, dtype: 'f32' as const }]),
  );
  const offered = new Set<string>();
  const used = new Set<string>();
  const program = await compile(
    on,
    specs,
    (values) => {
      const y = body(values as Named<Value>);
      if (!upstream) return { y };
      const names = Object.keys(inputs);
      const gradients = grad(
        y,
        names.map((name) => values[name]!),
        { seed: values.upstream! },
      );
      return { y, ...Object.fromEntries(names.map((name, i) => [`grad_${name}`, gradients[i]!])) };
    },
    {
      choose({ op }, ids) {
        const id = variant && ids.includes(variant) ? variant : ids[0]!;
        if (op !== 'matmul') return ids[0]!;
        for (const one of ids) offered.add(one);
        used.add(id);
        return id;
      },
    },
  );
  try {
    const data = await program.run(Object.fromEntries(Object.entries(all).map(([name, t]) => [name, toFloat32(t)])));
    return { data, offered: [...offered], used: [...used], plan: program.plan };
  } finally {
    program.dispose();
  }
}

/** Checks a case on each variant that any of its products offers, and on the best one of a device with default limits. */
async function everyVariant(one: Case, check: (data: Named<ArrayLike<number>>, at: string) => void): Promise<string[]> {
  const plain = await run(await device({ limits: 'default' }), one);
  check(plain.data, `default limits, ${plain.used}`);
  const on = await device();
  const best = await run(on, one);
  check(best.data, `best, ${best.used}`);
  for (const variant of best.offered) {
    if (best.used.length === 1 && best.used[0] === variant) continue;
    check((await run(on, one, variant)).data, variant);
  }
  return best.offered;
}

const flag = (golden: GoldenCase, name: string): boolean => golden.attrs[name] === true;
const factor = (golden: GoldenCase, name: string): number =>
  typeof golden.attrs[name] === 'number' ? golden.attrs[name] : 1;

function bodyOf(golden: GoldenCase): Case['body'] {
  const transposes = { transposeA: flag(golden, 'transpose_a'), transposeB: flag(golden, 'transpose_b') };
  switch (golden.op) {
    case 'linear':
      return ({ x, weight, bias }) => linear(x!, weight!, bias ?? null);
    case 'matmul':
      return ({ a, b }) => matmul(a!, b!, transposes);
    default:
      return ({ a, b, c }) =>
        gemm(a!, b!, c ?? null, { ...transposes, alpha: factor(golden, 'alpha'), beta: factor(golden, 'beta') });
  }
}

const asTensor = (golden: GoldenCase, name: string): Tensor => {
  const { shape, data } = golden.tensors.get(name)!;
  return { shape, data: Float64Array.from(data) };
};

describe('golden cases', () => {
  const goldens = loadFamily(GOLDENS, 'linear');
  test.each(goldens.map((golden) => [golden.name, golden] as const))('%s', async (_, golden) => {
    const inputs = Object.fromEntries(golden.inputs.map((name) => [name, asTensor(golden, name)]));
    const upstream = asTensor(golden, golden.upstream.y!);
    expect(Object.keys(golden.gradients)).toEqual(golden.inputs);
    await everyVariant({ inputs, upstream, body: bodyOf(golden) }, (data, at) => {
      for (const [name, tensor] of [['y', 'y'], ...golden.inputs.map((i) => [`grad_${i}`, golden.gradients[i]!])] as [
        string,
        string,
      ][]) {
        const result = compare(data[name]!, golden.tensors.get(tensor)!, golden.tolerance[tensor]);
        expect(result.ok, `${at}, ${name}: ${result.message}`).toBe(true);
      }
    });
  });
});

const reference = referenceOp('matmul');
const magnitude = (t: Tensor): Tensor => map(t, Math.abs);

interface Shapes {
  readonly a: readonly number[];
  readonly b: readonly number[];
  readonly ta?: boolean;
  readonly tb?: boolean;
}

/** Ones, primes, and sizes around the edges of tiles (8, 16, 32, 64), multiples of 4 or not, long k, broadcast batches. */
const SHAPES: readonly Shapes[] = [
  { a: [1, 1], b: [1, 1] },
  { a: [1, 37], b: [37, 1] },
  { a: [33, 1], b: [1, 31] },
  { a: [7, 13], b: [11, 13], tb: true },
  { a: [31, 64], b: [64, 65] },
  { a: [65, 33], b: [33, 64] },
  { a: [64, 33], b: [32, 64], ta: true, tb: true },
  { a: [9, 36], b: [9, 20], ta: true },
  { a: [64, 84], b: [10, 84], tb: true },
  { a: [8, 515], b: [515, 17] },
  { a: [1031, 6], b: [12, 1031], ta: true, tb: true },
  { a: [2, 1, 12, 20], b: [3, 20, 8] },
  { a: [1, 5, 7], b: [4, 9, 7], tb: true },
  { a: [3, 9, 5], b: [2, 1, 9, 4], ta: true },
];

describe('shapes', () => {
  const named = SHAPES.map((s) => [`${s.a}${s.ta ? "'" : ''} * ${s.b}${s.tb ? "'" : ''}`, s] as const);
  test.each(named)('%s', async (_, { a, b, ta = false, tb = false }) => {
    const random = new Random(a[0]! * 1000 + b[0]!);
    const attrs = { transpose_a: ta, transpose_b: tb };
    const body: Case['body'] = (v) => matmul(v.a!, v.b!, { transposeA: ta, transposeB: tb });
    const normal = { a: random.normal(a), b: random.normal(b) };
    const { y } = reference.forward(normal, attrs);
    const { y: size } = reference.forward({ a: magnitude(normal.a), b: magnitude(normal.b) }, attrs);
    const allowed = 4 * 2 ** -24 * Math.sqrt(a.at(ta ? -2 : -1)!);
    const offered = await everyVariant({ inputs: normal, body }, (data, at) => {
      expect(data.y!.length).toBe(y!.data.length);
      const wrong = y!.data.findIndex((want, i) => !(Math.abs(data.y![i]! - want) <= allowed * size!.data[i]!));
      expect(wrong, `${at}: element ${wrong} is ${data.y![wrong]}, expected ${y!.data[wrong]}`).toBe(-1);
    });
    expect(offered).toEqual(expect.arrayContaining(['direct', 'tiled32']));
    const integers = { a: random.integers(a), b: random.integers(b) };
    const exact = toFloat32(reference.forward(integers, attrs).y!);
    await everyVariant({ inputs: integers, body }, (data, at) => expect(data.y, at).toEqual(exact));
  });

  test('each kind of kernel is offered somewhere', () => {
    const ids = (caps: DeviceCaps, { m, n, k }: { m: number; n: number; k: number }) =>
      variantIds(matmul(input('a', [m, k]), input('b', [k, n])), caps);
    const software = { ...DEFAULT_CAPS, software: true, subgroups: true, subgroupMinSize: 8, subgroupMaxSize: 8 };
    expect(ids(software, { m: 512, n: 512, k: 512 })[0]).toBe('subgroup32');
    expect(ids(software, { m: 8, n: 8, k: 8192 })[0]).toBe('subgroup8-split');
    expect(ids({ ...software, subgroupMaxSize: 16 }, { m: 512, n: 512, k: 512 })[0]).toBe('tiled64');
    expect(ids(DEFAULT_CAPS, { m: 2048, n: 2048, k: 64 })[0]).toBe('tiled64');
    expect(ids(DEFAULT_CAPS, { m: 64, n: 64, k: 64 })[0]).toBe('tiled32');
    expect(ids(DEFAULT_CAPS, { m: 64, n: 64, k: 4096 })[0]).toBe('tiled32-split');
    expect(ids(DEFAULT_CAPS, { m: 3, n: 3, k: 3 })[0]).toBe('direct');
    expect(ids({ ...DEFAULT_CAPS, software: true }, { m: 500, n: 10, k: 64 })[0]).toBe('direct');
  });
});

describe('fusion', () => {
  test.each([
    ['relu', 5, 12, 1024, relu, (v: number) => Math.max(v, 0)],
    ['sigmoid', 34, 10, 260, sigmoid, (v: number) => 1 / (1 + Math.exp(-v))],
  ] as const)('bias and %s are applied while storing', async (name, m, n, k, activation, expected) => {
    const random = new Random(7);
    const inputs = { x: random.normal([m, k]), weight: random.normal([n, k], { std: 0.1 }), bias: random.normal([n]) };
    const body: Case['body'] = ({ x, weight, bias }) => activation(linear(x!, weight!, bias!));
    const y = map(referenceOp('linear').forward(inputs, {}).y!, expected);
    const offered = await everyVariant({ inputs, body }, (data, at) => {
      const result = compare(data.y!, y, { atol: 2e-5, rtol: 1e-5 });
      expect(result.ok, `${at}: ${result.message}`).toBe(true);
    });
    for (const variant of offered) {
      const { plan } = await run(await device(), { inputs, body }, variant);
      expect(plan.dispatches.map((d) => d.label)).toEqual(
        new Array(variant.endsWith('-split') ? 2 : 1).fill(`matmul+${name}`),
      );
    }
    expect(offered.some((id) => id.endsWith('-split'))).toBe(true);
  });

  test('a matrix times itself', async () => {
    const inputs = { a: new Random(3).integers([36, 36]) };
    const want = toFloat32(
      reference.forward({ a: inputs.a, b: inputs.a }, { transpose_a: false, transpose_b: true }).y!,
    );
    await everyVariant({ inputs, body: ({ a }) => matmul(a!, a!, { transposeB: true }) }, (data, at) =>
      expect(data.y, at).toEqual(want),
    );
  });
});

describe('shapes and errors, without a device', () => {
  const x = (...shape: number[]): Value => input('x', shape);

  test('shapes', () => {
    expect(matmul(x(2, 1, 3, 4), x(5, 4, 6)).shape).toEqual([2, 5, 3, 6]);
    expect(matmul(x(4, 3), x(6, 4), { transposeA: true, transposeB: true }).shape).toEqual([3, 6]);
    expect(linear(x(7, 2, 5), x(3, 5)).shape).toEqual([7, 2, 3]);
    expect(linear(x(5), x(3, 5), x(3)).shape).toEqual([3]);
    expect(gemm(x(2, 3), x(3, 4), x(1, 4), { beta: 2 }).shape).toEqual([2, 4]);
  });

  test('one weight for a batch of matrices needs no batched gradient', () => {
    const weight = x(4, 5);
    const [dw] = grad(matmul(x(8, 3, 4), weight), [weight], { seed: x(8, 3, 5) });
    expect(dw!.source.kind === 'node' && dw!.source.node.inputs.map((v) => v.shape)).toEqual([
      [24, 4],
      [24, 5],
    ]);
  });

  test.each([
    [
      () => linear(x(128, 400), x(120, 256)),
      /^linear "fc1": input has 400 features, the weight takes 256 \(input \[128,400\], weight \[120,256\]\)\. Set/,
    ],
    [
      () => linear(x(2, 3), x(5, 3), x(4)),
      /^linear "fc1": bias is \[4\], the weight gives 5 outputs \(input \[2,3\], weight \[5,3\], bias \[4\]\)\. Pass/,
    ],
    [() => linear(x(2, 3), x(3)), /the weight has rank 1, 2 is needed/],
    [() => matmul(x(2, 3), x(4, 5)), /^matmul "fc1": a has 3 columns, b has 4 rows \(a \[2,3\], b \[4,5\]\)\. Make/],
    [() => matmul(x(2, 3), x(3, 5), { transposeA: true }), /a has 2 columns \(transposed\), b has 3 rows/],
    [() => matmul(x(3), x(3, 5)), /a has rank 1, matrices need 2 or more .*Reshape it, to \[1,3\]/],
    [() => matmul(x(2, 2, 3), x(4, 3, 5)), /sizes 2 and 4 do not broadcast/],
    [
      () => matmul(x(2, 3), x(3, 5), { bias: x(3) }),
      /bias is \[3\], the product has 5 columns .*Pass a bias of shape \[5\]/,
    ],
    [() => matmul(input('x', [2, 3], 'i32'), x(3, 5)), /matrices of i32 are given, f32 is needed/],
  ])('error %#', (body, message) => {
    expect(() => inScope('fc1', body)).toThrow(ShapeError);
    expect(() => inScope('fc1', body)).toThrow(message);
  });
});
