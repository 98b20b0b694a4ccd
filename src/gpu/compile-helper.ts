/**
 * The program of a process that compiles kernels (compile-helpers.ts starts it): reads a CompileRequest from each line of
 * stdin, and answers each with a line when the driver has kept what it compiled. Imports gpu.
 */
import { type Device, openGpu } from './device.ts';
import { createLedger } from './ledger.ts';
import { type CompileRequest, createPipelineCache } from './pipelines.ts';
import { waitFor } from './wait.ts';
import { warmUp } from './warm.ts';

/** Bytes of the buffers that are bound; nothing runs, so nothing is written. */
const BOUND = 65536;

/** Milliseconds that the driver is given to write a kernel to its files. */
const PATIENCE = 150;

/** What is written for a kernel is more than that, in bytes; what else the process writes meanwhile is less. */
const LEAST_WRITTEN = 2048;

type Own = Pick<Device, 'gpu' | 'ledger' | 'pipelines'>;

/** Bytes that this process has written so far; null where the system does not tell (it is Linux that does). */
function written(): number | null {
  try {
    const text = process.getBuiltinModule('node:fs').readFileSync('/proc/self/io', 'utf8');
    return Number(/wchar: (\d+)/.exec(text)?.[1]);
  } catch {
    return null;
  }
}

/** Until the driver has written what it compiled: a thread of its own does, a moment after the kernel is ready. */
async function kept(before: number | null): Promise<void> {
  const end = performance.now() + PATIENCE;
  while (performance.now() < end) {
    const now = written();
    if (before !== null && now !== null && now - before >= LEAST_WRITTEN) return;
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Compiles one kernel; an error is left to the process that runs the kernel. */
async function compile(own: Own, { code, bindings }: CompileRequest, buffers: readonly GPUBuffer[]): Promise<void> {
  const before = written();
  const request = { file: 'ahead', shader: { code, map: [] }, bindings };
  const { pipeline, layout } = await waitFor(own.pipelines.get(request));
  const entries = bindings.map(({ index }, i) => ({ binding: index, resource: { buffer: buffers[i]! } }));
  await warmUp(own, [{ pipeline, group: own.gpu.createBindGroup({ layout, entries }) }], () => {});
  await kept(before);
}

async function main(): Promise<void> {
  const gpu = await openGpu(JSON.parse(process.argv[2] ?? '{}'));
  const ledger = createLedger(gpu, Number.POSITIVE_INFINITY);
  const own = { gpu, ledger, pipelines: createPipelineCache(gpu) };
  const buffers: GPUBuffer[] = [];
  for await (const line of process.getBuiltinModule('node:readline').createInterface(process.stdin)) {
    const request = JSON.parse(line) as CompileRequest;
    while (buffers.length < request.bindings.length)
      buffers.push(ledger.create('bound', BOUND, GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM));
    await compile(own, request, buffers).catch(() => {});
    console.log('compiled');
  }
  process.exit(0);
}

await main();
