/**
 * Compiles kernels before they are needed. Software drivers (and some others) compile a pipeline when it first runs, not when it
 * is made: a dispatch of no workgroups makes them. Imports gpu, util, types of shader.
 */
import type { Binding } from '../shader/reflect.ts';
import { UNIFORM_BYTES } from '../util/caps.ts';
import type { Device } from './device.ts';
import type { CompiledPipeline } from './pipelines.ts';
import { waitFor } from './wait.ts';

interface Call {
  readonly pipeline: GPUComputePipeline;
  readonly group: GPUBindGroup;
}

const warm = new WeakSet<GPUComputePipeline>();

/** No workgroups, as a buffer says: Dawn warns of a plain 0. */
function runNone(gpu: GPUDevice, { pipeline, group }: Call, none: GPUBuffer): void {
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroupsIndirect(none, 0);
  pass.end();
  gpu.queue.submit([encoder.finish()]);
}

/**
 * Runs single kernels with no workgroups, before there is anything to bind, and waits for nothing. The buffers that stand in live
 * as long as the device, so they are in no ledger.
 */
export function createLoader(gpu: GPUDevice): (made: CompiledPipeline, bindings: readonly Binding[]) => void {
  const standIns: GPUBuffer[] = [];
  let none: GPUBuffer | undefined;
  let read: GPUBuffer | undefined;
  return ({ pipeline, layout }, bindings) => {
    none ??= gpu.createBuffer({ label: 'no workgroups', size: 16, usage: GPUBufferUsage.INDIRECT });
    // Kernels read arrays of that size as uniform buffers.
    read ??= gpu.createBuffer({
      label: 'stand-in',
      size: UNIFORM_BYTES,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.UNIFORM,
    });
    while (standIns.length < bindings.length)
      standIns.push(gpu.createBuffer({ label: 'stand-in', size: 256, usage: GPUBufferUsage.STORAGE }));
    const entries = bindings.map(({ index, access }, i) => ({
      binding: index,
      resource: { buffer: access === 'read_write' ? standIns[i]! : read! },
    }));
    runNone(gpu, { pipeline, group: gpu.createBindGroup({ layout, entries }) }, none);
  };
}

/** Calls `onReady` after each kernel of the calls that was not warm; `all` of them there are. Changes no buffer. */
export async function warmUp(
  { gpu, ledger }: Pick<Device, 'gpu' | 'ledger'>,
  calls: readonly Call[],
  onReady: (ready: number, all: number) => void | Promise<void>,
): Promise<void> {
  const cold = new Map<GPUComputePipeline, Call>();
  for (const call of calls) if (!warm.has(call.pipeline)) cold.set(call.pipeline, call);
  if (cold.size === 0) return;
  const none = ledger.create('no workgroups', 16, GPUBufferUsage.INDIRECT);
  try {
    let ready = 0;
    for (const [pipeline, call] of cold) {
      runNone(gpu, call, none);
      await waitFor(gpu.queue.onSubmittedWorkDone());
      warm.add(pipeline);
      ready += 1;
      await onReady(ready, cold.size);
    }
  } finally {
    ledger.destroy(none);
  }
}
