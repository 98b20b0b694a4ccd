/** `profile`: how long each dispatch of a step takes. Imports train and all below. */

import { boundValues, type PlanDispatch } from '../compile/lower.ts';
import type { Place } from '../compile/place.ts';
import type { Dataset } from '../data/dataset.ts';
import { RING_SLOTS } from '../runtime/ring.ts';
import type { Prepared } from '../runtime/session.ts';
import { packStep } from '../runtime/step.ts';
import { median } from '../runtime/timing.ts';
import type { Trainer } from '../train/trainer.ts';
import { ArgumentError } from '../util/errors.ts';
import { sizeOf } from '../util/shape.ts';
import type { InspectTarget } from './inspector-types.ts';
import { canStamp, timeByReplay, timeByStamps } from './timing.ts';

export interface ProfileOptions {
  /** Steps to measure, after one to warm up; the rows have their medians. Default 20. */
  readonly steps?: number;
  /** Samples in a batch; default: the trainer's or session's own. */
  readonly batch?: number;
  /** Batches are gathered from this data set on the GPU, as `fit` does; default: uploaded batches, as for `step`. Trainers only. */
  readonly data?: Dataset;
  /** 'timestamps': of the GPU; 'replay': each dispatch is repeated and the host's clock read. Default: the first where the device can. */
  readonly method?: 'timestamps' | 'replay';
}

/** One dispatch. */
export interface ProfileRow {
  /** `conv1.conv2d+relu` */
  readonly label: string;
  readonly variant: string;
  readonly file: string;
  readonly workgroups: readonly [number, number, number];
  /** Of the node; 0 for its further dispatches, and for optimizers and metrics. */
  readonly flops: number;
  /** All that is bound, once: the least that must move. */
  readonly bytes: number;
  readonly microseconds: number;
  readonly gflops: number;
  /** Of the sum over all rows. */
  readonly share: number;
}

export interface Profile {
  readonly method: 'timestamps' | 'replay';
  readonly batch: number;
  readonly rows: readonly ProfileRow[];
  /** Sum of the rows. */
  readonly microseconds: number;
  /** The same dispatches in one pass, as a step runs them. */
  readonly stepMicroseconds: number;
}

const isTrainer = (target: InspectTarget): target is Trainer => 'updater' in target;

/** All memory that a step changes. */
function changingPlaces({ engine, updater }: Trainer): Place[] {
  const { parameters, state } = engine.session.arenas;
  const places = parameters.shards.flatMap((bytes, shard): Place[] => [
    { buffer: { kind: 'parameters', shard }, offset: 0, bytes },
    { buffer: { kind: 'gradients', shard }, offset: 0, bytes },
    ...updater.slots.map((_, slot): Place => ({ buffer: { kind: 'slot', slot, shard }, offset: 0, bytes })),
  ]);
  const [bytes = 0] = state.shards;
  return bytes > 0 ? [...places, { buffer: { kind: 'state' }, offset: 0, bytes }] : places;
}

/** The plans of a step or of a prediction. */
async function plansOf(target: InspectTarget, { batch, data }: { batch: number; data?: Dataset }): Promise<Prepared[]> {
  const { engine } = target;
  if (!isTrainer(target)) return [await engine.plan({ mode: 'predict', batch })];
  const resident = (data && engine.resident(data)) ?? undefined;
  const plan = await engine.plan({ mode: 'train', batch, data: resident, shuffle: resident !== undefined });
  const { accumulate, update } = target.updater.plans;
  return [plan, ...(accumulate ? [accumulate] : []), update];
}

function rowOf(dispatch: PlanDispatch, times: readonly number[]) {
  const { label, variant, file, workgroups, flops } = dispatch;
  const bytes = boundValues(dispatch).reduce((sum, { place }) => sum + place.bytes, 0);
  const microseconds = median(times);
  const gflops = microseconds > 0 ? flops / microseconds / 1000 : 0;
  return { label, variant, file, workgroups, flops, bytes, microseconds, gflops };
}

/**
 * Time of every dispatch of a trainer's step or a session's prediction. Weights, optimizer state and position are afterwards
 * what they were; not to be called while `fit` runs.
 *
 *     console.log(printProfile(await profile(trainer)));
 */
export async function profile(target: InspectTarget, options: ProfileOptions = {}): Promise<Profile> {
  const { engine } = target;
  const { device, session, model } = engine;
  const own = isTrainer(target) ? target.options.batchSize : target.batchSize;
  const { steps = 20, batch = own, data } = options;
  for (const [name, value] of Object.entries({ steps, batch })) {
    if (!Number.isSafeInteger(value) || value < 1)
      throw new ArgumentError(`profile: ${name} is ${value}. Pass a whole number from 1.`);
  }
  const { method = canStamp(device) ? 'timestamps' : 'replay' } = options;
  if (method === 'timestamps' && !canStamp(device))
    throw new ArgumentError('profile: this device has no time stamps. Use method "replay".');
  if (data && isTrainer(target)) target.checkData(data, 'profile');
  const plans = await plansOf(target, { batch, data });
  const x = Float32Array.from({ length: batch * sizeOf(model.inputShape) }, (_, i) => Math.sin(i));
  session.write(plans[0]!, 'x', x);
  const words = isTrainer(target)
    ? packStep({
        ...target.updater.words(target.position),
        slot: (target.passes + 1) % RING_SLOTS,
        ...{ seed: 1, shuffle: 1, first: 0, gradientScale: 1 },
      }).slice()
    : undefined;
  const places = isTrainer(target) ? changingPlaces(target) : [];
  const kept = await session.readPlaces(places);
  const calls = plans.flatMap((plan) => plan.calls);
  const dispatches = plans.flatMap(({ plan }) => plan.dispatches);
  const timing = { rounds: steps, before: () => session.run([], { step: words }) };
  try {
    const times = await (method === 'timestamps' ? timeByStamps : timeByReplay)(device, calls, timing);
    const rows = dispatches.map((dispatch, i) => rowOf(dispatch, times.calls[i]!));
    const microseconds = rows.reduce((sum, row) => sum + row.microseconds, 0);
    return {
      method,
      batch,
      rows: rows.map((row) => ({ ...row, share: microseconds > 0 ? row.microseconds / microseconds : 0 })),
      microseconds,
      stepMicroseconds: median(times.whole),
    };
  } finally {
    if (!device.failure)
      for (const [i, place] of places.entries()) session.writePlace(place, new Uint32Array(kept[i]!));
  }
}

/** A number with three digits and a unit's letter. */
function short(value: number): string {
  for (const [unit, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const)
    if (value >= unit) return `${(value / unit).toPrecision(3)} ${letter}`;
  return String(value);
}

/** The profile as a table, in the order in which things run. */
export function printProfile({ rows, method, batch, microseconds, stepMicroseconds }: Profile): string {
  const head = ['#', 'dispatch', 'variant', 'groups', 'FLOPs', 'bytes', 'us', 'GFLOP/s', 'share'];
  const cells = rows.map(({ label, variant, workgroups, flops, bytes, microseconds: us, gflops, share }, i) => [
    ...[String(i), label, variant, workgroups.join('x')],
    ...[flops > 0 ? short(flops) : '', short(bytes), us.toFixed(1), flops > 0 ? gflops.toFixed(1) : ''],
    `${(100 * share).toFixed(1)} %`,
  ]);
  const flops = rows.reduce((sum, row) => sum + row.flops, 0);
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  const rate = microseconds > 0 ? (flops / microseconds / 1000).toFixed(1) : '';
  const total = ['', 'all', '', '', short(flops), short(bytes), microseconds.toFixed(1), rate, ''];
  const table = [head, ...cells, total];
  const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, column) =>
        column >= 1 && column <= 2 ? cell.padEnd(widths[column]!) : cell.padStart(widths[column]!),
      )
      .join('  ')
      .trimEnd(),
  );
  const how = method === 'timestamps' ? 'time stamps of the GPU, a pass for each dispatch' : 'each dispatch repeated';
  return [...lines, `batch ${batch}; ${how}; all in one pass: ${stepMicroseconds.toFixed(1)} us`].join('\n');
}
