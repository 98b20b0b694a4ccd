/** How long dispatches take: by time stamps, or by repeating each of them. Imports gpu, runtime types. */
import type { Device } from '../gpu/device.ts';
import { readRanges } from '../gpu/readback.ts';
import { waitFor } from '../gpu/wait.ts';
import type { Prepared } from '../runtime/session.ts';

export type Call = Prepared['calls'][number];

/** Microseconds. */
export interface Timings {
  /** For each call, one value for each round. */
  readonly calls: readonly (readonly number[])[];
  /** Of all calls in one pass, as a session runs them. */
  readonly whole: readonly number[];
}

export interface TimingOptions {
  readonly rounds: number;
  /** Called before each run of all calls. */
  readonly before: () => void;
}

/** Whether the device's clock can be read. */
export const canStamp = ({ gpu }: Device): boolean => gpu.features.has('timestamp-query');

/** Time stamps in one query set: half of what WebGPU allows, a begin and an end for each call. */
const MOST_CALLS = 2048;

function encode(pass: GPUComputePassEncoder, { pipeline, group, x, y, z }: Call): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(x, y, z);
}

/** Runs the groups of calls, each in a pass of its own with a time stamp at either end; microseconds of each group. */
async function stamped(device: Device, groups: readonly (readonly Call[])[]): Promise<number[]> {
  const { gpu, ledger } = device;
  const set = gpu.createQuerySet({ type: 'timestamp', count: 2 * groups.length });
  const bytes = 16 * groups.length;
  const buffer = ledger.create('time stamps', bytes, GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC);
  try {
    const encoder = gpu.createCommandEncoder();
    for (const [i, calls] of groups.entries()) {
      const timestampWrites = { querySet: set, beginningOfPassWriteIndex: 2 * i, endOfPassWriteIndex: 2 * i + 1 };
      const pass = encoder.beginComputePass({ timestampWrites });
      for (const call of calls) encode(pass, call);
      pass.end();
    }
    encoder.resolveQuerySet(set, 0, 2 * groups.length, buffer, 0);
    gpu.queue.submit([encoder.finish()]);
    const [read] = await readRanges(device, [{ buffer, offset: 0, bytes }]);
    const stamps = new BigUint64Array(read!);
    return groups.map((_, i) => Math.max(0, Number(stamps[2 * i + 1]! - stamps[2 * i]!) / 1000));
  } finally {
    ledger.destroy(buffer);
    set.destroy();
  }
}

/** One pass for each call. A first round warms up and does not count. */
export async function timeByStamps(
  device: Device,
  calls: readonly Call[],
  { rounds, before }: TimingOptions,
): Promise<Timings> {
  const times: number[][] = calls.map(() => []);
  const whole: number[] = [];
  for (let round = -1; round < rounds; round++) {
    before();
    const one: number[] = [];
    for (let at = 0; at < calls.length; at += MOST_CALLS) {
      const some = calls.slice(at, at + MOST_CALLS).map((call) => [call]);
      one.push(...(await stamped(device, some)));
    }
    before();
    const [all = 0] = await stamped(device, [calls]);
    if (round < 0) continue;
    for (const [i, time] of one.entries()) times[i]!.push(time);
    whole.push(all);
  }
  return { calls: times, whole };
}

/** Microseconds of `count` runs of the calls, from the submit until the GPU has done them. */
async function wall({ gpu }: Device, calls: readonly Call[], count: number): Promise<number> {
  const encoder = gpu.createCommandEncoder();
  const pass = encoder.beginComputePass();
  for (let i = 0; i < count; i++) for (const call of calls) encode(pass, call);
  pass.end();
  const commands = encoder.finish();
  const start = performance.now();
  gpu.queue.submit([commands]);
  await waitFor(gpu.queue.onSubmittedWorkDone());
  return 1000 * (performance.now() - start);
}

/** Long enough for the clock and for what a submit costs, microseconds. */
const LONG = 10_000;

/** Repeats each call until that takes long; what an empty submit takes is left out. */
export async function timeByReplay(
  device: Device,
  calls: readonly Call[],
  { rounds, before }: TimingOptions,
): Promise<Timings> {
  const measure = async (some: readonly Call[]): Promise<number[]> => {
    let count = 1;
    for (
      let time = await wall(device, some, count);
      time < LONG && count < 4096;
      time = await wall(device, some, count)
    )
      count *= Math.max(2, Math.min(8, Math.ceil(LONG / Math.max(1, time))));
    const values: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const idle = await wall(device, [], 0);
      values.push(Math.max(0, (await wall(device, some, count)) - idle) / count);
    }
    return values;
  };
  before();
  const whole = await measure(calls);
  const times: number[][] = [];
  for (const call of calls) times.push(await measure([call]));
  return { calls: times, whole };
}
