/** The kernels that measure an adapter's ceiling do what they are counted for: every element copied, every multiply-add made. */
import { expect, test } from 'vitest';
import copyText from '../../shaders/bench/copy.wgsl?raw';
import fmaText from '../../shaders/bench/fma.wgsl?raw';
import type { Place } from '../../src/compile/place.ts';
import { planTail, type Tail } from '../../src/compile/plan.ts';
import { readRanges } from '../../src/gpu/readback.ts';
import { Session } from '../../src/runtime/session.ts';
import { device } from '../support/device.ts';

const NONE = { entries: [], shards: [] };

/** `y` after one run of the kernel, with `x` as it is given. */
async function resultOf(
  kernel: (place: (name: string) => Place) => Tail['kernel'],
  x: Float32Array<ArrayBuffer>,
): Promise<Float32Array> {
  const dev = await device();
  const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const make = (name: string): GPUBuffer => dev.ledger.create(name, x.byteLength, usage);
  const buffers = { x: make('x'), y: make('y') };
  dev.gpu.queue.writeBuffer(buffers.x, 0, x);
  const session = new Session(dev, { parameters: NONE, state: NONE });
  const place = (name: string): Place => ({ buffer: { kind: 'external', name }, offset: 0, bytes: x.byteLength });
  const plan = planTail([{ label: 'bench', kernel: kernel(place) }], dev.caps);
  session.run([await session.prepare(plan, { externals: buffers })]);
  const [bytes] = await readRanges(dev, [{ buffer: buffers.y, offset: 0, bytes: x.byteLength }]);
  session.dispose();
  for (const buffer of Object.values(buffers)) dev.ledger.destroy(buffer);
  return new Float32Array(bytes!);
}

test('copy: every element, once', async () => {
  const x = Float32Array.from({ length: 4 * 64 * 4 * 3 }, (_, i) => i + 1);
  const y = await resultOf(
    (place) => ({
      shader: { file: 'bench/copy.wgsl', text: copyText, includes: {} },
      bind: { x: place('x'), y: place('y') },
      params: { each: 4 },
      workgroups: [3, 1, 1],
    }),
    x,
  );
  expect(y).toEqual(x);
});

test('fma: all chains, all rounds', async () => {
  const threads = 128;
  const y = await resultOf(
    (place) => ({
      shader: { file: 'bench/fma.wgsl', text: fmaText, includes: {} },
      defines: { ACCUMULATORS: 4, GROUP: 64 },
      bind: { y: place('y') },
      params: { rounds: 2, factor: 0.5 },
      workgroups: [threads / 64, 1, 1],
    }),
    new Float32Array(4 * threads),
  );
  // Twice a = a / 2 + 1 / 2, from id + A, added over A = 0..3.
  const expected = Array.from({ length: 4 * threads }, (_, i) => (4 * Math.floor(i / 4) + 6) / 4 + 3);
  expect([...y]).toEqual(expected);
});
