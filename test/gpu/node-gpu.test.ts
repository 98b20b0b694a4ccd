import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { adapterHelp, nodeGpu } from '../../src/gpu/node-gpu.ts';

/** As `--expose-gc`, which a test file cannot be given. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

test('finds an adapter and defines the constants of WebGPU', async () => {
  const adapter = await (await nodeGpu()).requestAdapter();
  expect(adapter).not.toBeNull();
  expect(GPUBufferUsage.STORAGE).toBe(0x80);
});

test('a device works after garbage collection', async () => {
  const makeDevice = async () => (await (await nodeGpu()).requestAdapter())!.requestDevice();
  const device = await makeDevice();
  collectGarbage();
  await new Promise((resolve) => setTimeout(resolve, 10));
  collectGarbage();

  const buffer = device.createBuffer({ size: 8, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
  device.queue.writeBuffer(buffer, 0, new Float32Array([1.5, -2]));
  await buffer.mapAsync(GPUMapMode.READ);
  expect([...new Float32Array(buffer.getMappedRange())]).toEqual([1.5, -2]);
  device.destroy();
});

test('there is one entry point, which gives a new adapter for every device', async () => {
  const gpu = await nodeGpu();
  expect(await nodeGpu()).toBe(gpu);
  const [a, b] = await Promise.all([gpu.requestAdapter(), gpu.requestAdapter()]);
  expect(a).not.toBe(b);
});

test('the help for a missing adapter says what to run', () => {
  expect(adapterHelp()).toMatch(process.platform === 'linux' ? /npx gabor setup/ : /driver/);
});
