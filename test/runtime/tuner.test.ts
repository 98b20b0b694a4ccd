/** The tuner: wrong variants are found, choices are kept and honoured, and nothing happens where it is off. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Chooser, Offer } from '../../src/compile/select.ts';
import { createLedger } from '../../src/gpu/ledger.ts';
import type { Value } from '../../src/graph/types.ts';
import { conv2d, flatten, linear, relu } from '../../src/nn/layers.ts';
import { sequential } from '../../src/nn/model.ts';
import * as ops from '../../src/ops/index.ts';
import type { TuneEvent } from '../../src/runtime/plan-tuner.ts';
import type { TuneMode } from '../../src/runtime/tuner.ts';
import {
  adapterKey,
  entryKey,
  parseTable,
  type TuneTable,
  tableText,
  versions,
} from '../../src/runtime/tuner-cache.ts';
import { MOST_BYTES, sameResult } from '../../src/runtime/tuner-trial.ts';
import { createSession } from '../../src/train/inference.ts';
import { compile, f32 } from '../../src/train/program.ts';
import { fileStore, memoryStore, type TuneOptions, tunerOf } from '../../src/train/tune-options.ts';
import { DEFAULT_CAPS } from '../../src/util/caps.ts';
import { gabor, removeFolders, smallMnist } from '../cli/run-cli.ts';
import { device } from '../support/device.ts';
import { batchOf, CLASSES, convNet, quarters, sameBytes, trainerFor, watch } from '../train/cases.ts';
import { doublingOp, offerOf, RIGHT } from './doubling.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gabor-tune-'));
});
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
  await removeFolders();
});

/** Tunes and runs one op on 0, 1, 2, ...; gives the result, the variant taken and what was told. */
async function tuned(double: (x: Value) => Value, options: TuneOptions, count = 1000) {
  const events: TuneEvent[] = [];
  const on = await device();
  const program = await compile(on, { x: f32(count) }, ({ x }) => ({ y: double(x) }), {
    tune: { onEvent: (event) => events.push(event), ...options },
  });
  const { y } = await program.run({ x: Float32Array.from({ length: count }, (_, i) => i) });
  const { variant } = program.plan.dispatches[0]!;
  program.dispose();
  return { y: y!, variant, events, texts: events.map(({ text }) => text) };
}

const fresh = (mode: TuneMode = 'full'): TuneOptions => ({ mode, store: memoryStore() });

describe('wrong variants', () => {
  const cases = {
    'wrong values': 'y[i] = 2.0 * v + select(0.0, 1.0, i == 999u);',
    'a write left out': 'if (i != 998u) { y[i] = 2.0 * v; }',
    'the neighbour': 'y[i] = 2.0 * x[min(i + 1u, params.count - 1u)] + 0.0 * v;',
  };
  test.each(Object.entries(cases))('%s: dropped and named', async (_, body) => {
    const { y, variant, texts, events } = await tuned(doublingOp([{ id: 'broken', body }, { id: 'direct' }]), fresh());
    expect(events.filter(({ kind }) => kind === 'dropped')).toHaveLength(1);
    expect(texts[0]).toMatch(
      /^doubling: variant "broken" computes other values than "direct" on .+; it is not used\.$/,
    );
    expect(variant).toBe('direct');
    expect([...y.subarray(0, 4), y[999]]).toEqual([0, 2, 4, 6, 1998]);
  });

  test('one that does not compile', async () => {
    const broken = { id: 'broken', body: 'y[i] = nothing;' };
    const { variant, texts } = await tuned(doublingOp([broken, { id: 'other' }, { id: 'direct' }]), fresh());
    expect(texts[0]).toMatch(/variant "broken" does not compile \(test\/broken\.wgsl/);
    expect(variant).not.toBe('broken');
    expect((await device()).failure).toBeNull();
  });

  test('fast checks ops that are not worth timing', async () => {
    const broken = doublingOp([{ id: 'broken', body: 'y[i] = 3.0 * v;' }, { id: 'direct' }]);
    const events: TuneEvent[] = [];
    const program = await compile(
      await device(),
      { x: f32(16), a: f32(64, 64), b: f32(64, 64) },
      ({ x, a, b }) => ({ y: broken(x), z: ops.matmul(a, b) }),
      { tune: { ...fresh('fast'), onEvent: (event) => events.push(event) } },
    );
    expect(events.filter(({ kind }) => kind === 'dropped').map(({ text }) => text)).toHaveLength(1);
    expect(program.plan.dispatches.find(({ label }) => label === 'doubling')!.variant).toBe('direct');
    program.dispose();
  });

  test('off takes it: nothing is tried', async () => {
    const { variant, events } = await tuned(
      doublingOp([{ id: 'broken', body: 'y[i] = v;' }, { id: 'direct' }]),
      fresh('off'),
    );
    expect([variant, events]).toEqual(['broken', []]);
  });

  test('a kept verdict is said again', async () => {
    const store = memoryStore();
    const double = doublingOp([{ id: 'broken', body: 'y[i] = v;' }, { id: 'direct' }]);
    await tuned(double, { mode: 'full', store });
    const again = await tuned(double, { mode: 'full', store });
    expect(again.texts[0]).toMatch(/"broken" was wrong when it was tried/);
    expect(again.variant).toBe('direct');
  });

  const bits = (...values: number[]) => new Uint32Array(Float32Array.from(values).buffer);

  test('what counts as the same', () => {
    expect(sameResult(bits(1, 0, 7), bits(1, -0, 7), { dtype: 'f32' })).toBe(true);
    expect(sameResult(bits(1, 2, 7), bits(1, 2, 7.000001), { dtype: 'f32' })).toBe(false);
    expect(sameResult(bits(0.5, 1, 8), bits(0.5, 1.00001, 8), { dtype: 'f32' })).toBe(true);
    expect(sameResult(bits(0.5, 1, 8), bits(0.5, 1.001, 8), { dtype: 'f32' })).toBe(false);
    expect(sameResult(bits(Number.NaN, 1), bits(Number.NaN, 1), { dtype: 'f32' })).toBe(true);
    expect(sameResult(bits(Number.NaN, 1), bits(0, 1), { dtype: 'f32' })).toBe(false);
    expect(sameResult(Uint32Array.of(3), Uint32Array.of(4), { dtype: 'i32' })).toBe(false);
  });

  test('of a kernel that rounds', () => {
    const rounds = { dtype: 'f32', rounds: true } as const;
    expect(sameResult(bits(1, 2, 8), bits(1, 2.00001, 8), rounds)).toBe(true);
    expect(sameResult(bits(1, 2, 8), bits(1, 2.001, 8), rounds)).toBe(false);
    expect(sameResult(bits(1, 2, 8), bits(1, Number.NaN, 8), rounds)).toBe(false);
    const codes = { dtype: 'u32', rounds: true } as const;
    expect(sameResult(Uint32Array.of(1, 2, 3, 4), Uint32Array.of(1, 0, 3, 4), codes)).toBe(true);
    expect(sameResult(Uint32Array.of(1, 2, 3, 4), Uint32Array.of(0, 0, 0, 0), codes)).toBe(false);
  });
});

describe('choices', () => {
  const slowFirst = doublingOp([{ id: 'slow', work: 2000 }, { id: 'quick' }]);

  test('the quicker one, said with both times', async () => {
    const { variant, y, texts } = await tuned(slowFirst, fresh(), 65_536);
    expect(variant).toBe('quick');
    expect(y[65_535]).toBe(131_070);
    // A candidate far behind is left after one look, and has no time.
    if (texts.length > 0) expect(texts[0]).toMatch(/^doubling: "quick", [\d.]+ us, in place of "slow"/);
  });

  test('off is the first of the list, each time', async () => {
    for (let i = 0; i < 2; i++) expect((await tuned(slowFirst, fresh('off'))).variant).toBe('slow');
    const on = await device();
    expect(tunerOf(on, 'off')).toBeNull();
    expect(tunerOf(on)).toBeNull();
    expect(() => tunerOf(on, { mode: JSON.parse('"slow"') })).toThrow(
      /tune: "slow" is no mode\. Use off, fast, full\./,
    );
  });

  test('a chooser goes before the tuner', async () => {
    const program = await compile(await device(), { x: f32(8) }, ({ x }) => ({ y: slowFirst(x) }), {
      choose: (_, ids) => ids[0]!,
      tune: fresh(),
    });
    expect(program.plan.dispatches[0]!.variant).toBe('slow');
    program.dispose();
  });

  test('a node too large for a trial keeps the first guess', async () => {
    const events: TuneEvent[] = [];
    const on = await device();
    const tuner = tunerOf(on, { ...fresh(), onEvent: (event) => events.push(event) })!;
    const offer = offerOf(slowFirst, MOST_BYTES / 4);
    const before = on.ledger.live;
    await tuner.tune(() => tuner.choose(offer, ['slow', 'quick']));
    expect(events.map(({ kind }) => kind)).toEqual(['skipped']);
    expect(tuner.choose(offer, ['slow', 'quick'])).toBe('slow');
    expect(on.ledger.live).toEqual(before);
  });
});

describe('what is kept', () => {
  const slowFirst = doublingOp([{ id: 'slow', work: 2000 }, { id: 'quick' }]);

  test('a hit makes no trial: no submit and no pipeline before the run', async () => {
    const on = await device();
    const store = fileStore(join(folder, 'hit', 'tune.json'));
    const submits = async (): Promise<number> => {
      const seen = watch(on);
      const { variant } = await tuned(slowFirst, { mode: 'full', store }, 65_536);
      seen.stop();
      expect(variant).toBe('quick');
      return seen.counts.get('submit') ?? 0;
    };
    expect(await submits()).toBeGreaterThan(10);
    expect(await submits()).toBe(2); // the run, and reading its result
    const text = await readFile(join(folder, 'hit', 'tune.json'), 'utf8');
    expect(text).toContain(on.adapter.name.slice(0, 8));
    const [entry] = Object.values(Object.values(parseTable(text))[0]!);
    expect(entry).toMatchObject({ choice: 'quick', wrong: [] });
  });

  test.each([
    ['nothing', null],
    ['no JSON', '{"format": "gabor tune 1", "adap'],
    ["somebody else's", '{"format": "other", "adapters": {}}'],
    ['no object', '[1, 2]'],
    ['damaged inside', '{"format": "gabor tune 1", "adapters": {"a": 3, "b": {"k": {"choice": 1}}}}'],
  ])('a cache that is %s is ignored and rewritten', async (_, text) => {
    const file = join(folder, 'damaged.json');
    if (text !== null) await writeFile(file, text);
    const entries = Object.values(parseTable(text)).flatMap((e) => Object.keys(e));
    expect(entries).toEqual([]);
    expect((await tuned(slowFirst, { mode: 'full', store: fileStore(file) }, 65_536)).variant).toBe('quick');
    const written = parseTable(await readFile(file, 'utf8'));
    expect(
      Object.values(written)
        .flatMap((e) => Object.values(e))
        .map(({ choice }) => choice),
    ).toContain('quick');
  });

  test('a store that fails is none', async () => {
    await writeFile(join(folder, 'file'), '');
    const store = fileStore(join(folder, 'file', 'below', 'tune.json'));
    expect((await tuned(slowFirst, { mode: 'full', store }, 65_536)).variant).toBe('quick');
    expect(await store.read()).toBeNull();
  });

  test('entries of others stay', async () => {
    const other: TuneTable = { other: { key: { choice: 'a', times: { a: 1 }, wrong: [] } } };
    const store = memoryStore(tableText(other));
    await tuned(slowFirst, { mode: 'full', store });
    const table = parseTable(await store.read());
    expect(table.other).toEqual(other.other);
    expect(Object.keys(table)).toHaveLength(2);
    const [adapter] = Object.keys(table).filter((key) => key !== 'other');
    const [entry] = Object.values(table[adapter!]!);
    expect(entry!.times.quick).toBeGreaterThan(0);
  });

  test('another shader text, shape, or number of workgroups is another key', () => {
    const keyOf = (offer: Offer): string => entryKey(offer, { ids: ['a', 'b'], timed: true, caps: DEFAULT_CAPS });
    const two = (body?: string, work?: number) => doublingOp([{ id: 'a', body, work }, { id: 'b' }]);
    const base = keyOf(offerOf(two(), 100));
    expect(keyOf(offerOf(two(), 100))).toBe(base);
    expect(keyOf(offerOf(two('y[i] = v + v;'), 100))).not.toBe(base);
    expect(keyOf(offerOf(two(RIGHT, 3), 100))).not.toBe(base);
    expect(keyOf(offerOf(two(), 101))).not.toBe(base);
  });
});

describe('training', () => {
  const data = quarters(40);
  const wide = () => sequential([1, 8, 8], [conv2d(8, 3), relu(), conv2d(8, 3), relu(), flatten(), linear(CLASSES)]);

  const trained = async (tune: TuneMode | TuneOptions) => {
    const trainer = await trainerFor(wide(), { tune });
    await trainer.fit(data, { epochs: 2 }); // the last batch of an epoch has 8 samples
    const variants = trainer.engine.describePlan({ mode: 'train', batch: 16 }).dispatches.map(({ variant }) => variant);
    const bytes = await trainer.save();
    trainer.dispose();
    return { bytes, variants };
  };

  test('the same cache gives the same bits; off gives those of before', async () => {
    const store = memoryStore();
    const first = await trained({ mode: 'full', store });
    const kept = await store.read();
    const second = await trained({ mode: 'full', store });
    expect(second.variants).toEqual(first.variants);
    expect(sameBytes(second.bytes, first.bytes)).toBe(true);
    expect(await store.read()).toBe(kept);
    const off = await Promise.all([trained('off'), trained('off')]);
    expect(sameBytes(off[0].bytes, off[1].bytes)).toBe(true);
    const seen: string[] = [];
    const choose: Chooser = (_, ids) => {
      seen.push(ids[0]!);
      return ids[0]!;
    };
    const guess = await trainerFor(wide(), { choose });
    const plan = guess.engine.describePlan({ mode: 'train', batch: 16 });
    expect(off[0].variants).toEqual(plan.dispatches.map(({ variant }) => variant));
    guess.dispose();
  });

  test('every variant of a training step passes its check, and nothing is left behind', async () => {
    const on = await device();
    const before = on.ledger.live;
    const events: TuneEvent[] = [];
    const trainer = await trainerFor(convNet({ channels: 3 }), {
      tune: { ...fresh(), onEvent: (event) => events.push(event) },
    });
    expect(events.filter(({ kind }) => kind !== 'chosen')).toEqual([]);
    trainer.step(batchOf(quarters(16, { channels: 3 }), 0, 16));
    expect((await trainer.metrics()).loss).toBeLessThan(3);
    const weights = await trainer.save();
    trainer.dispose();
    const session = createSession(on, convNet({ channels: 3 }), { weights, tune: fresh('fast') });
    expect(await session.predict(new Float32Array(3 * 64))).toHaveLength(CLASSES);
    session.dispose();
    expect(on.ledger.live).toEqual(before);
    expect(on.failure).toBeNull();
  });

  test('on the default limits, without time stamps', async () => {
    const on = await device({ limits: 'default' });
    const events: TuneEvent[] = [];
    const program = await compile(on, { a: f32(65, 33), b: f32(33, 17) }, ({ a, b }) => ({ y: ops.matmul(a, b) }), {
      tune: { ...fresh('fast'), onEvent: (event) => events.push(event) },
    });
    expect(events.filter(({ kind }) => kind !== 'chosen')).toEqual([]);
    const { y } = await program.run({ a: new Float32Array(65 * 33).fill(1), b: new Float32Array(33 * 17).fill(2) });
    expect(y!.every((v) => v === 66)).toBe(true);
    program.dispose();
  });
});

test('a trial for which there is no memory left is skipped', async () => {
  const on = await device();
  const ledger = createLedger(on.gpu, 20_000);
  const events: TuneEvent[] = [];
  const tuner = tunerOf({ ...on, ledger }, { ...fresh(), onEvent: (event) => events.push(event) })!;
  const offer = offerOf(doublingOp([{ id: 'a' }, { id: 'b' }]), 4096);
  await tuner.tune(() => tuner.choose(offer, ['a', 'b']));
  expect(events.map(({ kind }) => kind)).toEqual(['skipped']);
  expect(ledger.live.buffers).toBe(0);
});

test('gabor train --tune keeps its choices in $GABOR_CACHE', async () => {
  const before = process.env.GABOR_CACHE;
  process.env.GABOR_CACHE = join(folder, 'cache');
  try {
    const data = await smallMnist({ train: 48, test: 16 });
    const words = ['train', 'mnist', '--data', data, '--batch', '32', '--epochs', '1', '--no-report', '--tune', 'fast'];
    const { code, stderr } = await gabor([...words, '--out', join(folder, 'out')]);
    expect(stderr).not.toMatch(/is not used/);
    expect(code).toBe(0);
  } finally {
    if (before === undefined) delete process.env.GABOR_CACHE;
    else process.env.GABOR_CACHE = before;
  }
  const [entries] = Object.values(parseTable(await readFile(join(folder, 'cache', 'tune.json'), 'utf8')));
  expect(Object.keys(entries!).filter((key) => key.startsWith('timed'))).not.toEqual([]);
});

test('the command line: a mode that there is not', async () => {
  const { code, stderr } = await gabor(['train', 'mnist', '--tune', 'quick']);
  expect(code).toBe(2);
  expect(stderr).toMatch(/--tune is "quick"\. Use off, fast or full\./);
});

test('another version of gabor, of the runtime or of Dawn does not take the choices of this one', async () => {
  const on = await device();
  const own = versions();
  const { version } = JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'));
  expect(own).toEqual([version, globalThis.navigator?.userAgent ?? '', expect.stringMatching(/^\d+\.\d+/)]);
  expect(adapterKey(on)).toBe(adapterKey(on, own));
  const others = own.map((_, i) => own.map((text, k) => (k === i ? `${text}.1` : text)));
  const driver = { ...on.adapter, driver: `${on.adapter.driver}.1` };
  const keys = [own, ...others].map((made) => adapterKey(on, made));
  expect(new Set([...keys, adapterKey({ adapter: driver, caps: on.caps })]).size).toBe(5);
});
