/** `bench scaling`: lines, reasons, charts; one run of a sweep that is short. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadScalingChart } from '../../src/cli/bench/scaling-chart.ts';
import {
  excesses,
  explainMemory,
  explainTime,
  lineUnder,
  type ScalingPoint,
  shares,
} from '../../src/cli/bench/scaling-lines.ts';
import { measurePoint, SWEEPS, sizeAt } from '../../src/cli/bench/scaling-sweeps.ts';
import { requestDevice } from '../../src/gpu/device.ts';
import type { Profile, ProfileRow } from '../../src/inspect/profile.ts';
import { expectError, gabor, removeFolders, temporaryFolder } from '../cli/run-cli.ts';
import { device } from '../support/device.ts';

afterAll(removeFolders);

const point = (value: number, microseconds: number, bytes = 1000 * value): ScalingPoint => ({
  ...{ value, batch: value, timeX: value, memoryX: value, microseconds, min: microseconds, max: microseconds },
  ...{ bytes, dispatches: 20, flops: 1000 * value },
});

const row = (label: string, microseconds: number, variant = 'a', groups = 1): ProfileRow => ({
  ...{ label, variant, file: '', workgroups: [groups, 1, 1], flops: 1, bytes: 1000, microseconds },
  ...{ gflops: 1, share: 0 },
});

const profileOf = (rows: readonly ProfileRow[]): Profile => ({
  ...{ method: 'replay', batch: 1, rows, microseconds: 0, stepMicroseconds: 0 },
});

test('the line runs through the origin and the best point', () => {
  const line = lineUnder([
    { x: 1, y: 10 },
    { x: 4, y: 16 },
    { x: 10, y: 30 },
    { x: 20, y: 90 },
  ]);
  expect(line.slope).toBe(3);
  expect([line.best, line.worst]).toEqual([2, 0]);
  expect(line.factors).toEqual([10 / 3, 4 / 3, 1, 1.5]);
});

describe('reasons', () => {
  const worst = profileOf([row('conv1.conv2d+relu', 50, 'b', 2), row('conv2.conv2d', 30), row('optimizer.sgd', 5)]);
  const best = profileOf([row('conv1.conv2d+relu', 300, 'a', 90), row('optimizer.sgd', 80)]);

  test('what takes more than its share, by op', () => {
    // A tenth of the work: 80 instead of 30, 5 instead of 8.
    expect(excesses(worst, best, 0.1)).toEqual([
      { op: 'conv2d', microseconds: 50, variants: 'b/a, there a', groups: '2 workgroups, there 90' },
    ]);
  });

  test('shares of dispatches and of memory', () => {
    const found = shares({ dispatches: 20, microseconds: 100 }, worst, {
      ...{ overhead: { dispatch: 2, submit: 100 }, memoryGbs: 0.1 },
    });
    expect(found.overhead).toBeCloseTo(0.4);
    expect(found.memory).toBeCloseTo(0.3); // 3,000 bytes at 100 a microsecond
  });

  test('in words: where, how far, why; or that there is nothing', () => {
    const points = [point(1, 100, 5000), point(10, 300, 10_000)];
    const line = lineUnder(points.map(({ timeX: x, microseconds: y }) => ({ x, y })));
    const text = explainTime({
      ...{ sweep: 'batch', points, line, worst: { overhead: 0.4, memory: 0.1 }, best: { overhead: 0.02, memory: 0.3 } },
      excess: excesses(worst, best, 0.1),
    });
    expect(text).toContain(
      'batch: time is farthest from the line at 1: 3.33x (0.100 ms an image; the line is that of 10',
    );
    expect(text).toContain('20 dispatches cost 40 % of the step (there 2 %)');
    expect(text).toContain('conv2d +0.0500 ms (b/a, there a; 2 workgroups, there 90)');
    const memory = lineUnder(points.map(({ memoryX: x, bytes: y }) => ({ x, y })));
    expect(explainMemory('batch', points, memory)).toContain('batch: memory is farthest from the line at 1: 5.00x');
    const straight = [point(1, 10), point(10, 104)];
    const flat = lineUnder(straight.map(({ timeX: x, microseconds: y }) => ({ x, y })));
    const none = { overhead: 0, memory: 0 };
    expect(explainTime({ sweep: 'batch', points: straight, line: flat, worst: none, best: none, excess: [] })).toBe(
      'batch: time is on the line, within 10 % everywhere.',
    );
    expect(explainMemory('batch', straight, lineUnder(straight.map(({ value: x, bytes: y }) => ({ x, y }))))).toContain(
      'on the line',
    );
  });
});

test('the chart is an SVG file with both lines', async () => {
  const draw = await loadScalingChart();
  const svg = draw({
    ...{ title: 'Time <1>', adapter: 'a & b', xLabel: 'images', yFormat: String, slope: 2 },
    points: [
      { x: 1, y: 5 },
      { x: 10, y: 20 },
    ],
  });
  expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" role="img" aria-label="Time &lt;1&gt;"/);
  expect(svg).toContain('a &amp; b; dashed');
  expect(svg.match(/<path[^>]+d="M/g)!.length).toBeGreaterThanOrEqual(2);
  expect(svg).toContain('stroke-dasharray');
  expect(svg.match(/<circle/g)).toHaveLength(2);
  expect(svg).not.toMatch(/NaN|undefined/);
});

test('sweeps rise, and the full ones hold the others', () => {
  for (const { name, values, full } of SWEEPS) {
    for (const list of [values, full])
      expect(
        [...list].sort((a, b) => a - b),
        name,
      ).toEqual(list);
    expect(
      values.filter((value) => !full.includes(value)),
      name,
    ).toEqual([]);
  }
  expect(sizeAt(SWEEPS[0]!, 7)).toMatchObject({ batch: 7, side: 28 });
});

test('a point: planned memory is what is allocated', async () => {
  const { ledger, dispose, ...on } = await requestDevice();
  const before = ledger.peakBytes;
  expect(before).toBe(0);
  const whole = { ...on, ledger, dispose, failure: null };
  const { point: measured } = await measurePoint(whole, SWEEPS[0]!, { value: 4, rounds: 1 });
  // The ring of metrics and the words of a step come on top.
  expect(ledger.peakBytes - measured.bytes).toBeGreaterThanOrEqual(0);
  expect(ledger.peakBytes - measured.bytes).toBeLessThan(64 * 1024);
  expect(measured.microseconds).toBeGreaterThan(0);
  expect(ledger.live.bytes).toBe(0);
  dispose();
});

test('a run of one sweep: table, reasons, files', async () => {
  const out = join(temporaryFolder(), 'scaling');
  const { live } = (await device()).ledger;
  const { code, stdout } = await gabor(['bench', 'scaling', '--filter', 'depth', '--rounds', '1', '--out', out]);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^depth +ms a step/m);
  expect(stdout).toMatch(/depth: time is /);
  expect(stdout).toMatch(/depth: memory is /);
  const { sweeps, overhead } = JSON.parse(readFileSync(join(out, 'scaling.json'), 'utf8'));
  expect(overhead.dispatch).toBeGreaterThan(0);
  expect(sweeps.map((s: { name: string }) => s.name)).toEqual(['depth']);
  expect(sweeps[0].points.map((p: { value: number }) => p.value)).toEqual([1, 2, 4, 8, 16]);
  for (const what of ['time', 'memory']) expect(readFileSync(join(out, `depth-${what}.svg`), 'utf8')).toMatch(/^<svg/);
  expect((await device()).ledger.live).toEqual(live);
  await expectError('bench scaling --filter width', { code: 2, parts: ['batch, side, channels or depth'] });
});
