/** Mixed batches, against the host to the bit where no rounding is in play; the numbers of a step and their distribution. */
import { describe, expect, test } from 'vitest';
import { input } from '../../src/graph/define-op.ts';
import { mixLabels, mixSamples, mixValues } from '../../src/ops/index.ts';
import { cutmix, drawMix, type Mix, mixup, mixWords } from '../../src/train/mix.ts';
import { f32, i32 } from '../../src/train/program.ts';
import { ArgumentError, ShapeError } from '../../src/util/errors.ts';
import { streamKey } from '../../src/util/shuffle.ts';
import { Random } from '../support/random.ts';
import { toFloat32 } from '../support/tensor.ts';
import { memoryOf } from './loss-cases.ts';
import { runSteps } from './step-cases.ts';

const partnerOf = (r: number, batch: number): number => (r + batch - 1) % batch;

describe.each([
  [1, 1, 4, 4],
  [3, 1, 5, 7],
  [5, 3, 6, 4],
  [2, 5, 3, 3],
])('samples [%i, %i, %i, %i]', (n, c, h, w) => {
  const x = toFloat32(new Random(n).normal([n, c, h, w]));
  const labels = Int32Array.from({ length: n }, (_, i) => (i * 2) % 4);
  const inputs = { x: { spec: f32(n, c, h, w), data: x }, y: { spec: i32(n), data: labels } };
  const each = c * h * w;
  const size = [h, w];

  test.each<readonly [Mix, boolean]>([
    [mixup({ alpha: 0.4 }), true],
    [mixup({ alpha: 3 }), false],
    [cutmix(), true],
    [cutmix({ alpha: 0.3 }), false],
  ])('%o, on a CPU: %s', async (mix, software) => {
    const keys = [1, 2, 3, 4].map((i) => streamKey(i, 0));
    const options = { kind: mix.kind, size };
    const results = await runSteps(
      inputs,
      (v) => ({
        x: mixSamples(v.x!, options),
        labels: mixLabels(v.y!, { ...options, classes: 4 }),
        values: mixValues(v.x!, options),
      }),
      { steps: keys.map((key) => ({ mix: mixWords(mix, { key, size }) })), caps: { software } },
    );
    for (const [step, key] of keys.entries()) {
      const { share, box } = drawMix(mix, { key, size });
      const other = (i: number): number => partnerOf(Math.floor(i / each), n) * each + (i % each);
      const inBox = (i: number): boolean => {
        const [y, xx] = [Math.floor(i / w) % h, i % w];
        return xx >= box.x[0] && xx < box.x[1] && y >= box.y[0] && y < box.y[1];
      };
      const mean = x.map((v, i) => share * v + (1 - share) * x[other(i)]!);
      const { x: got, labels: probs, values } = results[step]!;
      if (mix.kind === 'cutmix') expect(got).toEqual(x.map((v, i) => (inBox(i) ? x[other(i)]! : v)));
      else for (const [i, v] of got!.entries()) expect(Math.abs(v - mean[i]!)).toBeLessThan(1e-6);
      for (const [i, v] of values!.entries()) expect(Math.abs(v - mean[i]!)).toBeLessThan(1e-6);
      for (const [i, v] of probs!.entries()) {
        const [r, k] = [Math.floor(i / 4), i % 4];
        const hot = (s: number): number => (labels[s] === k ? 1 : 0);
        expect(v).toBeCloseTo(share * hot(r) + (1 - share) * hot(partnerOf(r, n)), 6);
      }
    }
  });
});

test('a share of 1 changes no bit, labels that are no class give zeros, padding stays zero', async () => {
  const x = toFloat32(new Random(3).normal([4, 3, 2, 2]));
  const one = new Uint32Array(Float32Array.of(1).buffer)[0]!;
  const [a] = await runSteps(
    { x: { spec: f32(4, 3, 2, 2), data: x }, y: { spec: i32(4), data: Int32Array.of(0, -100, 1, 2) } },
    (v) => ({
      x: mixSamples(v.x!, { kind: 'mixup', size: [2, 2] }),
      y: mixLabels(v.y!, { kind: 'mixup', size: [2, 2], classes: 3 }),
      cut: memoryOf(mixSamples(v.x!, { kind: 'cutmix', size: [2, 2] })),
    }),
    [{ mix: [one, 0] }],
  );
  expect(a!.x).toEqual(x);
  expect([...a!.y!]).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
  expect([...a!.cut!].filter((v, i) => i % 4 === 3 && v !== 0)).toEqual([]);
});

describe('the numbers of a step', () => {
  const drawn = (mix: Mix, size = [32, 24]) =>
    Array.from({ length: 4000 }, (_, i) => drawMix(mix, { key: streamKey(1, 2 * i), size }));

  test.each([0.05, 0.2, 1, 4])('Beta(%d, %d) has its mean and variance', (alpha) => {
    const shares = drawn(mixup({ alpha })).map(({ share }) => share);
    expect(shares.every((s) => s >= 0 && s <= 1)).toBe(true);
    const mean = shares.reduce((a, b) => a + b) / 4000;
    const variance = shares.reduce((a, b) => a + (b - mean) ** 2, 0) / 4000;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
    expect(variance).toBeCloseTo(1 / (4 * (2 * alpha + 1)), 1.7);
  });

  test('boxes lie inside, their area is the rest of the share', () => {
    for (const { share, box } of drawn(cutmix())) {
      const [width, height] = [box.x[1] - box.x[0], box.y[1] - box.y[0]];
      expect(box.x[0] >= 0 && box.x[1] <= 24 && width >= 0 && box.y[0] >= 0 && box.y[1] <= 32 && height >= 0).toBe(
        true,
      );
      expect(share).toBe(1 - (width * height) / (32 * 24));
    }
  });

  test('the same for the same key, others for another', () => {
    const at = (key: number) => mixWords(mixup({ alpha: 1 }), { key, size: [8, 8] });
    expect(at(5)).toEqual(at(5));
    expect(at(5)).not.toEqual(at(6));
  });
});

test('what cannot be', () => {
  expect(() => mixup({ alpha: 0 })).toThrow(new ArgumentError('mixup: alpha is 0. Pass a number above 0.'));
  expect(() => cutmix({ alpha: Number.NaN })).toThrow('cutmix: alpha is NaN.');
  expect(() => mixSamples(input('x', [2, 6]), { kind: 'cutmix', size: [] })).toThrow(ShapeError);
  expect(() => mixLabels(input('y', [2, 6], 'i32'), { kind: 'mixup', size: [], classes: 3 })).toThrow(
    'labels are i32 [2,6]',
  );
});
