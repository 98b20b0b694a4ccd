/** What a benchmark is, and its statistics. Imports gpu types, inspect types. */
import type { Device } from '../../gpu/device.ts';
import type { Profile } from '../../inspect/profile.ts';
import type { TuneOptions } from '../../train/tune-options.ts';

export interface Measurement {
  readonly name: string;
  readonly unit: string;
  /** One value for each round; more is better. */
  readonly rounds: readonly number[];
  /** Dispatches of one step or batch. */
  readonly dispatches: number;
}

export interface Benchmark {
  readonly text: string;
  /** Throws StateError where the results are not those of a working program: a wrong program's speed is no result. */
  run(device: Device, options: { readonly rounds: number; readonly tune?: TuneOptions }): Promise<Measurement[]>;
  /** Time of each dispatch of a training step. */
  profile(device: Device, options: { readonly steps: number; readonly tune?: TuneOptions }): Promise<Profile>;
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}
