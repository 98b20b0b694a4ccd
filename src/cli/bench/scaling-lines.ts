/** How far curves are from a straight line through the origin, and why. Pure; imports the types of ceiling and profile, cli/report/format. */
import type { Profile } from '../../inspect/profile.ts';
import { bytes } from '../report/format.ts';
import type { Overhead } from './ceiling.ts';

/** One size of a sweep, measured. */
export interface ScalingPoint {
  readonly value: number;
  readonly batch: number;
  /** What time and memory should be proportional to. */
  readonly timeX: number;
  readonly memoryX: number;
  /** Of a training step. */
  readonly microseconds: number;
  readonly min: number;
  readonly max: number;
  /** Of GPU memory, as planned: weights, gradients, optimizer, activations, inputs. */
  readonly bytes: number;
  readonly dispatches: number;
  readonly flops: number;
}

export interface Line {
  /** y of the line at x = 1: that of the point which has the least for its x. */
  readonly slope: number;
  /** Index of that point. */
  readonly best: number;
  /** y of each point, over that of the line. */
  readonly factors: readonly number[];
  /** Index of the point that is farthest from the line. */
  readonly worst: number;
}

/** The steepest line through the origin that no point lies below. */
export function lineUnder(points: readonly { readonly x: number; readonly y: number }[]): Line {
  const ratios = points.map(({ x, y }) => y / x);
  const slope = Math.min(...ratios);
  const factors = ratios.map((ratio) => ratio / slope);
  return { slope, best: ratios.indexOf(slope), factors, worst: factors.indexOf(Math.max(...factors)) };
}

/** Time of a kind of dispatch at two points, and what it takes at the first beyond its share. */
export interface Excess {
  readonly op: string;
  readonly microseconds: number;
  readonly variants: string;
  readonly groups: string;
}

interface Kind {
  microseconds: number;
  readonly variants: Set<string>;
  workgroups: number;
  count: number;
}

/** Rows by op, whichever layer they belong to. */
function kindsOf({ rows }: Profile): Map<string, Kind> {
  const kinds = new Map<string, Kind>();
  for (const { label, variant, workgroups, microseconds } of rows) {
    const op = /^optimizer\./.test(label) ? label : label.slice(label.lastIndexOf('.') + 1).split('+')[0]!;
    const kind = kinds.get(op) ?? { microseconds: 0, variants: new Set<string>(), workgroups: 0, count: 0 };
    kind.microseconds += microseconds;
    kind.variants.add(variant);
    kind.workgroups += workgroups.reduce((a, b) => a * b, 1);
    kind.count++;
    kinds.set(op, kind);
  }
  return kinds;
}

/** Where a step loses time against one of another size, `ratio` times as much work; the largest first. */
export function excesses(worst: Profile, best: Profile, ratio: number): Excess[] {
  const [there, here] = [kindsOf(best), kindsOf(worst)];
  return [...here]
    .map(([op, kind]): Excess => {
      const other = there.get(op);
      const names = (k: Kind | undefined): string => (k ? [...k.variants].join('/') : 'none');
      const [is, was] = [names(kind), names(other)];
      return {
        op,
        microseconds: kind.microseconds - ratio * (other?.microseconds ?? 0),
        variants: is === was ? is : `${is}, there ${was}`,
        groups: `${Math.round(kind.workgroups / kind.count)} workgroups, there ${other ? Math.round(other.workgroups / other.count) : 0}`,
      };
    })
    .filter(({ microseconds }) => microseconds > 0)
    .sort((a, b) => b.microseconds - a.microseconds);
}

/** Shares of a step's time that dispatches cost by their number, and that its bytes cost at the speed of memory. */
export const shares = (
  { dispatches, microseconds }: Pick<ScalingPoint, 'dispatches' | 'microseconds'>,
  { rows }: Profile,
  { overhead, memoryGbs }: { readonly overhead: Overhead; readonly memoryGbs: number },
): { readonly overhead: number; readonly memory: number } => ({
  overhead: (dispatches * overhead.dispatch) / microseconds,
  memory: rows.reduce((sum, row) => sum + row.bytes, 0) / memoryGbs / 1000 / microseconds,
});

const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
const milliseconds = (us: number): string => `${(us / 1000).toPrecision(3)} ms`;

export interface Verdict {
  readonly sweep: string;
  readonly points: readonly ScalingPoint[];
  readonly line: Line;
  readonly worst: ReturnType<typeof shares>;
  readonly best: ReturnType<typeof shares>;
  readonly excess: readonly Excess[];
}

/** Where time leaves its line, and why, in words. */
export function explainTime({ sweep, points, line, worst, best, excess }: Verdict): string {
  const [far, near] = [points[line.worst]!, points[line.best]!];
  if (line.factors[line.worst]! < 1.1) return `${sweep}: time is on the line, within 10 % everywhere.`;
  const each = ({ microseconds, batch }: ScalingPoint): string => milliseconds(microseconds / batch);
  const reasons = [
    `${far.dispatches} dispatches cost ${percent(worst.overhead)} of the step (there ${percent(best.overhead)})`,
    `moving its bytes ${percent(worst.memory)} (there ${percent(best.memory)})`,
    ...excess
      .slice(0, 3)
      .map(({ op, microseconds, variants, groups }) => `${op} +${milliseconds(microseconds)} (${variants}; ${groups})`),
  ];
  return (
    `${sweep}: time is farthest from the line at ${far.value}: ${line.factors[line.worst]!.toFixed(2)}x ` +
    `(${each(far)} an image; the line is that of ${near.value}, ${each(near)}).\n  Why: ${reasons.join('; ')}.`
  );
}

/** Where memory leaves its line. */
export function explainMemory(sweep: string, points: readonly ScalingPoint[], { factors, worst, best }: Line): string {
  if (factors[worst]! < 1.1) return `${sweep}: memory is on the line, within 10 % everywhere.`;
  const [far, near] = [points[worst]!, points[best]!];
  return (
    `${sweep}: memory is farthest from the line at ${far.value}: ${factors[worst]!.toFixed(2)}x (${bytes(far.bytes)}; ` +
    `the line is that of ${near.value}, ${bytes(near.bytes)}): what does not grow along, weights and buffers of other layers.`
  );
}
