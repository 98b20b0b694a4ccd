/**
 * Whether subgroups do on this adapter what the fastest kernels for it rely on: a driver may have the feature and get it
 * wrong. A few milliseconds when a device is made. Imports gpu, shader, util, its shader.
 */
import subgroupsText from '../../shaders/self-test/subgroups.wgsl?raw';
import { preprocess } from '../shader/preprocess.ts';
import { type DeviceCaps, softwareLanes } from '../util/caps.ts';
import { waitFor } from './wait.ts';

const SOURCE = { file: 'self-test/subgroups.wgsl', text: subgroupsText, includes: {} };

/** What the shader must write with so many lanes: a number for each. */
function expected(lanes: number): number[] {
  const v = (lane: number): number => 100 + lane * lane;
  const each = Array.from({ length: lanes }, (_, lane) => lane);
  const all = each.reduce((sum, lane) => sum + (lane + 1) * v(lane), 0);
  const sum = each.reduce((total, lane) => total + v(lane), 0);
  const [least, most] = [v(0), v(lanes - 1)];
  const mix = (found: readonly number[]): number => found.reduce((mixed, n) => (Math.imul(mixed, 31) + n) >>> 0);
  return each.map((l) => mix([l, lanes, all, least, most, sum, v(l ^ 1), v(l ^ 2), v(l ^ 1), v(l ^ 2)]));
}

/** What it writes, from a buffer of its own. */
async function measured(gpu: GPUDevice, lanes: number): Promise<number[]> {
  const { code } = preprocess(SOURCE, { defines: { SG: lanes } });
  const size = 4 * lanes;
  const [on, off] = [
    gpu.createBuffer({ size, usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC }),
    gpu.createBuffer({ size, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST }),
  ];
  try {
    // A driver that does not take the shader rejects the pipeline; that shall be no failure of the device too.
    gpu.pushErrorScope('validation');
    const module = gpu.createShaderModule({ label: SOURCE.file, code });
    gpu.popErrorScope().catch(() => {});
    const pipeline = await waitFor(
      gpu.createComputePipelineAsync({ label: SOURCE.file, layout: 'auto', compute: { module, entryPoint: 'main' } }),
    );
    const encoder = gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    const entries = [{ binding: 0, resource: { buffer: on } }];
    pass.setBindGroup(0, gpu.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries }));
    pass.dispatchWorkgroups(1);
    pass.end();
    encoder.copyBufferToBuffer(on, 0, off, 0, size);
    gpu.queue.submit([encoder.finish()]);
    await waitFor(off.mapAsync(GPUMapMode.READ));
    return [...new Uint32Array(off.getMappedRange())];
  } finally {
    on.destroy();
    off.destroy();
  }
}

/** Whether a workgroup of so many threads is one subgroup, and its lanes get what the shader asks for. Never rejects. */
export async function subgroupsWork(gpu: GPUDevice, lanes: number): Promise<boolean> {
  const right = expected(lanes);
  const found = await measured(gpu, lanes).catch(() => []);
  return found.length === right.length && found.every((number, i) => number === right[i]);
}

/** The caps, without subgroups where they are used and do not work; `warn` is told. */
export async function withoutWrong(
  caps: DeviceCaps,
  { works, warn }: { works: (lanes: number) => Promise<boolean>; warn: (text: string) => void },
): Promise<DeviceCaps> {
  const lanes = softwareLanes(caps);
  if (lanes === 0 || (await works(lanes))) return caps;
  warn('subgroups compute wrong values on this adapter: kernels that use them are left out, and others are slower');
  return { ...caps, subgroups: false };
}
