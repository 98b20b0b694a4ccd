/**
 * The program of a process that compiles kernels (compile-helpers.ts starts it): reads a CompileRequest from each line of
 * stdin, and answers each with a line when the driver has kept what it compiled. Imports gpu.
 */
import { openGpu } from './device.ts';
import { type CompileRequest, createPipelineCache, type PipelineCache } from './pipelines.ts';
import { waitFor } from './wait.ts';
import { createLoader } from './warm.ts';

/** Milliseconds that the driver is given to write a kernel to its files. */
const PATIENCE = 150;

/** What is written for a kernel is more than that, in bytes; what else the process writes meanwhile is less. */
const LEAST_WRITTEN = 2048;

interface Own {
  readonly gpu: GPUDevice;
  readonly pipelines: PipelineCache;
  readonly load: ReturnType<typeof createLoader>;
}

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
async function compile({ gpu, pipelines, load }: Own, { code, bindings }: CompileRequest): Promise<void> {
  const before = written();
  load(await waitFor(pipelines.get({ file: 'ahead', shader: { code, map: [] }, bindings })), bindings);
  await waitFor(gpu.queue.onSubmittedWorkDone());
  await kept(before);
}

async function main(): Promise<void> {
  const gpu = await openGpu(JSON.parse(process.argv[2] ?? '{}'));
  const own = { gpu, pipelines: createPipelineCache(gpu), load: createLoader(gpu) };
  for await (const line of process.getBuiltinModule('node:readline').createInterface(process.stdin)) {
    const request = JSON.parse(line) as CompileRequest;
    await compile(own, request).catch(() => {});
    console.log('compiled');
  }
  process.exit(0);
}

await main();
