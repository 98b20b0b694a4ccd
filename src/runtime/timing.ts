/** Clocks for dispatches: the GPU's time stamps, or the host's clock around a submit. Imports gpu. */
import type { Device } from '../gpu/device.ts';
import { readRanges } from '../gpu/readback.ts';
import { waitFor } from '../gpu/wait.ts';
import type { Prepared } from './session.ts';

export type Call = Prepared['calls'][number];

/** Whether the device's clock can be read. */
export const canStamp = ({ gpu }: Device): boolean => gpu.features.has('timestamp-query');

function encode(pass: GPUComputePassEncoder, { pipeline, group, x, y, z }: Call): void {
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(x, y, z);
}

/** Runs the groups of calls, each in a pass of its own with a time stamp at either end; microseconds of each group. */
export async function stamped(device: Device, groups: readonly (readonly Call[])[]): Promise<number[]> {
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

/** Microseconds of `count` runs of the calls, from the submit until the GPU has done them. */
export async function wall({ gpu }: Device, calls: readonly Call[], count: number): Promise<number> {
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
export const LONG = 10_000;

/** Median of an odd or even number of values. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
}

export interface RaceOptions {
  readonly rounds: number;
  /** A group is left out where it takes this many times longer than the best at first sight. */
  readonly patience: number;
}

/** Long enough for the GPU's own clock, microseconds. */
const LONG_STAMPED = 2_000;

const MOST_REPEATS = 1000;

/**
 * Median microseconds of each group of calls, measured in turn so that all of them see the same clock rates and
 * neighbours; null for those that were left out. They should have run before.
 */
export async function race(
  device: Device,
  groups: readonly (readonly Call[])[],
  { rounds, patience }: RaceOptions,
): Promise<(number | null)[]> {
  const stamps = canStamp(device);
  const once = async (calls: readonly Call[], count: number): Promise<number> => {
    if (stamps) return (await stamped(device, [Array.from({ length: count }, () => calls).flat()]))[0]! / count;
    const idle = await wall(device, [], 0);
    return Math.max(0, (await wall(device, calls, count)) - idle) / count;
  };
  const first: number[] = [];
  for (const calls of groups) {
    const time = await once(calls, 1);
    // The second look is for those that a neighbour may have disturbed.
    first.push(time > patience * Math.min(time, ...first) ? time : Math.min(time, await once(calls, 1)));
  }
  const best = Math.min(...first);
  const long = stamps ? LONG_STAMPED : LONG;
  // The host's clock cannot tell short ones apart at first sight.
  const out = first.map((time) => time > patience * Math.max(best, stamps ? 0 : LONG / 4));
  const times: number[][] = groups.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, calls] of groups.entries()) {
      const count = Math.min(MOST_REPEATS, Math.max(1, Math.ceil(long / Math.max(first[i]!, 1))));
      if (!out[i]) times[i]!.push(await once(calls, count));
    }
  }
  return times.map((values) => (values.length > 0 ? median(values) : null));
}
