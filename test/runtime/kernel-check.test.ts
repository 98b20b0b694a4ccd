/** The self-test of kernels: what it looks at, what it drops and keeps, and that training goes on without it. May import src. */
import { expect, test } from 'vitest';
import type { Device } from '../../src/gpu/device.ts';
import { KernelCheck } from '../../src/runtime/kernel-check.ts';
import type { TuneEvent } from '../../src/runtime/plan-tuner.ts';
import { parseTable, type TuneStore } from '../../src/runtime/tuner-cache.ts';
import { memoryStore, tunerOf } from '../../src/train/tune-options.ts';
import { device } from '../support/device.ts';
import { convNet, quarters, trainerFor, watch } from '../train/cases.ts';
import { doublingOp, offerOf } from './doubling.ts';

/** The adapter at hand, as one that computes by itself: its kernels are those of GPUs. */
async function other(): Promise<Device> {
  const on = await device();
  return { ...on, caps: { ...on.caps, software: false } };
}

const WRONG = 'y[i] = 3.0 * v;';

/** What is told, and what one doubling gets; `offers` are those of a plan. */
async function checked(
  variants: Parameters<typeof doublingOp>[0],
  { store = memoryStore(), counts = [100] }: { store?: TuneStore; counts?: readonly number[] } = {},
) {
  const events: TuneEvent[] = [];
  const check = new KernelCheck(await other(), { store, onEvent: (event) => events.push(event) });
  const offers = counts.map((count) => offerOf(doublingOp(variants), count));
  const ids = variants.map(({ id }) => id);
  const choices = (): string[] => offers.map((offer) => check.choose(offer, ids));
  await check.tune(choices);
  return { check, offers, ids, chosen: choices()[0]!, texts: events.map(({ text }) => text) };
}

test('a wrong first choice is dropped and named, and what takes its place is looked at too', async () => {
  const { chosen, texts } = await checked([
    { id: 'broken', body: WRONG },
    { id: 'no WGSL', body: 'y[i] = no_such_value;' },
    { id: 'good' },
    { id: 'never needed', body: WRONG },
    { id: 'direct' },
  ]);
  expect(chosen).toBe('good');
  expect(texts).toHaveLength(2);
  expect(texts[0]).toMatch(/^doubling: variant "broken" computes other values than "direct" on .+; it is not used\.$/);
  expect(texts[1]).toMatch(/^doubling: variant "no WGSL" does not compile/);
});

test('the last variant stands where all others are wrong', async () => {
  const broken = ['a', 'b'].map((id) => ({ id, body: WRONG }));
  expect((await checked([...broken, { id: 'direct' }])).chosen).toBe('direct');
  // It is what the others are compared with.
  expect((await checked([{ id: 'direct', body: WRONG }])).texts).toEqual([]);
});

test('verdicts are kept by the source, whatever the shapes', async () => {
  const on = await device();
  const store = memoryStore();
  const variants = [{ id: 'broken', body: WRONG }, { id: 'good' }, { id: 'direct' }];
  const submits = async (counts: readonly number[], of = variants): Promise<number> => {
    const seen = watch(on);
    const { chosen } = await checked(of, { store, counts });
    seen.stop();
    expect(chosen).toBe('good');
    return seen.counts.get('submit') ?? 0;
  };
  expect(await submits([100, 200])).toBeGreaterThan(0);
  expect(await submits([300])).toBe(0);
  const entries = Object.values(Object.values(parseTable(await store.read()))[0]!);
  expect(entries.map(({ wrong, times }) => [wrong, times])).toEqual([
    [['broken'], {}],
    [[], {}],
  ]);
  // Another text is another kernel.
  expect(await submits([100], [{ id: 'good', body: 'y[i] = v + v;' }, { id: 'direct' }])).toBeGreaterThan(0);
});

test('each first choice once, on the smallest node that takes it; not where that is too large', async () => {
  const on = await device();
  const bytes = on.ledger.live;
  const { check, offers, ids } = await checked([{ id: 'good' }, { id: 'direct' }], { counts: [5e9, 64, 1e6] });
  expect(on.ledger.live).toEqual(bytes);
  const seen = watch(on);
  await check.tune(() => check.choose(offers[2]!, ids));
  expect(seen.counts.get('submit') ?? 0).toBe(0);
  const large = await checked([{ id: 'broken', body: WRONG }, { id: 'direct' }], { counts: [5e9] });
  seen.stop();
  expect(seen.counts.get('submit') ?? 0).toBe(0);
  expect(large.chosen).toBe('broken');
});

test('only where an adapter computes by itself and nobody tunes', async () => {
  expect(tunerOf(await device())).toBeNull();
  expect(tunerOf(await other())).toBeInstanceOf(KernelCheck);
  expect(tunerOf(await other(), 'off')).toBeInstanceOf(KernelCheck);
  expect(tunerOf(await other(), 'fast')).not.toBeInstanceOf(KernelCheck);
});

test('the kernels that a net gets on a GPU are right; a store that fails is none', async () => {
  const events: TuneEvent[] = [];
  let written = '';
  const store: TuneStore = {
    read: async () => 'damaged',
    write: async (text) => {
      written = text;
    },
  };
  const tune = { mode: 'off', store, onEvent: (event: TuneEvent) => events.push(event) } as const;
  const trainer = await trainerFor(convNet({ channels: 4 }), { tune }, await other());
  await trainer.fit(quarters(40, { channels: 4 }), { epochs: 1 });
  trainer.dispose();
  expect(events).toEqual([]);
  const ops = Object.keys(Object.values(parseTable(written))[0]!).map((key) => key.split(' ')[1]);
  for (const op of ['conv2d', 'conv2dBackwardWeight', 'matmul', 'maxPool2d']) expect(ops).toContain(op);
});
