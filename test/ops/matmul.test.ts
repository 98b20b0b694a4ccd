/** matmul, linear and gemm: golden cases, random shapes, fusion and errors, on every variant that offers itself. */
import { describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import type { Value } from '../../src/graph/types.ts';
import { gemm, linear, matmul } from '../../src/ops/index.ts';
import { compile, grad } from '../../src/train/program.ts';
import { device } from '../support/device.ts';
import { compare, GOLDENS, type GoldenCase, loadFamily } from '../support/goldens.ts';
import { type Tensor, toFloat32 } from '../support/tensor.ts';

type Named<T> = { readonly [name: string]: T };

interface Case {
  readonly inputs: Named<Tensor>;
  readonly upstream?: Tensor;
  readonly body: (values: Named<Value>) => Value;
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

/** Runs a case on each variant that any of its products offers, on the full device and on one with default limits. */
async function everyVariant(one: Case, check: (data: Named<ArrayLike<number>>, at: string) => void): Promise<string[]> {
  const seen: string[] = [];
  for (const profile of [{}, { limits: 'default' as const }]) {
    const on = await device(profile);
    const best = await run(on, one);
    check(best.data, `best (${best.used})`);
    for (const variant of best.offered) {
      if (best.used.length === 1 && best.used[0] === variant) continue;
      check((await run(on, one, variant)).data, variant);
    }
    seen.push(...best.offered);
  }
  return seen;
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
