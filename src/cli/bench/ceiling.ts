/**
 * What an adapter can do at most, measured: multiply-adds in registers, copies of vec4s, and what a dispatch and a submit
 * cost that do nothing. Imports compile, gpu, graph, runtime, shader text.
 */
import copyText from '../../../shaders/bench/copy.wgsl?raw';
import fmaText from '../../../shaders/bench/fma.wgsl?raw';
import { bytesFor, type Place } from '../../compile/place.ts';
import { type Plan, planTail } from '../../compile/plan.ts';
import type { Device } from '../../gpu/device.ts';
import { waitFor } from '../../gpu/wait.ts';
import { Session } from '../../runtime/session.ts';
import { type Call, canStamp, stamped, wall } from '../../runtime/timing.ts';
import { spreadOf } from './benchmark.ts';

export interface Ceiling {
  /** 10^9 operations a second; a multiply-add is two. */
  readonly gflops: number;
  /** 10^9 bytes a second, read and written. Of copies that fit into caches and of such that do not, the faster. */
  readonly gbs: number;
  /** Of the copy that does not fit into caches. */
  readonly memoryGbs: number;
}

const REPETITIONS = 5;
/** A measurement lasts this long at least, microseconds. */
export const LONG_ENOUGH = 5000;
const MOST_RUNS = 2000;

/** Microseconds of `count` runs of the calls in one pass, by time stamps where the device has them. */
export async function timeOfPass(device: Device, calls: readonly Call[], count: number): Promise<number> {
  if (!canStamp(device)) return wall(device, calls, count);
  const [time = 0] = await stamped(device, [Array.from({ length: count }, () => calls).flat()]);
  return time;
}

/** How often to run the calls so that they take LONG_ENOUGH. */
export async function runsFor(device: Device, calls: readonly Call[]): Promise<number> {
  let count = 1;
  for (;;) {
    const time = await timeOfPass(device, calls, count);
    if (time >= LONG_ENOUGH || count >= MOST_RUNS) return count;
    count = Math.min(MOST_RUNS, Math.max(2 * count, Math.ceil((1.2 * count * LONG_ENOUGH) / Math.max(time, 1))));
  }
}

/** Median of several measurements of one run, microseconds. */
async function timeOf(device: Device, calls: readonly Call[]): Promise<number> {
  const count = await runsFor(device, calls);
  const times: number[] = [];
  for (let i = 0; i < REPETITIONS; i++) times.push((await timeOfPass(device, calls, count)) / count);
  return spreadOf(times).median;
}

const slab = (index: number, bytes: number): Place => ({ buffer: { kind: 'slab', index }, offset: 0, bytes });

function fmaPlan(device: Device, { accumulators, group }: { accumulators: number; group: number }) {
  // Software has few lanes: enough of everything takes a while.
  const [groups, rounds] = device.caps.software ? [256, 256] : [4096, 1024];
  const bytes = bytesFor(4 * groups * group);
  const kernel = {
    shader: { file: 'bench/fma.wgsl', text: fmaText, includes: {} },
    defines: { ACCUMULATORS: accumulators, GROUP: group },
    bind: { y: slab(0, bytes) },
    params: { rounds, factor: 0.5 },
    workgroups: [groups, 1, 1] as const,
  };
  const plan = planTail([{ label: 'bench.fma', kernel }], device.caps, { slabs: [bytes] });
  return { plan, amount: 8 * accumulators * rounds * groups * group };
}

function copyPlan(device: Device, bytes: number, each: number) {
  const kernel = {
    shader: { file: 'bench/copy.wgsl', text: copyText, includes: {} },
    bind: { x: slab(0, bytes), y: slab(1, bytes) },
    params: { each },
    workgroups: [bytes / 16 / 64 / each, 1, 1] as const,
  };
  return {
    plan: planTail([{ label: 'bench.copy', kernel }], device.caps, { slabs: [bytes, bytes] }),
    amount: 2 * bytes,
  };
}

const NO_ARENAS = { parameters: { entries: [], shards: [] }, state: { entries: [], shards: [] } };

async function withCalls<T>(device: Device, plan: Plan, use: (calls: readonly Call[]) => Promise<T>): Promise<T> {
  const session = new Session(device, NO_ARENAS);
  try {
    return await use((await session.prepare(plan)).calls);
  } finally {
    session.dispose();
  }
}

/** 10^9 of what a plan does in a second. */
const rateOf = (device: Device, { plan, amount }: { plan: Plan; amount: number }): Promise<number> =>
  withCalls(device, plan, async (calls) => amount / (await timeOf(device, calls)) / 1000);

/** Too large for caches, bytes. */
const LARGE = 2 ** 26;

/** The best of some kernels that do nothing else. */
export async function measureCeiling(device: Device): Promise<Ceiling> {
  let gflops = 0;
  for (const shape of [
    { accumulators: 4, group: 64 },
    { accumulators: 8, group: 64 },
    { accumulators: 8, group: 256 },
    { accumulators: 16, group: 64 },
  ])
    gflops = Math.max(gflops, await rateOf(device, fmaPlan(device, shape)));
  let [gbs, memoryGbs] = [0, 0];
  for (const bytes of [2 ** 20, 2 ** 22, LARGE]) {
    for (const each of [2, 4, 16]) {
      const rate = await rateOf(device, copyPlan(device, bytes, each));
      gbs = Math.max(gbs, rate);
      if (bytes === LARGE) memoryGbs = Math.max(memoryGbs, rate);
    }
  }
  return { gflops, gbs, memoryGbs };
}

/** What work costs that does nothing, microseconds. */
export interface Overhead {
  /** A dispatch of one workgroup among others. */
  readonly dispatch: number;
  /** A submit, until the host knows that it is done. */
  readonly submit: number;
}

export async function measureOverhead(device: Device): Promise<Overhead> {
  const dispatch = await withCalls(device, copyPlan(device, 2 ** 14, 16).plan, (calls) => timeOf(device, calls));
  const submits: number[] = [];
  for (let i = 0; i < 20; i++) {
    const start = performance.now();
    device.gpu.queue.submit([device.gpu.createCommandEncoder().finish()]);
    await waitFor(device.gpu.queue.onSubmittedWorkDone());
    submits.push(1000 * (performance.now() - start));
  }
  return { dispatch, submit: spreadOf(submits).median };
}
