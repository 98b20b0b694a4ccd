/** How long dispatches take: by time stamps, or by repeating each of them. Imports gpu types, runtime. */
import type { Device } from '../gpu/device.ts';
import { type Call, canStamp, LONG, stamped, wall } from '../runtime/timing.ts';

export { canStamp };

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

/** Time stamps in one query set: half of what WebGPU allows, a begin and an end for each call. */
const MOST_CALLS = 2048;

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
