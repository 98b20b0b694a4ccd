/** Arithmetic of images with numbers of channels and samples, and its gradients in nhwc: both kernels, padding, several rows a thread. */
import { describe, expect, it } from 'vitest';
import type { Value } from '../../src/graph/types.ts';
import { add, addScalar, div, maximum, minimum, mul, sub } from '../../src/ops/index.ts';
import { grad } from '../../src/train/program.ts';
import { Random } from '../support/random.ts';
import { type Check, checkBinary, drawing } from './binary-cases.ts';
import { asNhwc, memoryOf, nhwcResult, runOp } from './loss-cases.ts';

const ROWS = Object.entries({ add, sub, mul, div, maximum, minimum }).map(([op, apply]) => ({ op, apply }));

/** The gradient of a by an nhwc gradient that arrives, as it lies in memory. */
function gradientMemory(apply: Check['apply'], a: Value, b: Value): Value {
  const inner = asNhwc(a);
  const y = apply(inner, b);
  return memoryOf(grad(y, [inner], { seed: asNhwc(addScalar(y, 1)) })[0]!);
}

const draw = drawing(new Random(11));
/** The result lies in nhwc, as an image does. */
const check = (of: Check): Promise<void> => checkBinary({ ...of, result: nhwcResult });

describe.each(ROWS)('$op', ({ op, apply }) => {
  describe.each(['columns', 'broadcast'])('numbers of channels and samples, %s kernel', (variant) => {
    it.each([[[6, 1, 1]], [[1, 6, 1, 1]], [[2, 6, 1, 1]], [[2, 1, 1, 1]], [[1]], [[]]])('%j', async (shape) => {
      const image = draw([2, 6, 5, 7]);
      await check({ op, apply, variant, a: image, b: draw(shape), wrapA: asNhwc });
      await check({ op, apply, variant, a: draw(shape), b: image, wrapB: asNhwc });
      if (shape.length === 4)
        await check({ op, apply, variant, a: image, b: draw(shape), wrapA: asNhwc, wrapB: asNhwc });
    });

    it('several rows a thread', async () => {
      const [a, b] = [draw([3, 12, 40, 41]), draw([3, 12, 1, 1])];
      await check({ op, apply, variant, a, b, wrapA: asNhwc });
      await check({ op, apply, variant, a, b: draw([12, 1, 1]), wrapA: asNhwc });
    });

    it('the padding of the result is zero', async () => {
      const { y, grad_a } = await runOp({
        op,
        variant,
        inputs: { a: { tensor: draw([2, 6, 3, 3]) }, b: { tensor: draw([6, 1, 1]) } },
        body: (v) => ({ y: memoryOf(apply(asNhwc(v.a!), v.b!)), grad_a: gradientMemory(apply, v.a!, v.b!) }),
      });
      for (const memory of [y, grad_a]) {
        expect(memory).toHaveLength(2 * 3 * 3 * 8);
        expect(memory!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
      }
    });
  });

  it.each(['same', 'broadcast'])('gradients of equal nhwc operands, %s kernel', async (variant) => {
    const [a, b] = [draw([2, 6, 3, 3]), draw([2, 6, 3, 3])];
    await check({ op, apply, variant, a, b, wrapA: asNhwc, wrapB: asNhwc });
    const { grad_a } = await runOp({
      op,
      variant,
      inputs: { a: { tensor: a }, b: { tensor: b } },
      body: (v) => ({ grad_a: gradientMemory(apply, v.a!, asNhwc(v.b!)) }),
    });
    expect(grad_a!.filter((v, i) => i % 8 >= 6 && v !== 0)).toHaveLength(0);
  });
});
