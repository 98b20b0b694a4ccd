/** `gabor bench kernels`: every variant of every op checked, then timed. Imports cli, cli/bench, gpu, runtime, util. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Device } from '../../gpu/device.ts';
import { waitFor } from '../../gpu/wait.ts';
import { canStamp } from '../../runtime/timing.ts';
import { ArgumentError } from '../../util/errors.ts';
import type { Io } from '../command.ts';
import { describeAdapter } from '../device.ts';
import { type Options, UsageError } from '../options.ts';
import { type Ceiling, measureCeiling, runsFor, timeOfPass } from './ceiling.ts';
import type { Candidate, KernelCase } from './kernel-case.ts';
import { kernelMenu } from './kernel-menu.ts';
import {
  type Change,
  compareRows,
  describeChange,
  fileNameFor,
  type KernelResults,
  type KernelRow,
  kernelTable,
  parseResults,
  repeated,
  rowOf,
} from './kernel-results.ts';

const KEPT = join('bench', 'results');

interface Measured {
  readonly rows: readonly KernelRow[];
  readonly wrong: KernelResults['wrong'];
}

/** A variant that is so many times slower than the best, and takes so long, is timed once: nobody would choose it. */
const HOPELESS = { factor: 8, microseconds: 20_000 };

/** Times of the candidates in turn, `rounds` times; microseconds of one run. */
async function interleaved(device: Device, candidates: readonly Candidate[], rounds: number): Promise<number[][]> {
  const time = async ({ calls, before }: Candidate, count: number): Promise<number> => {
    before();
    if (!canStamp(device)) await waitFor(device.gpu.queue.onSubmittedWorkDone());
    return (await timeOfPass(device, calls, count)) / count;
  };
  const once: number[] = [];
  for (const candidate of candidates) once.push(await time(candidate, 1));
  const isHopeless = (us: number): boolean => us > HOPELESS.factor * Math.min(...once) && us > HOPELESS.microseconds;
  // Anything may happen once.
  for (const [i, candidate] of candidates.entries())
    if (isHopeless(once[i]!)) once[i] = Math.min(once[i]!, await time(candidate, 1));
  const hopeless = once.map(isHopeless);
  const counts: number[] = [];
  for (const [i, { calls, before }] of candidates.entries()) {
    before();
    counts.push(hopeless[i] ? 1 : await runsFor(device, calls));
  }
  const times: number[][] = once.map((us, i) => (hopeless[i] ? [us] : []));
  for (let round = 0; round < rounds; round++)
    for (const [i, candidate] of candidates.entries())
      if (!hopeless[i]) times[i]!.push(await time(candidate, counts[i]!));
  return times;
}

async function measureCase(
  device: Device,
  { name, prepare }: KernelCase,
  { ceiling, rounds }: { readonly ceiling: Ceiling; readonly rounds: number },
): Promise<Measured> {
  const { candidates, wrong, dispose } = await prepare(device);
  try {
    const times = await interleaved(device, candidates, rounds);
    const rows = candidates.map(({ variant, flops, bytes }, choice) =>
      rowOf({ case: name, variant, choice, flops, bytes }, times[choice]!, ceiling),
    );
    return { rows, wrong: wrong.map((one) => ({ case: name, ...one })) };
  } finally {
    dispose();
  }
}

/** Losses against what was kept that a second measurement of the same cases shows too. */
async function losses(
  device: Device,
  kept: KernelResults,
  { now, cases, rounds, io }: { now: KernelResults; cases: readonly KernelCase[]; rounds: number; io: Io },
): Promise<Change[]> {
  const first = compareRows(kept.rows, now.rows);
  const slower = now.ceiling.gflops / kept.ceiling.gflops;
  if (slower < 0.9 || slower > 1.1)
    io.error(
      `the ceiling is ${now.ceiling.gflops.toFixed(1)} GFLOP/s, ${kept.ceiling.gflops.toFixed(1)} were kept: the machine is not as it was`,
    );
  for (const change of first.gains) io.error(`faster: ${describeChange(change)}`);
  if (first.missing.length > 0) io.error(`no longer there: ${first.missing.join(', ')}`);
  if (first.added.length > 0) io.error(`new: ${first.added.join(', ')}`);
  const suspects = new Set(first.losses.map((loss) => loss.case));
  if (suspects.size === 0) return [];
  io.error(`${first.losses.length} slower by more than 15 %: measured again`);
  const again: KernelRow[] = [];
  for (const one of cases.filter(({ name }) => suspects.has(name)))
    again.push(...(await measureCase(device, one, { ceiling: now.ceiling, rounds })).rows);
  return repeated(first.losses, compareRows(kept.rows, again).losses);
}

function readKept(options: Options, adapter: string): { file: string; results: KernelResults } | null {
  if (!options.has('compare')) return null;
  const file = options.text('compare') ?? join(KEPT, fileNameFor(adapter));
  if (!existsSync(file))
    throw new ArgumentError(
      `--compare: there is no ${file}. Write it with "bench kernels --json ${file}", or name another.`,
    );
  const results = parseResults(readFileSync(file, 'utf8'), file);
  if (results.adapter.name !== adapter)
    throw new ArgumentError(`--compare: ${file} is of ${results.adapter.name}, this is ${adapter}. Name another file.`);
  return { file, results };
}

function choose(options: Options): KernelCase[] {
  const filter = options.text('filter')?.toLowerCase();
  const all = kernelMenu();
  const cases = filter === undefined ? all : all.filter(({ name }) => name.toLowerCase().includes(filter));
  if (cases.length > 0) return cases;
  const starts = [...new Set(all.map(({ name }) => name.split(' ')[0]!))];
  throw new UsageError(
    `--filter is ${JSON.stringify(filter)}, which no case has. They start with ${starts.join(', ')}.`,
  );
}

function publish(results: KernelResults, options: Options, { io, ceiling }: { io: Io; ceiling: Ceiling }): void {
  const json = JSON.stringify(results, null, 1);
  const file = options.text('json');
  if (options.flag('json')) {
    io.print(json);
    return;
  }
  io.print(`adapter: ${describeAdapter({ ...results.adapter, vendor: '', architecture: '', software: false })}`);
  io.print(
    `ceiling: ${ceiling.gflops.toFixed(1)} GFLOP/s, ${ceiling.gbs.toFixed(1)} GB/s (${ceiling.memoryGbs.toFixed(1)} from memory)\n`,
  );
  io.print(kernelTable(results.rows));
  if (!file) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${json}\n`);
  io.error(`written: ${file}`);
}

/** Exit code 1: a variant computes wrong values, or is slower than what was kept, twice. */
export async function runKernels(device: Device, options: Options, io: Io): Promise<number> {
  const rounds = options.whole('rounds', { min: 5, max: 1000 }) ?? 5;
  const cases = choose(options);
  const { name, driver } = device.adapter;
  const kept = readKept(options, name);
  io.error('measuring what the adapter can do at most');
  const ceiling = await measureCeiling(device);
  const [rows, wrong]: [KernelRow[], KernelResults['wrong'][number][]] = [[], []];
  for (const [i, one] of cases.entries()) {
    io.error(`${i + 1}/${cases.length} ${one.name}`);
    const measured = await measureCase(device, one, { ceiling, rounds });
    rows.push(...measured.rows);
    wrong.push(...measured.wrong);
  }
  const results: KernelResults = { adapter: { name, driver }, date: new Date().toISOString(), ceiling, rows, wrong };
  publish(results, options, { io, ceiling });
  for (const { case: at, variant, why } of wrong) io.error(`WRONG ${at} ${variant}: ${why}`);
  const lost = kept ? await losses(device, kept.results, { now: results, cases, rounds, io }) : [];
  for (const loss of lost) io.error(`LOSS ${describeChange(loss)}`);
  if (kept && lost.length === 0) io.error(`no loss against ${kept.file}`);
  return lost.length > 0 || wrong.length > 0 ? 1 : 0;
}
