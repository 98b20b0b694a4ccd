/** `npm run goldens`: runs every case of a folder of golden data on a device and reports. Imports the other files of this folder. */
import { type Device, requestDevice } from '../../gpu/device.ts';
import { ArgumentError } from '../../util/errors.ts';
import { type CaseContext, type CaseResult, type CaseRunner, failureOf, resultOf } from './case.ts';
import { families, type GoldenCase, loadFamily } from './golden-files.ts';
import { runInitCase } from './init.ts';
import { runNetCase } from './nets.ts';
import { runOpCase } from './op-case.ts';
import { runOptimCase } from './optim.ts';

export interface RunGoldensOptions {
  /** Holds <family>.json and <family>.safetensors. */
  readonly folder: string;
  /** Default: all. */
  readonly families?: readonly string[];
  readonly device: Device;
  /** Takes the lines of the report. */
  readonly print: (line: string) => void;
  /** Run each case with every variant of each kernel; default true. */
  readonly variants?: boolean;
}

export interface CaseReport {
  readonly family: string;
  readonly name: string;
  readonly op: string;
  readonly result: CaseResult;
  readonly ms: number;
}

export interface GoldensReport {
  readonly passed: number;
  readonly failed: number;
  /** Cases that need something that gabor does not have. They count neither as passed nor as failed. */
  readonly unsupported: number;
  readonly cases: readonly CaseReport[];
}

/** Cases in flight: pipelines compile in the driver's threads while other cases run. */
const WIDTH = 8;

/** Cases tell by their op how they are run, so that a family may have any name. */
const kinds: readonly (readonly [RegExp, CaseRunner])[] = [
  [/^network$/, runNetCase],
  [/^init\./, runInitCase],
  [/^(optimizer|lr_scheduler)\.|^clip_/, runOptimCase],
];

const runnerOf = (op: string): CaseRunner => kinds.find(([pattern]) => pattern.test(op))?.[1] ?? runOpCase;

async function runCase(family: string, golden: GoldenCase, context: CaseContext): Promise<CaseReport> {
  const start = performance.now();
  const result = await runnerOf(golden.op)(golden, context);
  return { family, name: golden.name, op: golden.op, result, ms: performance.now() - start };
}

/** Runs tasks, so many at a time, and gives the results in the order of the tasks. */
async function inParallel<T>(tasks: readonly (() => Promise<T>)[], width: number): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < tasks.length) {
      const i = next++;
      results[i] = await tasks[i]!();
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return results;
}

/** The device's errors that no call reported arrive by then. */
const settle = (device: Device): Promise<undefined> => device.gpu.queue.onSubmittedWorkDone();

/** The same GPU with a clean record: an error that a case left behind must not fail those after it. */
const cleanDevice = ({ gpu }: Device): Promise<Device> => requestDevice({ gpu });

async function runAlone(family: string, golden: GoldenCase, { device, variants }: CaseContext): Promise<CaseReport> {
  const own = await cleanDevice(device);
  const report = await runCase(family, golden, { device: own, variants });
  await settle(own);
  const { failure } = own;
  own.dispose();
  return failure && report.result.status !== 'failed'
    ? { ...report, result: resultOf([failureOf(failure, 'default')]) }
    : report;
}

/** Runs many cases at a time; where the device reports an error, all of them again one by one, to tell whose it is. */
async function runFamily(
  family: string,
  cases: readonly GoldenCase[],
  { device, variants }: CaseContext,
): Promise<CaseReport[]> {
  const own = await cleanDevice(device);
  const tasks = cases.map((golden) => () => runCase(family, golden, { device: own, variants }));
  const reports = await inParallel(tasks, WIDTH);
  await settle(own);
  const { failure } = own;
  own.dispose();
  if (!failure) return reports;
  return inParallel(
    cases.map((golden) => () => runAlone(family, golden, { device, variants })),
    1,
  );
}

const countOf = (cases: readonly CaseReport[], status: CaseResult['status']): number =>
  cases.filter(({ result }) => result.status === status).length;

/** What is missing, with the number of cases that need it, most first. */
function missingOf(cases: readonly CaseReport[]): string {
  const counts = new Map<string, number>();
  for (const { result } of cases) {
    if (result.status !== 'not supported') continue;
    for (const name of result.missing) counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  const rows = [...counts].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0]));
  return rows.map(([name, count]) => `${name} ${count}`).join(', ');
}

function familyText(family: string, cases: readonly CaseReport[]): string[] {
  const missing = missingOf(cases);
  const counts = `${countOf(cases, 'passed')} passed, ${countOf(cases, 'failed')} failed, ${countOf(cases, 'not supported')} not supported`;
  const lines = [`${family}: ${counts}${missing ? ` (${missing})` : ''}`];
  for (const { name, op, result } of cases) {
    if (result.status !== 'failed') continue;
    lines.push(`  FAILED ${name} (${op})`);
    for (const { variant, tensor, message } of result.failures)
      lines.push(`    [${variant}] ${tensor ? `${tensor}: ` : ''}${message}`);
  }
  return lines;
}

function chosenFamilies(folder: string, wanted: readonly string[]): string[] {
  const all = families(folder);
  const unknown = wanted.find((name) => !all.includes(name));
  if (unknown !== undefined)
    throw new ArgumentError(
      `goldens: there is no family "${unknown}" in ${folder}. It has ${all.join(', ') || 'none'}.`,
    );
  return wanted.length > 0 ? all.filter((name) => wanted.includes(name)) : all;
}

/**
 * Runs the cases of a folder and prints, for each family, how many passed, failed and are not supported, the details of
 * each failure, and at last the line `N passed, M failed`.
 *
 * @throws ArgumentError for an unknown family, FormatError for files that are not what they claim to be.
 */
export async function runGoldens(options: RunGoldensOptions): Promise<GoldensReport> {
  const { folder, device, print, variants = true } = options;
  const cases: CaseReport[] = [];
  for (const family of chosenFamilies(folder, options.families ?? [])) {
    const done = await runFamily(family, loadFamily(folder, family), { device, variants });
    for (const line of familyText(family, done)) print(line);
    cases.push(...done);
  }
  const [passed, failed] = [countOf(cases, 'passed'), countOf(cases, 'failed')];
  print(`${passed} passed, ${failed} failed`);
  return { passed, failed, unsupported: countOf(cases, 'not supported'), cases };
}
