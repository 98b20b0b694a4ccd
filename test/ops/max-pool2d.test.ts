/** Max pooling against PyTorch's golden data and the float64 reference. */
import { beforeAll, describe, expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import type { Value } from '../../src/graph/types.ts';
import { adaptiveMaxPool2d, globalMaxPool2d, type MaxPooled, maxPool2d } from '../../src/ops/max-pool2d.ts';
import { compile, grad } from '../../src/train/program.ts';
import { ShapeError } from '../../src/util/errors.ts';
import { device } from '../support/device.ts';
import { compare, GOLDENS, type GoldenCase, goldenInputs, loadFamily } from '../support/goldens.ts';
import { Random } from '../support/random.ts';
import { reference } from '../support/reference/index.ts';
import { type Tensor, toFloat32 } from '../support/tensor.ts';

type Attrs = GoldenCase['attrs'];
type Pool = (x: Value, attrs: Attrs) => MaxPooled;

const pools: Record<string, Pool> = {
  max_pool2d: (x, a) =>
    maxPool2d(x, {
      kernel: a.kernel as [number, number],
      stride: a.stride as [number, number],
      padding: a.padding as [number, number, number, number],
      dilation: a.dilation as [number, number],
      ceilMode: a.ceil_mode as boolean,
    }),
  adaptive_max_pool2d: (x, a) => adaptiveMaxPool2d(x, a.output_size as [number, number]),
  global_max_pool2d: (x) => globalMaxPool2d(x),
};

interface Run {
  readonly op: string;
  readonly attrs: Attrs;
  readonly x: Tensor;
  readonly dy: Tensor;
}

/** Forces a variant wherever it is offered. */
const prefer = (id: string) => (_: unknown, ids: readonly string[]) => (ids.includes(id) ? id : ids[0]!);

async function run(on: Device, { op, attrs, x, dy }: Run, variant: string) {
  const specs = {
    x: { shape: x.shape, dtype: 'f32' as const },
    dy: { shape: dy.shape, dtype: 'f32' as const },
  };
  const body = (v: { x: Value; dy: Value }) => {
    const { y, indices } = pools[op]!(v.x, attrs);
    return { y, indices, dx: grad(y, [v.x], { seed: v.dy })[0]! };
  };
  const program = await compile(on, specs, body, { choose: prefer(variant) });
  const { y, indices, dx } = await program.run({ x: toFloat32(x), dy: toFloat32(dy) });
  const used = program.plan.dispatches.map((d) => d.variant);
  program.dispose();
  return { y: y!, indices: indices!, dx: dx!, used };
}

const VARIANTS = ['gather'];
const golden = loadFamily(GOLDENS, 'pool').filter(({ op }) => op in pools);
let full: Device;
let plain: Device;

beforeAll(async () => {
  full = await device();
  plain = await device({ limits: 'default' });
});

describe.each(VARIANTS)('maxPool2d %s', (variant) => {
  describe.each(['full', 'default limits'])('%s', (profile) => {
    test.each(golden)('golden $name', async (c) => {
      const { x } = goldenInputs(c);
      const dy = c.tensors.get(c.upstream.y!)!;
      const on = profile === 'full' ? full : plain;
      const out = await run(
        on,
        { op: c.op, attrs: c.attrs, x: x!, dy: { shape: dy.shape, data: Float64Array.from(dy.data) } },
        variant,
      );
      expect(compare(out.y, c.tensors.get('y')!, c.tolerance.y)).toMatchObject({ ok: true });
      const gx = c.gradients.x!;
      expect(compare(out.dx, c.tensors.get(gx)!, c.tolerance[gx])).toMatchObject({ ok: true });
      if (c.tensors.has('indices')) expect([...out.indices]).toEqual([...c.tensors.get('indices')!.data]);
    });
  });
});
