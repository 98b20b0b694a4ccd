/**
 * Runs ops that move elements against the float64 reference, for the tests of pad, concat, slice and upsample2d: every
 * variant, plain and nhwc, forward and gradient, with padding lanes. May import src and test/support.
 */
import { expect } from 'vitest';
import type { Value } from '../../src/graph/types.ts';
import { compile, grad, type Program } from '../../src/train/program.ts';
import { sizeOf } from '../../src/util/shape.ts';
import { device } from '../support/device.ts';
import type { Tolerance } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { type Attrs, referenceOp } from '../support/reference/index.ts';
import { type Tensor, toFloat32 } from '../support/tensor.ts';
import { afterDirt, asNhwc, expectClose, memoryOf, type Profile } from './loss-cases.ts';

export interface MoveCase {
  /** Name of the reference. */
  readonly op: string;
  readonly attrs: Attrs;
  /** Shapes of x, or of x0, x1, ... */
  readonly shapes: readonly (readonly number[])[];
  readonly apply: (values: readonly Value[]) => Value;
  readonly tolerance?: Tolerance;
  readonly profile?: Profile;
}

const EXACT = { atol: 0, rtol: 0 };

/** The padding lanes of an image in nhwc memory. */
export const paddingOf = (memory: ArrayLike<number>, channels: number): number[] => {
  const padded = channels === 1 ? 1 : Math.ceil(channels / 4) * 4;
  return Array.from(memory).filter((_, i) => i % padded >= channels);
};

async function runCase(c: MoveCase, nhwc: boolean, variant: string | null): Promise<Program> {
  const random = new Random(c.shapes.flat().reduce((seed, size) => seed * 31 + size, 7));
  const names = c.op === 'concat' ? c.shapes.map((_, i) => `x${i}`) : ['x'];
  const tensors: Record<string, Tensor> = Object.fromEntries(
    names.map((name, i) => [name, random.normal(c.shapes[i]!)]),
  );
  const { forward, backward } = referenceOp(c.op);
  const y = forward(tensors, c.attrs).y!;
  const dy = random.normal(y.shape);
  const gradients = backward!(tensors, c.attrs, { y: dy });
  const given = { ...tensors, dy };
  const images = nhwc ? names.filter((name) => tensors[name]!.shape.length === 4) : [];
  const program = await compile(
    await device({ limits: c.profile ?? 'adapter' }),
    Object.fromEntries(Object.entries(given).map(([name, { shape }]) => [name, { shape, dtype: 'f32' as const }])),
    (v) => {
      const into = (x: Value): Value => (nhwc ? asNhwc(x) : x);
      const leaves = names.map((name) => into(afterDirt(v[name]!)));
      const result = c.apply(leaves);
      const found = grad(result, leaves, { seed: into(v.dy!) });
      const all = { y: result, ...Object.fromEntries(names.map((name, i) => [`grad_${name}`, found[i]!])) };
      const memory = nhwc ? Object.entries(all).map(([name, value]) => [`${name}.memory`, memoryOf(value)]) : [];
      return { ...all, ...Object.fromEntries(memory) };
    },
    { choose: (_, ids) => ids.find((id) => id === variant) ?? ids[0]! },
  );
  const read = await program.run(Object.fromEntries(Object.entries(given).map(([name, t]) => [name, toFloat32(t)])));
  const tolerance = c.tolerance ?? EXACT;
  const check = (name: string, expected: Tensor): void => {
    expectClose(Float32Array.from(read[name]!), expected, { name, ...tolerance });
    if (images.length === 0) return;
    const lanes = paddingOf(read[`${name}.memory`]!, expected.shape[1]!);
    expect(
      lanes.filter((lane) => lane !== 0),
      `padding of ${name}`,
    ).toEqual([]);
    expect(read[`${name}.memory`]!.length).toBe(sizeOf(expected.shape) + lanes.length);
  };
  check('y', y);
  for (const name of names) check(`grad_${name}`, gradients[name]!);
  program.dispose();
  return program;
}

/** Runs a case in all variants, from plain memory and, for images, from nhwc. Gives the variants of its own dispatches. */
export async function checkMove(c: MoveCase): Promise<Set<string>> {
  const seen = new Set<string>();
  for (const nhwc of c.shapes[0]!.length === 4 ? [false, true] : [false]) {
    const first = await runCase(c, nhwc, null);
    const own = first.plan.dispatches.filter(({ label }) => /^(pad|concat|slice|upsample2d)/.test(label));
    for (const { candidates } of own) for (const id of candidates) seen.add(id);
    const others = new Set(own.flatMap(({ candidates }) => candidates.slice(1)));
    for (const id of others) await runCase(c, nhwc, id);
  }
  return seen;
}
