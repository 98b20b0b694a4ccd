/** `gabor bench`. Imports cli/bench, inspect. */

import type { Device } from '../gpu/device.ts';
import { printProfile } from '../inspect/profile.ts';
import type { TuneOptions } from '../train/tune-options.ts';
import { type Benchmark, spreadOf } from './bench/benchmark.ts';
import { lenetBench } from './bench/lenet.ts';
import { type Command, type Io, JSON_OPTION, TUNE_MODES, TUNE_OPTION } from './command.ts';
import { describeAdapter, warnOfSoftware, withDevice } from './device.ts';
import { checkName, type Options } from './options.ts';
import { integer } from './report/format.ts';
import { table } from './table.ts';

const BENCHMARKS: { readonly [name: string]: Benchmark } = { lenet: lenetBench };
const NAMES = Object.keys(BENCHMARKS);
const DEFAULT_ROUNDS = 5;

/** Times of each dispatch of a training step. */
async function printProfiles(
  names: readonly string[],
  options: Options,
  { device, io, ...what }: { device: Device; io: Io; steps: number; tune: TuneOptions },
): Promise<number> {
  const profiles = [];
  for (const name of names) {
    io.error(`${name}: each dispatch of a training step, median of ${what.steps}`);
    profiles.push({ benchmark: name, ...(await BENCHMARKS[name]!.profile(device, what)) });
  }
  if (options.flag('json')) io.print(JSON.stringify({ adapter: device.adapter, profiles }));
  else {
    io.print(`adapter: ${describeAdapter(device.adapter)}\n`);
    io.print(profiles.map(printProfile).join('\n\n'));
  }
  return 0;
}

async function run([wanted]: readonly string[], options: Options, io: Io): Promise<number> {
  const names = wanted === undefined ? NAMES : [checkName('the benchmark', wanted, NAMES)];
  const rounds = options.whole('rounds', { min: 1, max: 1000 }) ?? DEFAULT_ROUNDS;
  const mode = options.choice('tune', TUNE_MODES) ?? 'off';
  const tune: TuneOptions = { mode, onEvent: ({ text }) => io.error(`tuner: ${text}`) };
  return withDevice(io, async (device) => {
    warnOfSoftware(device.adapter, io);
    if (options.flag('profile')) return printProfiles(names, options, { device, io, steps: 4 * rounds, tune });
    const results = [];
    for (const name of names) {
      const { text, run: measure } = BENCHMARKS[name]!;
      io.error(`${name}: ${text}; ${rounds} rounds`);
      const measured = await measure(device, { rounds, tune });
      results.push(...measured.map((m) => ({ benchmark: name, ...m, ...spreadOf(m.rounds) })));
    }
    if (options.flag('json')) {
      io.print(JSON.stringify({ adapter: device.adapter, results }));
      return 0;
    }
    io.print(`adapter: ${describeAdapter(device.adapter)}\n`);
    const rows = results.map((r) => [
      `${r.benchmark} ${r.name}`,
      `${integer(r.median)} ${r.unit}`,
      `${integer(r.min)} to ${integer(r.max)}`,
      `${r.dispatches}`,
    ]);
    io.print(table([['benchmark', 'median', 'spread', 'dispatches'], ...rows]));
    return 0;
  });
}

export const benchCommand: Command = {
  usage: 'bench [name]',
  text: `measure this adapter: ${NAMES.join(', ')}`,
  options: [
    { flags: '--rounds <N>', text: 'rounds to measure, after one to warm up', default: DEFAULT_ROUNDS },
    { flags: '--profile', text: 'time each dispatch of a training step, over four steps for each round' },
    TUNE_OPTION,
    JSON_OPTION,
  ],
  examples: ['bench lenet --rounds 9', 'bench lenet --tune full', 'bench lenet --profile'],
  run,
};
