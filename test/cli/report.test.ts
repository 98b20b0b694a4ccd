/** The training report: structure, self-containment, escaping, edge cases; confusion matrix and mistakes by hand. */

import { decode } from 'fast-png';
import { describe, expect, it } from 'vitest';
import { bytes, duration, integer, loss, percent, si, utcDate } from '../../src/cli/report/format.ts';
import { divergingPicture, loadPngEncoder } from '../../src/cli/report/images.ts';
import {
  confusedPairs,
  confusionMatrix,
  type ReportData,
  renderReport,
  worstMistakes,
} from '../../src/cli/report/index.ts';
import {
  integerTicks,
  linearTicks,
  logTicks,
  runningMean,
  smoothingWindow,
  thinByRange,
} from '../../src/cli/report/series.ts';
import { ArgumentError } from '../../src/util/errors.ts';

const EVIL = '<script>alert("1")</script>&\'';

function sample(change: Partial<ReportData> = {}): ReportData {
  const steps = Array.from({ length: 200 }, (_, i) => ({ step: i + 1, loss: 2.3 / (1 + i / 5), accuracy: i / 200 }));
  return {
    title: 'LeNet on MNIST',
    command: 'gabor train mnist --seed 1',
    date: '2025-05-21T14:03:59Z',
    adapter: { name: 'A GPU', software: false, driver: 'driver 1.2' },
    headline: { accuracy: 0.98765, loss: 0.0412, trainingSeconds: 12.34, imagesPerSecond: 24310.4, parameters: 61706 },
    settings: [
      ['Seed', '1'],
      ['Optimizer', 'Adam'],
    ],
    steps,
    epochs: [
      { epoch: 1, step: 100, loss: 0.5, accuracy: 0.8, valLoss: 0.2, valAccuracy: 0.93 },
      { epoch: 2, step: 200, loss: 0.1, accuracy: 0.95, valLoss: 0.09, valAccuracy: 0.97 },
    ],
    confusion: confusionMatrix([0, 0, 1, 1, 2], [0, 1, 1, 1, 0], ['cat', 'dog', 'owl']),
    filters: { shape: [2, 1, 3, 3], data: Float32Array.from({ length: 18 }, (_, i) => i - 9), layer: 'conv1' },
    mistakes: [
      {
        index: 1234,
        label: 2,
        predicted: 0,
        probabilities: [0.9, 0.0002, 0.0998],
        image: new Uint8Array(28 * 28).fill(200),
        width: 28,
        height: 28,
        channels: 1,
      },
    ],
    phases: [
      { name: 'setup', seconds: 1 },
      { name: 'train', seconds: 3 },
    ],
    layers: [{ name: 'conv1', type: 'conv2d', outputShape: [28, 28, 6], parameters: 156, flops: 235200, bytes: 18816 }],
    layersPer: 'forward pass, one image',
    dispatchesPerStep: 34,
    plan: [['Pipelines', '21']],
    ...change,
  };
}

/** What would make the file depend on anything else, or run. */
function expectSelfContained(page: string): void {
  expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|\/\/[a-z]/i);
  expect(page).not.toMatch(/<script|<iframe|<object|@import|\son[a-z]+=|javascript:/i);
  for (const [, url] of page.matchAll(/(?:src|href)="([^"]*)"/g)) expect(url).toMatch(/^data:/);
  for (const [, url] of page.matchAll(/url\(([^)]*)\)/g)) expect(url).toMatch(/^#/);
}

function ids(page: string): string[] {
  return [...page.matchAll(/\sid="([^"]*)"/g)].map((match) => match[1] ?? '');
}

describe('renderReport', () => {
  it('has every section, a policy, and headings in order', async () => {
    const page = await renderReport(sample());
    for (const id of ['training', 'confusion', 'mistakes', 'filters', 'time', 'model']) {
      expect(page).toContain(`<section id="${id}"`);
    }
    expect(page).toContain(`content="default-src 'none'; style-src 'unsafe-inline'; img-src data:"`);
    expect(page.match(/<h1/g)).toHaveLength(1);
    const texts = ['98.77%', '0.0412', '12.3 s', '24,310', '61,706', '21 May 2025, 14:03 UTC', '#1,234', '34', '75.0%'];
    for (const text of texts) expect(page).toContain(text);
    expectSelfContained(page);
  });

  it('is one text for one data, with every identifier once', async () => {
    const [first, second] = [await renderReport(sample()), await renderReport(sample())];
    expect(first).toBe(second);
    expect(new Set(ids(first)).size).toBe(ids(first).length);
    for (const [, id] of first.matchAll(/url\(#([^)]*)\)/g)) expect(ids(first)).toContain(id);
  });

  it('gives every image a text alternative and every table a caption', async () => {
    const page = await renderReport(sample());
    expect(page.match(/<img /g)).toHaveLength(3);
    for (const [image] of page.matchAll(/<img [^>]*>/g)) expect(image).toMatch(/ alt="[^"]+"/);
    expect(page.match(/<caption>/g)?.length).toBe(page.match(/<table/g)?.length);
    for (const [svg] of page.matchAll(/<svg [^>]*class="plot[^>]*>/g)) expect(svg).toMatch(/aria-label="[^"]+"/);
  });

  it('marks a software adapter', async () => {
    const page = await renderReport(sample({ adapter: { name: 'llvmpipe', software: true, driver: '' } }));
    expect(page).toContain('Software adapter');
    expect(page).toContain('say nothing about a GPU');
    expect(await renderReport(sample())).not.toContain('Software adapter');
  });

  it('escapes all text of the data', async () => {
    const data = sample();
    const page = await renderReport({
      ...data,
      title: EVIL,
      command: EVIL,
      date: EVIL,
      adapter: { name: EVIL, software: false, driver: EVIL },
      settings: [[EVIL, EVIL]],
      heldOut: EVIL,
      lossName: EVIL,
      confusion: { classes: [EVIL, EVIL, EVIL], counts: data.confusion?.counts ?? [] },
      filters: data.filters && { ...data.filters, layer: EVIL },
      phases: [{ name: EVIL, seconds: 1 }],
      layers: data.layers.map((layer) => ({ ...layer, name: EVIL, type: EVIL })),
      layersPer: EVIL,
      plan: [[EVIL, EVIL]],
    });
    expect(page).not.toMatch(/<script|="[^"]*<script/i);
    expect(page).toContain('&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;');
  });

  it('shows a single step', async () => {
    const page = await renderReport(sample({ steps: [{ step: 1, loss: 2.3, accuracy: 0.1 }], epochs: [] }));
    expect(page).toContain('<circle');
    expect(page).toContain('No epoch was finished.');
    expect(page).not.toMatch(/="[^"]*NaN/);
  });

  it('shows losses that are not finite as gaps, and says so', async () => {
    const steps = sample().steps.map((step) => (step.step > 150 ? { ...step, loss: Number.NaN } : step));
    const page = await renderReport(sample({ steps }));
    expect(page).toContain('50 of 200 steps, first in step 151');
    expect(page).not.toMatch(/="[^"]*NaN/);
    const none = sample().steps.map((step) => ({ ...step, loss: Number.POSITIVE_INFINITY, accuracy: Number.NaN }));
    expect(await renderReport(sample({ steps: none, epochs: [] }))).toContain('No finite value was recorded.');
  });

  it('stays small for very many steps', async () => {
    const steps = Array.from({ length: 300_000 }, (_, i) => ({
      step: i,
      loss: 1 + Math.sin(i),
      accuracy: (i % 9) / 9,
    }));
    expect((await renderReport(sample({ steps }))).length).toBeLessThan(200_000);
  });

  it('shows a run of which there is nothing', async () => {
    const headline = { accuracy: null, loss: null, trainingSeconds: null, imagesPerSecond: null, parameters: null };
    const empty = { steps: [], epochs: [], mistakes: [], phases: [], layers: [], settings: [], plan: undefined };
    const page = await renderReport(sample({ ...empty, headline, confusion: null, filters: null }));
    for (const text of ['No training step', 'No epoch', 'No mistakes', 'No time', 'No layers']) {
      expect(page).toContain(text);
    }
    expect(page).not.toMatch(/NaN|undefined|\[object/);
    expectSelfContained(page);
  });

  it('shows a dash for the recall of a class without examples', async () => {
    const page = await renderReport(sample({ confusion: confusionMatrix([0, 0], [1, 1], ['a', 'b', 'c']) }));
    const rows = [...page.matchAll(/<th scope="row">([abc])<\/th>.*?<td class="edge">([^<]*)<\/td>/g)];
    expect(rows.map((row) => [row[1], row[2]])).toEqual([
      ['a', '0.0'],
      ['b', '–'],
      ['c', '–'],
    ]);
    expect(page).toContain('100.0%');
    expect(await renderReport(sample({ confusion: confusionMatrix([], [], ['a', 'b']) }))).toContain('0 test images');
  });

  it('draws one picture per input channel, three at most, and a part of many kernels', async () => {
    const filters = (out: number, input: number) => ({
      shape: [out, input, 1, 1] as const,
      data: new Float32Array(out * input),
      layer: 'conv1',
    });
    const count = async (out: number, input: number) =>
      (await renderReport(sample({ filters: filters(out, input), mistakes: [] }))).match(/<img /g)?.length;
    expect(await count(4, 3)).toBe(12);
    expect(await count(4, 16)).toBe(12);
    expect(await count(100, 1)).toBe(64);
  });
});

describe('pictures', () => {
  it('colours weights by sign and size', () => {
    const { data } = divergingPicture([-2, 0, 1, Number.NaN], 4, 1, 2);
    expect([...data]).toEqual([0, 114, 178, 255, 213, 94, 0, 0, 213, 94, 0, 128, 128, 128, 128, 255]);
  });

  it('keeps pixels', async () => {
    const encode = await loadPngEncoder();
    const pixels = Uint8Array.from({ length: 18 }, (_, i) => i * 14);
    const url = encode({ width: 3, height: 2, channels: 3, data: pixels });
    expect(url).toMatch(/^data:image\/png;base64,/);
    const png = decode(Buffer.from(url.slice(url.indexOf(',') + 1), 'base64'));
    expect([png.width, png.height, png.channels, ...png.data]).toEqual([3, 2, 3, ...pixels]);
  });
});

describe('confusionMatrix', () => {
  it('counts label by prediction', () => {
    const { counts } = confusionMatrix([0, 0, 1, 2, 2, 2], Uint8Array.of(0, 2, 1, 2, 0, 0), ['a', 'b', 'c']);
    expect(counts).toEqual([
      [1, 0, 1],
      [0, 1, 0],
      [2, 0, 1],
    ]);
  });

  it('gives the pairs confused most', () => {
    const matrix = confusionMatrix([0, 0, 1, 2, 2, 2], [0, 2, 1, 2, 0, 0], ['a', 'b', 'c']);
    expect(confusedPairs(matrix, 5)).toEqual([
      { label: 2, predicted: 0, count: 2 },
      { label: 0, predicted: 2, count: 1 },
    ]);
    expect(confusedPairs(matrix, 1)).toHaveLength(1);
  });

  it('refuses what does not fit', () => {
    expect(() => confusionMatrix([0], [0, 1], ['a', 'b'])).toThrow(ArgumentError);
    expect(() => confusionMatrix([0], [2], ['a', 'b'])).toThrow(/example 0/);
    expect(() => confusionMatrix([-1], [0], ['a', 'b'])).toThrow(ArgumentError);
  });
});

describe('worstMistakes', () => {
  const probabilities = [
    [0.5, 0.25, 0.25],
    [0.125, 0.75, 0.125],
    [0.0625, 0.0625, 0.875],
    [0.75, 0.125, 0.125],
    [Number.NaN, Number.NaN, Number.NaN],
  ].flat();

  it('sorts by the probability of the wrong class, then by index', () => {
    const found = worstMistakes(probabilities, [0, 0, 1, 2, 0], 10);
    expect(found.map(({ index, label, predicted, probability }) => [index, label, predicted, probability])).toEqual([
      [2, 1, 2, 0.875],
      [1, 0, 1, 0.75],
      [3, 2, 0, 0.75],
    ]);
    expect([...(found[0]?.probabilities ?? [])]).toEqual([0.0625, 0.0625, 0.875]);
    expect(worstMistakes(probabilities, [0, 0, 1, 2, 0], 1)).toHaveLength(1);
  });

  it('finds none where there is none, and refuses what does not fit', () => {
    expect(worstMistakes(Float32Array.of(0.9, 0.1), [0], 3)).toEqual([]);
    expect(worstMistakes([], [], 3)).toEqual([]);
    expect(() => worstMistakes([0.5, 0.5, 1], [0, 1], 3)).toThrow(ArgumentError);
  });
});

describe('series', () => {
  const points = (...values: number[]) => values.map((y, x) => ({ x, y }));

  it('takes running means around gaps', () => {
    expect(runningMean(points(1, 2, Number.NaN, 4), 3).map((point) => point.y)).toEqual([1.5, 1.5, Number.NaN, 4]);
    expect(smoothingWindow(1)).toBe(1);
    expect(smoothingWindow(2345) % 2).toBe(1);
  });

  it('thins without losing extremes', () => {
    const thin = thinByRange(
      points(...Array.from({ length: 1000 }, (_, i) => (i === 437 ? 99 : i === 612 ? -99 : i % 7))),
      20,
    );
    expect(thin.length).toBeLessThanOrEqual(40);
    expect(thin).toContainEqual({ x: 437, y: 99 });
    expect(thin).toContainEqual({ x: 612, y: -99 });
    expect(thin.map((point) => point.x)).toEqual(thin.map((point) => point.x).toSorted((a, b) => a - b));
  });

  it('places ticks at round numbers', () => {
    expect(integerTicks(2345, 5)).toEqual([0, 500, 1000, 1500, 2000]);
    expect(integerTicks(1, 5)).toEqual([0, 1]);
    expect(linearTicks(0.8, 1, 4)).toEqual([0.8, 0.85, 0.9, 0.95, 1]);
    expect(logTicks(0.015, 2.5)).toEqual([0.02, 0.05, 0.1, 0.2, 0.5, 1, 2]);
  });
});

describe('format', () => {
  it('writes numbers with units', () => {
    expect([integer(1234567.4), integer(-1234), integer(Number.NaN)]).toEqual(['1,234,567', '-1,234', 'NaN']);
    expect([percent(0.98765), percent(1, 0)]).toEqual(['98.77%', '100%']);
    expect([loss(0.04123), loss(0.00001234), loss(0), loss(Number.POSITIVE_INFINITY)]).toEqual([
      '0.0412',
      '1.23e-5',
      '0.0000',
      '∞',
    ]);
    expect([duration(0.84), duration(12.34), duration(125)]).toEqual(['0.84 s', '12.3 s', '2 min 05 s']);
    expect([si(1728000), si(999), si(999900), si(0)]).toEqual(['1.73 M', '999', '1.00 M', '0']);
    expect([bytes(512), bytes(123456), bytes(1048576)]).toEqual(['512 B', '121 KiB', '1.00 MiB']);
    expect([utcDate('2025-01-02T03:04:05+02:00'), utcDate('soon')]).toEqual(['2 January 2025, 01:04 UTC', 'soon']);
  });
});
