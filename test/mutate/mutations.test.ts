/** The faults themselves: what is found in a text, and that it changes one line. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { apply, KINDS, mutationsOf, ordered } from './mutations.ts';
import { LEFT_OUT, plansOf, testsOf } from './plans.ts';

const after = (line: string, kind: string): string[] =>
  mutationsOf(line)
    .filter((m) => m.kind === kind)
    .map((m) => m.after);

test.each([
  ['barrier', 'workgroupBarrier();', ['']],
  [
    'index',
    'y[i] = x[a[j] * 2u] + v[0];',
    ['y[(i) + 1] = x[a[j] * 2u] + v[0];', 'y[i] = x[(a[j] * 2u) + 1] + v[0];', 'y[i] = x[a[(j) + 1] * 2u] + v[0];'],
  ],
  ['last', 'for (var k = 0u; k < n; k++) {', ['for (var k = 0u; k + 1 < n; k++) {']],
  ['last', 'if (i >= params.count) { return; }', ['if (i + 1 >= params.count) { return; }']],
  ['term', 'let a = b + c * f(d - e);', ['let a = b;', 'let a = b + c * f(d);']],
  ['term', 'inside = inside && at < real;', ['inside = inside;']],
  ['accumulate', 'sum += v;', ['sum = v;']],
  ['extremum', 'm = max(m, v);', ['m = min(m, v);']],
  ['select', 'let v = select(f(a, b), c, d < e);', ['let v = (c);']],
  ['swap', 'return a - b[i];', []],
  ['swap', 'let r = a - b[i];', ['let r = b[i] - a;']],
  ['compare', 'if (a <= b) { c = d == e; }', ['if (a < b) { c = d == e; }', 'if (a <= b) { c = d != e; }']],
  ['factor', 'let r = a * b + c;', ['let r = a + c;']],
  ['constant', 'p = 0.5 + q;', ['p = 0.75 + q;']],
])('%s in %s', (kind, line, expected) => {
  expect(after(line, kind)).toEqual(expected);
});

test('comments, declarations and constants as indices are left alone', () => {
  expect(
    mutationsOf('// y[i] = a + b;\n@group(0) @binding(0) var<storage> x: array<f32>;\nfn f(a: f32) -> f32 {'),
  ).toEqual([]);
  expect(after(`acc[\${I*4}u] = v[$J];`, 'index')).toEqual([]);
});

test('a fault changes its line and no other', () => {
  const text = 'a\n  y[i] = x[i]; // $1\nb';
  const [mutation] = mutationsOf(text);
  expect(mutation).toEqual({ kind: 'index', line: 2, before: 'y[i] = x[i];', after: 'y[(i) + 1] = x[i];' });
  expect(apply(text, mutation!)).toBe('a\n  y[(i) + 1] = x[i]; // $1\nb');
});

test('the order is the same each time, without barriers, and begins with different kinds', () => {
  const mutations = mutationsOf('sum += a[i];\nsum += b[i];\nworkgroupBarrier();\nlet r = max(p, q);');
  const once = ordered('x.wgsl', mutations);
  expect(ordered('x.wgsl', [...mutations].reverse())).toEqual(once);
  expect(new Set(once.slice(0, 3).map(({ kind }) => kind)).size).toBe(3);
  expect(once).toHaveLength(mutations.length - 1);
  expect(Object.keys(KINDS)).toEqual(expect.arrayContaining(once.map(({ kind }) => kind)));
});

test('every shader has faults, unless it only declares, and tests that are there', () => {
  const root = join(import.meta.dirname, '..', '..');
  const plans = plansOf(root);
  expect(plans.length).toBeGreaterThan(80);
  for (const { file, mutations, declares } of plans) {
    expect(mutations.length > 0, file).toBe(!declares);
    expect(testsOf(root, file).length, file).toBeGreaterThan(0);
  }
  const folders = readdirSync(join(root, 'shaders')).filter((folder) => !Object.hasOwn(LEFT_OUT, folder));
  expect([...new Set(plans.map(({ file }) => file.split('/')[1]))].sort()).toEqual(folders.sort());
  expect(readFileSync(join(root, plans[0]!.file), 'utf8')).toBe(plans[0]!.text);
});
