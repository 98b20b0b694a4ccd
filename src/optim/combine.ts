/** Schedules made of schedules. Imports schedules, util. */
import type { Json } from '../graph/types.ts';
import { ArgumentError } from '../util/errors.ts';
import { checkRising, type Feedback, linearLR, type Schedule } from './schedules.ts';

function onlyPer(at: string, schedules: readonly Schedule[]): Schedule['per'] {
  const [first, ...rest] = schedules;
  if (!first) throw new ArgumentError(`${at}: there are no schedules. Pass one at least.`);
  const other = rest.find(({ per }) => per !== first.per);
  if (other)
    throw new ArgumentError(
      `${at}: ${first.name} counts by ${first.per}, ${other.name} by ${other.per}. Give all of them the same \`per\`.`,
    );
  return first.per;
}

const partOf = (state: Json | undefined, i: number): Json | undefined => (Array.isArray(state) ? state[i] : undefined);

/** The states of all parts as one list; `takes` says which part a metric reaches. */
function joinFeedback(
  at: string,
  schedules: readonly Schedule[],
  takes: (i: number, count: number) => number | null,
): Pick<Schedule, 'feedback'> {
  const monitors = [...new Set(schedules.flatMap(({ feedback }) => feedback?.monitor ?? []))];
  const [monitor] = monitors;
  if (!monitor) return {};
  if (monitors.length > 1)
    throw new ArgumentError(`${at}: its parts monitor ${monitors.join(' and ')}. Let all of them monitor one metric.`);
  const feedback: Feedback = {
    monitor,
    initial: schedules.map((part) => part.feedback?.initial ?? null),
    next: (state, metric, count) =>
      schedules.map((part, i) => {
        const own = partOf(state, i) ?? part.feedback?.initial ?? null;
        const since = takes(i, count);
        return part.feedback && since !== null ? part.feedback.next(own, metric, since) : own;
      }),
  };
  return { feedback };
}

const configOf = (schedules: readonly Schedule[]) => schedules.map(({ name, config }) => ({ name, config }));

/**
 * All of them at once: each is given the rate that the one before makes of it. Schedules that multiply the rate may stand
 * in any order. Source: torch.optim.lr_scheduler.ChainedScheduler.
 */
export function chain(...schedules: readonly Schedule[]): Schedule {
  return {
    name: 'chain',
    per: onlyPer('chain', schedules),
    at: (count, lr, state) => schedules.reduce((rate, part, i) => part.at(count, rate, partOf(state, i)), lr),
    momentumAt: (count) =>
      schedules.reduce<number | undefined>((momentum, part) => part.momentumAt?.(count) ?? momentum, undefined),
    ...joinFeedback('chain', schedules, (_, count) => count),
    config: { schedules: configOf(schedules) },
  };
}

/**
 * One after another: the next begins, from its own 0, at each milestone. Source: torch.optim.lr_scheduler.SequentialLR.
 *
 * @throws ArgumentError unless there is a milestone between every two schedules and the milestones rise.
 */
export function sequentialLR(schedules: readonly Schedule[], milestones: readonly number[]): Schedule {
  if (milestones.length !== schedules.length - 1)
    throw new ArgumentError(
      `sequentialLR: ${schedules.length} schedules and ${milestones.length} milestones. Pass one milestone fewer than schedules.`,
    );
  checkRising('sequentialLR', milestones);
  const active = (count: number): { i: number; since: number } => {
    const i = milestones.filter((milestone) => milestone <= count).length;
    return { i, since: count - (milestones[i - 1] ?? 0) };
  };
  return {
    name: 'sequentialLR',
    per: onlyPer('sequentialLR', schedules),
    at(count, lr, state) {
      const { i, since } = active(count);
      return schedules[i]!.at(since, lr, partOf(state, i));
    },
    momentumAt(count) {
      const { i, since } = active(count);
      return schedules[i]!.momentumAt?.(since);
    },
    ...joinFeedback('sequentialLR', schedules, (part, count) => {
      const { i, since } = active(count);
      return i === part ? since : null;
    }),
    config: { schedules: configOf(schedules), milestones },
  };
}

/** A linear rise from startFactor (0.01 by default) of the rate in so many epochs or steps, then the schedule from its 0. */
export function warmup(
  schedule: Schedule,
  { count, startFactor = 0.01 }: { readonly count: number; readonly startFactor?: number },
): Schedule {
  const rise = linearLR({ startFactor, totalIters: count, per: schedule.per });
  return { ...sequentialLR([rise, schedule], [count]), name: 'warmup' };
}
