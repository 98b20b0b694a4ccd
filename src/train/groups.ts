/** Parameter groups: which parameter is trained how, or not at all. Pure; imports compile types, nn types, optim types, util. */
import { MOST_GROUPS } from '../compile/lower.ts';
import type { Arena } from '../compile/place.ts';
import type { Model } from '../nn/model.ts';
import { checkRanges, type Optimizer } from '../optim/optimizer.ts';
import { ArgumentError } from '../util/errors.ts';

export interface ParameterGroup {
  /** Names of parameters (`conv1.weight`), or what tells them. A parameter belongs to the first group that it matches. */
  readonly match: RegExp | ((name: string) => boolean) | readonly string[];
  /** Learning rate in place of the optimizer's; a schedule changes it in the same way. */
  readonly lr?: number;
  /** The optimizer's learning rate times this. */
  readonly lrScale?: number;
  /** In place of the optimizer's. */
  readonly weightDecay?: number;
  /** In place of the trainer's. */
  readonly l1?: number;
  /** Not trained: the weights keep their bits, and their gradients are not computed. */
  readonly frozen?: boolean;
}

/** A group as the trainer uses it; `parameters` in the model's order. */
export interface ResolvedGroup {
  readonly parameters: readonly string[];
  readonly lr: number;
  readonly weightDecay: number;
  readonly l1: number;
  readonly frozen: boolean;
}

function matcher({ match }: ParameterGroup): (name: string) => boolean {
  if (match instanceof RegExp) return (name) => name.search(match) >= 0;
  return typeof match === 'function' ? match : (name) => match.includes(name);
}

function resolveOne(
  group: ParameterGroup,
  at: string,
  { optimizer, l1 }: { readonly optimizer: Optimizer; readonly l1: number },
): Omit<ResolvedGroup, 'parameters'> {
  const { lr, lrScale, weightDecay = optimizer.weightDecay ?? 0, frozen = false } = group;
  if (lr !== undefined && lrScale !== undefined)
    throw new ArgumentError(`${at}: lr is ${lr} and lrScale ${lrScale}. Give one of them.`);
  const resolved = { lr: lr ?? optimizer.lr * (lrScale ?? 1), weightDecay, l1: group.l1 ?? l1, frozen };
  checkRanges(at, {
    lr: [resolved.lr, 0, Infinity],
    weightDecay: [weightDecay, 0, Infinity],
    l1: [resolved.l1, 0, Infinity],
  });
  return resolved;
}

export interface GroupOptions {
  readonly optimizer: Optimizer;
  readonly parameterGroups?: readonly ParameterGroup[];
  readonly l1?: number;
}

/**
 * The groups of a model: first the parameters that no group matches, then the groups in their order, frozen ones last. The
 * arena is laid out in this order, so that an update finds a group by where it is.
 *
 * @throws ArgumentError for a group without parameters, a value out of range, or where nothing is left to train.
 */
export function resolveGroups(
  model: Model,
  { optimizer, parameterGroups = [], l1 = 0 }: GroupOptions,
): ResolvedGroup[] {
  const names = model.parameters.filter(({ kind }) => kind === 'parameter').map(({ name }) => name);
  const has = `The model has ${names.join(', ') || 'no parameters'}.`;
  const members = [{ match: [] }, ...parameterGroups].map((): string[] => []);
  const matchers = parameterGroups.map(matcher);
  for (const name of names) members[matchers.findIndex((matches) => matches(name)) + 1]!.push(name);
  for (const [i, { match }] of parameterGroups.entries()) {
    const unknown = Array.isArray(match) ? match.find((name) => !names.includes(name)) : undefined;
    if (unknown !== undefined)
      throw new ArgumentError(`parameterGroups[${i}]: there is no parameter "${unknown}". ${has}`);
    if (members[i + 1]!.length === 0)
      throw new ArgumentError(`parameterGroups[${i}]: matches no parameter that no group before has. ${has}`);
  }
  const all = [{ match: [] }, ...parameterGroups].map((group, i) => ({
    parameters: members[i]!,
    ...resolveOne(group, i === 0 ? 'createTrainer' : `parameterGroups[${i - 1}]`, { optimizer, l1 }),
  }));
  const groups = all.filter(({ parameters }) => parameters.length > 0);
  if (groups.length > MOST_GROUPS)
    throw new ArgumentError(`parameterGroups: ${groups.length} groups. Use ${MOST_GROUPS} at most.`);
  if (names.length > 0 && groups.every(({ frozen }) => frozen))
    throw new ArgumentError(
      'parameterGroups: all parameters are frozen, so there is nothing to train. Leave some out.',
    );
  return [...groups.filter(({ frozen }) => !frozen), ...groups.filter(({ frozen }) => frozen)];
}

/** Where each group that is trained ends, in vec4s from the start of the first shard. */
export function groupEnds({ entries, shards }: Arena, groups: readonly ResolvedGroup[]): number[] {
  const ends = new Map<string, number>();
  let base = 0;
  for (const [shard, bytes] of shards.entries()) {
    const inside = entries.filter((entry) => entry.shard === shard);
    for (const [i, { name }] of inside.entries()) ends.set(name, base + (inside[i + 1]?.offset ?? bytes));
    base += bytes;
  }
  return groups
    .filter(({ frozen }) => !frozen)
    .map(({ parameters }) => Math.max(...parameters.map((name) => ends.get(name)!)) / 16);
}
