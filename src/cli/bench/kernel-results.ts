/** What `bench kernels` reports and keeps, and how it compares with what was kept. Pure; imports ceiling's types, cli/report/format, cli/table, util. */
import { FormatError } from '../../util/errors.ts';
import { table } from '../table.ts';
import { spreadOf } from './benchmark.ts';
import type { Ceiling } from './ceiling.ts';

export interface KernelRow {
  readonly case: string;
  readonly variant: string;
  /** Place among the variants that were offered; 0 is what runs unless a tuner says otherwise. */
  readonly choice: number;
  /** Of one run: median, least and most of the repetitions. */
  readonly microseconds: number;
  readonly min: number;
  readonly max: number;
  /** Repetitions; 1: far slower than another variant, so that it was timed once and is not compared. */
  readonly rounds: number;
  readonly gflops: number;
  readonly gbs: number;
  /** Share of the ceiling that is nearer: of operations or of bytes. */
  readonly ceiling: number;
}

export interface KernelResults {
  readonly adapter: { readonly name: string; readonly driver: string };
  readonly date: string;
  readonly ceiling: Ceiling;
  readonly rows: readonly KernelRow[];
  readonly wrong: readonly { readonly case: string; readonly variant: string; readonly why: string }[];
}

/** A row from times of one run, microseconds. */
export function rowOf(
  what: Pick<KernelRow, 'case' | 'variant' | 'choice'> & { readonly flops: number; readonly bytes: number },
  times: readonly number[],
  { gflops: mostFlops, gbs: mostBytes }: Ceiling,
): KernelRow {
  const { flops, bytes, ...names } = what;
  const { median, min, max } = spreadOf(times);
  const per = Math.max(median, 1e-3) * 1000;
  const [gflops, gbs] = [flops / per, bytes / per];
  const ceiling = Math.max(gflops / mostFlops, gbs / mostBytes);
  return { ...names, microseconds: median, min, max, rounds: times.length, gflops, gbs, ceiling };
}

/** More than this is a loss. */
export const TOLERATED = 1.15;

export interface Change {
  readonly case: string;
  readonly variant: string;
  readonly was: number;
  readonly is: number;
  /** Above 1: slower. */
  readonly factor: number;
}

export interface Comparison {
  readonly losses: readonly Change[];
  readonly gains: readonly Change[];
  /** `case variant` that is in one of the two only; what was not measured this time does not count. */
  readonly missing: readonly string[];
  readonly added: readonly string[];
}

const keyOf = ({ case: name, variant }: Pick<KernelRow, 'case' | 'variant'>): string => `${name} ${variant}`;

/** The rows that both have. A case that was not measured now (a filter) is not missed. */
export function compareRows(kept: readonly KernelRow[], now: readonly KernelRow[]): Comparison {
  const before = new Map(kept.map((row) => [keyOf(row), row]));
  const timed = (row: KernelRow | undefined): row is KernelRow => row !== undefined && row.rounds > 1;
  const [present, cases] = [new Set(now.map(keyOf)), new Set(now.map((row) => row.case))];
  const changes = now.flatMap((row): Change[] => {
    const other = before.get(keyOf(row));
    if (!timed(other) || !timed(row)) return [];
    const { microseconds: was } = other;
    const { case: name, variant, microseconds: is } = row;
    return [{ case: name, variant, was, is, factor: is / was }];
  });
  return {
    losses: changes.filter(({ factor }) => factor > TOLERATED).sort((a, b) => b.factor - a.factor),
    gains: changes.filter(({ factor }) => factor < 1 / TOLERATED).sort((a, b) => a.factor - b.factor),
    missing: kept.filter((row) => cases.has(row.case) && !present.has(keyOf(row))).map(keyOf),
    added: now.map(keyOf).filter((key) => !before.has(key)),
  };
}

/** The losses that a second measurement shows as well. */
export function repeated(losses: readonly Change[], again: readonly Change[]): Change[] {
  const second = new Map(again.map((change) => [keyOf(change), change]));
  return losses.flatMap((loss) => {
    const other = second.get(keyOf(loss));
    return other ? [other.factor < loss.factor ? other : loss] : [];
  });
}

/** Results that were kept. Throws FormatError where the text is something else. */
export function parseResults(text: string, file: string): KernelResults {
  const fail = (why: string): FormatError =>
    new FormatError(`${file}: ${why}. Write it with "bench kernels --json FILE".`);
  let value: Partial<KernelResults>;
  try {
    value = JSON.parse(text) as Partial<KernelResults>;
  } catch (error) {
    throw Object.assign(fail('is no JSON'), { cause: error });
  }
  const { rows, ceiling, adapter } = value ?? {};
  const row = (r: Partial<KernelRow>): boolean =>
    typeof r.case === 'string' && typeof r.variant === 'string' && Number(r.microseconds) > 0;
  if (!Array.isArray(rows) || !rows.every(row) || !ceiling || typeof adapter?.name !== 'string')
    throw fail('holds no results of kernels');
  return value as KernelResults;
}

/** `kernels-<adapter>.json` */
export const fileNameFor = (adapter: string): string =>
  `kernels-${adapter
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')}.json`;

const microseconds = (value: number): string => (value < 100 ? value.toFixed(1) : value.toFixed(0));

/** A row for each variant, the cases in their order, the fastest variant of a case marked. */
export function kernelTable(rows: readonly KernelRow[]): string {
  const best = new Map<string, number>();
  for (const { case: name, microseconds: us } of rows) best.set(name, Math.min(best.get(name) ?? Infinity, us));
  return table([
    ['case', 'variant', 'us', 'spread', 'GFLOP/s', 'GB/s', 'of ceiling'],
    ...rows.map((row) => [
      row.choice === 0 ? row.case : '',
      `${row.variant}${row.microseconds === best.get(row.case) ? ' *' : '  '}`,
      microseconds(row.microseconds),
      row.rounds > 1 ? `${microseconds(row.min)}-${microseconds(row.max)}` : 'once',
      row.gflops.toFixed(1),
      row.gbs.toFixed(1),
      `${(100 * row.ceiling).toFixed(0)} %`,
    ]),
  ]);
}

export const describeChange = ({ case: name, variant, was, is, factor }: Change): string =>
  `${name} ${variant}: ${microseconds(was)} us, now ${microseconds(is)} us (${factor.toFixed(2)}x)`;
