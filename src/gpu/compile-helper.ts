/**
 * The program of a process that compiles kernels (compile-helpers.ts starts it): reads a CompileRequest from each line of
 * stdin, and writes a line when it is ready for the next. The driver keeps what was compiled. Imports gpu.
 */
import { type Device, requestDevice } from './device.ts';
import type { CompileRequest } from './pipelines.ts';
import { warmUp } from './warm.ts';

/** Bytes of the buffers that are bound; nothing runs, so nothing is written. */
const BOUND = 65536;

/** Milliseconds that the driver is given to write the last of its files. */
const LAST_WRITES = 150;

/** Compiles one kernel; an error is left to the process that runs the kernel. */
async function compile(
  device: Device,
  { code, bindings }: CompileRequest,
  buffers: readonly GPUBuffer[],
): Promise<void> {
  const { gpu, pipelines } = device;
  const request = { file: 'ahead', shader: { code, map: [] }, bindings };
  const { pipeline, layout } = await pipelines.get(request);
  const entries = bindings.map(({ index }, i) => ({ binding: index, resource: { buffer: buffers[i]! } }));
  await warmUp(device, [{ pipeline, group: gpu.createBindGroup({ layout, entries }) }], () => {});
}

async function main(): Promise<void> {
  const device = await requestDevice({ ...JSON.parse(process.argv[2] ?? '{}'), helpers: 0 });
  const buffers: GPUBuffer[] = [];
  const next = (): void => console.log('next');
  const lines = process.getBuiltinModule('node:readline').createInterface(process.stdin);
  next();
  for await (const line of lines) {
    const request = JSON.parse(line) as CompileRequest;
    while (buffers.length < request.bindings.length)
      buffers.push(device.ledger.create('bound', BOUND, GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM));
    await compile(device, request, buffers).catch(() => {});
    next();
  }
  await new Promise((resolve) => setTimeout(resolve, LAST_WRITES));
  process.exit(0);
}

await main();
