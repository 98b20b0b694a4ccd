/** `gabor bench`. Imports cli/bench, inspect. */

import type { Device } from '../gpu/device.ts';
import { printProfile } from '../inspect/profile.ts';
import type { TuneOptions } from '../train/tune-options.ts';
import { type Benchmark, spreadOf } from './bench/benchmark.ts';
import { runKernels } from './bench/kernels.ts';
import { lenetBench } from './bench/lenet.ts';
import { runScaling } from './bench/scaling.ts';
import { type Command, type Io, TUNE_MODES, TUNE_OPTION } from './command.ts';
import { describeAdapter, warnOfSoftware, withDevice } from './device.ts';
import { checkName, type Options, optionName, UsageError } from './options.ts';
import { integer } from './report/format.ts';
import { table } from './table.ts';

const BENCHMARKS: { readonly [name: string]: Benchmark } = { lenet: lenetBench };

/** Benchmarks with reports of their own; they run when they are named. */
const STUDIES: {
  readonly [name: string]: {
    readonly run: (device: Device, options: Options, io: Io) => Promise<number>;
    readonly options: readonly string[];
  };
} = {
  kernels: { run: runKernels, options: ['rounds', 'json', 'filter', 'compare'] },
  scaling: { run: runScaling, options: ['rounds', 'json', 'filter', 'out', 'full'] },
};
const NAMES = [...Object.keys(BENCHMARKS), ...Object.keys(STUDIES)];
const OF_NETS = ['rounds', 'json', 'profile', 'tune'];
const OPTIONS = ['rounds', 'profile', 'tune', 'json', 'filter', 'compare', 'out', 'full'];
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

/** Throws UsageError for options that the benchmark does not have. */
function checkOptions(name: string | undefined, options: Options): void {
  const taken = (name !== undefined && STUDIES[name]?.options) || OF_NETS;
  const foreign = OPTIONS.find((option) => options.has(option) && !taken.includes(option));
  if (!foreign) return;
  const others = NAMES.filter((other) => (STUDIES[other]?.options ?? OF_NETS).includes(foreign));
  throw new UsageError(
    `${optionName(foreign)} is no option of "bench ${name ?? ''}". Use it with ${others.join(' or ')}.`,
  );
}

async function run([wanted]: readonly string[], options: Options, io: Io): Promise<number> {
  const name = wanted === undefined ? undefined : checkName('the benchmark', wanted, NAMES);
  checkOptions(name, options);
  const study = name === undefined ? undefined : STUDIES[name];
  if (study) {
    return withDevice(io, (device) => {
      warnOfSoftware(device.adapter, io);
      return study.run(device, options, io);
    });
  }
  if (options.text('json') !== undefined)
    throw new UsageError(
      '--json takes a file with kernels and scaling only. Leave the file out, and redirect the output.',
    );
  const names = name === undefined ? Object.keys(BENCHMARKS) : [name];
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
    { flags: '--filter <TEXT>', text: 'kernels: cases with this in their name; scaling: one sweep' },
    { flags: '--compare [FILE]', text: 'kernels: against results that were kept', default: 'of bench/results' },
    { flags: '--out <FOLDER>', text: 'scaling: folder for curves and numbers', default: 'out/scaling' },
    { flags: '--full', text: 'scaling: longer sweeps' },
    {
      flags: '--json [FILE]',
      text: 'print JSON and nothing else on stdout; kernels and scaling: or write it to a file',
    },
  ],
  examples: [
    'bench lenet --rounds 9',
    'bench lenet --tune full',
    'bench lenet --profile',
    'bench kernels --filter conv2d --compare',
    'bench scaling',
  ],
  run,
};
