/** `gabor bench scaling`: time and memory of a training step against batch, image side, channels and depth. Imports cli, cli/bench, gpu, util. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Device } from '../../gpu/device.ts';
import { DeviceError } from '../../util/errors.ts';
import type { Io } from '../command.ts';
import { describeAdapter } from '../device.ts';
import { checkName, type Options } from '../options.ts';
import { bytes } from '../report/format.ts';
import { table } from '../table.ts';
import { measureCeiling, measureOverhead } from './ceiling.ts';
import { loadScalingChart } from './scaling-chart.ts';
import {
  excesses,
  explainMemory,
  explainTime,
  type Line,
  lineUnder,
  type ScalingPoint,
  shares,
} from './scaling-lines.ts';
import { type Measured, measurePoint, SWEEPS, type Sweep } from './scaling-sweeps.ts';

interface SweepResult {
  readonly name: string;
  readonly points: readonly ScalingPoint[];
  /** Sizes that do not fit into memory, and what was said. */
  readonly refused: readonly { readonly value: number; readonly why: string }[];
  readonly time: Line;
  readonly memory: Line;
  /** In words. */
  readonly why: readonly string[];
}

interface Context {
  readonly rounds: number;
  readonly full: boolean;
  readonly io: Io;
  readonly limits: Parameters<typeof shares>[2];
}

async function runSweep(device: Device, sweep: Sweep, { rounds, full, io, limits }: Context): Promise<SweepResult> {
  const measured: Measured[] = [];
  const refused: { value: number; why: string }[] = [];
  for (const value of full ? sweep.full : sweep.values) {
    io.error(`${sweep.name} ${value}`);
    try {
      measured.push(await measurePoint(device, sweep, { value, rounds }));
    } catch (error) {
      if (!(error instanceof DeviceError) || device.failure || measured.length === 0) throw error;
      refused.push({ value, why: error.message });
    }
  }
  const points = measured.map(({ point }) => point);
  const time = lineUnder(points.map(({ timeX: x, microseconds: y }) => ({ x, y })));
  const memory = lineUnder(points.map(({ memoryX: x, bytes: y }) => ({ x, y })));
  const [worst, best] = [await measured[time.worst]!.profile(), await measured[time.best]!.profile()];
  const [far, near] = [points[time.worst]!, points[time.best]!];
  const verdict = {
    ...{ sweep: sweep.name, points, line: time },
    worst: shares(far, worst, limits),
    best: shares(near, best, limits),
    excess: excesses(worst, best, far.timeX / near.timeX),
  };
  const why = [
    explainTime(verdict),
    explainMemory(sweep.name, points, memory),
    ...refused.map(({ value, why: told }) => `${sweep.name}: ${value} is refused: ${told}`),
  ];
  return { name: sweep.name, points, refused, time, memory, why };
}

function sweepTable({ name, points, time, memory }: SweepResult): string {
  return table([
    [name, 'ms a step', 'us an image', 'over line', 'memory', 'over line', 'dispatches'],
    ...points.map(({ value, batch, microseconds, bytes: size, dispatches }, i) => [
      String(value),
      (microseconds / 1000).toPrecision(3),
      (microseconds / batch).toPrecision(4),
      `${time.factors[i]!.toFixed(2)}x`,
      bytes(size),
      `${memory.factors[i]!.toFixed(2)}x`,
      String(dispatches),
    ]),
  ]);
}

/** Two curves of each sweep. Gives the files. */
async function drawCurves(results: readonly SweepResult[], folder: string, adapter: string): Promise<string[]> {
  const draw = await loadScalingChart();
  return results.flatMap(({ name, points, time, memory }) => {
    const { timeLabel, memoryLabel } = SWEEPS.find((sweep) => sweep.name === name)!;
    const charts = {
      time: draw({
        ...{
          title: `Milliseconds of a training step against ${name}`,
          adapter,
          xLabel: timeLabel,
          slope: time.slope / 1000,
        },
        yFormat: (ms: number) => ms.toLocaleString('en'),
        points: points.map(({ timeX: x, microseconds }) => ({ x, y: microseconds / 1000 })),
      }),
      memory: draw({
        ...{
          title: `MiB of planned memory against ${name}`,
          adapter,
          xLabel: memoryLabel,
          slope: memory.slope / 2 ** 20,
        },
        yFormat: (mib: number) => mib.toLocaleString('en'),
        points: points.map(({ memoryX: x, bytes: size }) => ({ x, y: size / 2 ** 20 })),
      }),
    };
    return Object.entries(charts).map(([what, svg]) => {
      const file = join(folder, `${name}-${what}.svg`);
      writeFileSync(file, svg);
      return file;
    });
  });
}

export async function runScaling(device: Device, options: Options, io: Io): Promise<number> {
  const wanted = options.text('filter');
  const names = SWEEPS.map(({ name }) => name);
  const only = wanted === undefined ? null : checkName('--filter', wanted, names);
  const rounds = options.whole('rounds', { min: 1, max: 1000 }) ?? 5;
  const folder = options.text('out') ?? join('out', 'scaling');
  mkdirSync(folder, { recursive: true });
  io.error('measuring what the adapter can do at most, and what a dispatch costs');
  const [ceiling, overhead] = [await measureCeiling(device), await measureOverhead(device)];
  const limits = { overhead, memoryGbs: ceiling.memoryGbs };
  const results: SweepResult[] = [];
  for (const sweep of SWEEPS.filter(({ name }) => only === null || name === only))
    results.push(await runSweep(device, sweep, { rounds, full: options.flag('full'), io, limits }));
  const files = await drawCurves(results, folder, device.adapter.name);
  const { name, driver } = device.adapter;
  const report = { adapter: { name, driver }, date: new Date().toISOString(), ceiling, overhead, sweeps: results };
  const json = JSON.stringify(report, null, 1);
  const file = options.text('json') ?? join(folder, 'scaling.json');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${json}\n`);
  io.error(`written: ${[file, ...files].join(', ')}`);
  if (options.flag('json')) {
    io.print(json);
    return 0;
  }
  io.print(`adapter: ${describeAdapter(device.adapter)}`);
  io.print(
    `a dispatch of one workgroup: ${overhead.dispatch.toFixed(1)} us; a submit: ${overhead.submit.toFixed(0)} us`,
  );
  for (const result of results) io.print(`\n${sweepTable(result)}\n${result.why.join('\n')}`);
  return 0;
}
