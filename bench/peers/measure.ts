/** One net on all peers: first steps, check of losses and outputs, rounds in turn, memory. Imports child, compare, nets, peers. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Child, PeerError } from './child.ts';
import { compareLosses, compareOutputs } from './compare.ts';
import { netOf, writeNet } from './nets.ts';
import type { Peer } from './peers.ts';
import type { Row } from './report.ts';

export interface MeasureOptions {
  readonly rounds: number;
  /** Of each measurement. */
  readonly seconds: number;
  /** Training steps whose losses are compared. */
  readonly steps: number;
  /** First steps measured for each peer; may be none. */
  readonly firstSteps: number;
  /** A folder that may be filled. */
  readonly scratch: string;
  say(text: string): void;
}

interface Rate {
  readonly images: number;
  readonly seconds: number;
  readonly loss?: number;
}

/** What becomes a Row. */
interface State {
  readonly peer: Peer;
  child: Child | null;
  version: string;
  adapter: string;
  losses: readonly number[];
  outputs: readonly number[];
  readonly train: { rates: number[]; void: string | null };
  readonly infer: { rates: number[]; void: string | null };
  readonly first: { cold: number[]; warm: number[]; void: string | null };
  memory: number | null;
}

type Kind = 'train' | 'infer';
const KINDS: readonly Kind[] = ['train', 'infer'];

/** Why a peer failed; other errors are the bench's own. */
function reasonOf(error: unknown): string {
  if (error instanceof PeerError) return error.message;
  throw error;
}

/** Each peer in turn; the order moves on with every round. */
function* turns<T>(peers: readonly T[], round: number): Generator<T> {
  for (let i = 0; i < peers.length; i++) yield peers[(i + round) % peers.length]!;
}

/** What drivers and tuners keep goes into this folder. */
const caches = (folder: string): { readonly [name: string]: string } => {
  mkdirSync(folder, { recursive: true });
  return { MESA_SHADER_CACHE_DIR: folder, XDG_CACHE_HOME: folder };
};

async function firstStep(peer: Peer, { net, cache }: { net: string; cache: string }): Promise<number> {
  const command = peer.start(net)!;
  const start = performance.now();
  const env = { ...command.env, ...caches(cache) };
  const child = new Child({ ...command, args: [...command.args, 'first'], env });
  try {
    await child.receive(10);
    return (performance.now() - start) / 1000;
  } finally {
    await child.end();
  }
}

async function firstSteps(
  states: readonly State[],
  net: string,
  { firstSteps: count, scratch, say }: MeasureOptions,
): Promise<void> {
  for (let round = 0; round < count; round++)
    for (const { peer, first } of turns(states, round)) {
      if (first.void !== null || !peer.start(net)) continue;
      const cache = join(scratch, `cache-${peer.name}-${round}`);
      try {
        first.cold.push(await firstStep(peer, { net, cache }));
        first.warm.push(await firstStep(peer, { net, cache }));
        say(
          `  first step, ${peer.name}: ${first.cold.at(-1)!.toFixed(2)} s cold, ${first.warm.at(-1)!.toFixed(2)} s warm`,
        );
      } catch (error) {
        first.void = reasonOf(error);
      }
      rmSync(cache, { recursive: true, force: true });
    }
}

/** Starts a peer, and has it predict and train a little. */
async function check(state: State, net: string, { scratch, steps, say }: MeasureOptions): Promise<void> {
  const { peer, train, infer } = state;
  try {
    const command = peer.start(net);
    if (!command) throw new PeerError(peer.skip ?? 'not available');
    const env = { ...command.env, ...caches(join(scratch, `cache-${peer.name}`)) };
    state.child = new Child({ ...command, env });
    const { version, adapter } = await state.child.receive<{ version: string; adapter: string }>(5);
    Object.assign(state, { version, adapter });
    const checked = await state.child.ask<{ outputs: number[]; losses?: number[]; trainError?: string }>({
      cmd: 'check',
      steps,
    });
    state.outputs = checked.outputs;
    state.losses = checked.losses ?? [];
    train.void = checked.trainError ?? null;
    say(
      `  ${peer.name}: ${version}, ${adapter}; losses ${state.losses.map((loss) => loss.toFixed(3)).join(' ') || '-'}`,
    );
  } catch (error) {
    train.void = infer.void = reasonOf(error);
    say(`  ${peer.name}: ${train.void}`);
  }
}

function judge(states: readonly State[]): void {
  const curves = new Map(states.filter(({ train }) => train.void === null).map((s) => [s.peer.name, s.losses]));
  const outputs = new Map(states.filter(({ infer }) => infer.void === null).map((s) => [s.peer.name, s.outputs]));
  const [trained, inferred] = [compareLosses(curves), compareOutputs(outputs)];
  for (const { peer, train, infer } of states) {
    train.void ??= trained.get(peer.name) ?? null;
    infer.void ??= inferred.get(peer.name) ?? null;
  }
}

async function measure(
  state: State,
  kind: Kind,
  { seconds, warmUp }: { seconds: number; warmUp: boolean },
): Promise<void> {
  const work = state[kind];
  if (!state.child || work.void !== null) return;
  try {
    const rate = await state.child.ask<Rate>({ cmd: kind, seconds });
    // Batches differ, but a loss far above the first one means that the net has come apart.
    if (kind === 'train' && !((rate.loss ?? Number.NaN) < 1.2 * state.losses[0]!))
      work.void = `the loss after ${rate.images} more images is ${rate.loss}, the first one was ${state.losses[0]}`;
    if (!warmUp) work.rates.push(rate.images / rate.seconds);
  } catch (error) {
    work.void = reasonOf(error);
  }
}

async function rounds(states: readonly State[], { rounds: count, seconds, say }: MeasureOptions): Promise<void> {
  for (let round = -1; round < count; round++) {
    const warmUp = round < 0;
    for (const kind of KINDS)
      for (const state of turns(states, round + 1))
        await measure(state, kind, { seconds: warmUp ? seconds / 4 : seconds, warmUp });
    if (!warmUp) say(`  round ${round + 1} of ${count}`);
  }
}

export async function measureNet(name: string, peers: readonly Peer[], options: MeasureOptions): Promise<Row[]> {
  const folder = join(options.scratch, name);
  writeNet(folder, netOf(name));
  const states = peers.map(
    (peer): State => ({
      ...{ peer, child: null, version: '', adapter: '', losses: [], outputs: [], memory: null },
      ...{
        train: { rates: [], void: null },
        infer: { rates: [], void: null },
        first: { cold: [], warm: [], void: null },
      },
    }),
  );
  await firstSteps(states, folder, options);
  try {
    for (const state of states) await check(state, folder, options);
    judge(states);
    await rounds(states, options);
    for (const state of states)
      state.memory = (await state.child?.ask<{ bytes: number }>({ cmd: 'memory' }).catch(() => null))?.bytes ?? null;
  } finally {
    for (const { child } of states) await child?.end();
  }
  return states.map(({ peer, child, outputs, ...row }) => ({ net: name, peer: peer.name, ...row }));
}
