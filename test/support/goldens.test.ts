/**
 * The reader of golden folders: what it reads, how it compares, and what it says about broken files.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { writeSafetensors } from '../../src/io/safetensors.ts';
import { FormatError } from '../../src/util/errors.ts';
import { compare, families, GOLDENS, loadFamily } from './goldens.ts';

const folder = mkdtempSync(join(tmpdir(), 'gabor-goldens-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CASE = {
  name: 'one',
  op: 'double',
  attrs: { by: 2 },
  inputs: ['x'],
  outputs: ['y'],
  upstream: {},
  gradients: {},
  tolerance: { y: { atol: 0, rtol: 1e-6 } },
};

function write(name: string, index: unknown): void {
  writeFileSync(join(folder, `${name}.json`), typeof index === 'string' ? index : JSON.stringify(index));
}

writeFileSync(
  join(folder, 'tensors.safetensors'),
  writeSafetensors(
    new Map([
      ['one/x', { dtype: 'F32', shape: [2], data: Float32Array.of(1, 2) }],
      ['one/y', { dtype: 'F32', shape: [2], data: Float32Array.of(2, 4) }],
    ]),
  ),
);

describe('reading', () => {
  it('lists the families of the repository and loads every case with its tensors', () => {
    const names = families(GOLDENS);
    expect(names).toHaveLength(15);
    const cases = names.flatMap((name) => loadFamily(GOLDENS, name));
    expect(cases.length).toBeGreaterThan(500);
    expect(cases.reduce((sum, golden) => sum + golden.tensors.size, 0)).toBeGreaterThan(1500);
  });

  it('reads a family it has never seen, and ignores other JSON files', () => {
    write('unseen', { format: 1, family: 'unseen', file: 'tensors.safetensors', cases: [CASE] });
    write('package', { name: 'no family' });
    expect(families(folder)).toEqual(['unseen']);
    const [golden] = loadFamily(folder, 'unseen');
    expect(golden).toMatchObject({ name: 'one', op: 'double', attrs: { by: 2 }, notes: '' });
    expect(golden!.tensors.get('y')).toEqual({ dtype: 'F32', shape: [2], data: Float32Array.of(2, 4) });
  });

  it('reads a family without tensors', () => {
    const bare = { ...CASE, inputs: [], outputs: [], tolerance: {}, expected: { std: 0.5, bound: null } };
    write('bare', { family: 'bare', file: null, cases: [bare] });
    expect(loadFamily(folder, 'bare')[0]!.expected).toEqual({ std: 0.5, bound: null });
  });
});

describe('broken files', () => {
  const file = 'tensors.safetensors';
  const broken: readonly (readonly [string, unknown, string])[] = [
    ['not JSON', '{"family": ', 'broken.json'],
    ['no cases', { family: 'broken' }, 'no list "cases"'],
    ['a case that is no object', { cases: [3] }, 'case 0 is not an object'],
    ['no operator', { file, cases: [{ ...CASE, op: undefined }] }, 'case one: "op" is missing'],
    [
      'inputs of another type',
      { file, cases: [{ ...CASE, inputs: 'x' }] },
      '"inputs" is "x", expected a list of strings',
    ],
    ['a missing tensor', { file, cases: [{ ...CASE, inputs: ['z'] }] }, 'case one: tensor "z" is declared but not in'],
    ['a missing tolerance', { file, cases: [{ ...CASE, tolerance: {} }] }, 'no tolerance for "y"'],
    ['a bad tolerance', { file, cases: [{ ...CASE, tolerance: { y: { atol: -1 } } }] }, '"tolerance" is'],
    ['two cases of a name', { file, cases: [CASE, CASE] }, 'two cases are named "one"'],
    ['a missing tensor file', { file: 'absent.safetensors', cases: [CASE] }, 'absent.safetensors'],
    ['a tensor file that is none', { file: 'broken.json', cases: [CASE] }, 'broken.json'],
    ['a tensor file elsewhere', { file: '../tensors.safetensors', cases: [CASE] }, 'a file in the same folder'],
  ];

  it.each(broken)('%s', (_, index, message) => {
    write('broken', index);
    expect(() => loadFamily(folder, 'broken')).toThrow(FormatError);
    expect(() => loadFamily(folder, 'broken')).toThrow(message);
    rmSync(join(folder, 'broken.json'));
  });

  it('a folder that is not there', () => {
    expect(() => families(join(folder, 'nowhere'))).toThrow(/does not exist/);
  });
});

describe('compare', () => {
  it('allows atol + rtol * |expected|', () => {
    expect(compare([1, 2.1], [1, 2], { atol: 0.2 }).ok).toBe(true);
    expect(compare([1, 2.1], [1, 2], { atol: 0.05 })).toMatchObject({ ok: false, failures: 1, index: 1, expected: 2 });
    expect(compare([101], [100], { rtol: 0.02 }).worst).toBeCloseTo(0.5);
    expect(compare({ data: [1] }, [1]).message).toMatch(/^ok/);
  });

  it('takes NaN, infinities and lengths literally', () => {
    const wide = { atol: 1e9, rtol: 1 };
    const [nan, inf] = [Number.NaN, Number.POSITIVE_INFINITY];
    for (const [a, e] of [
      [nan, 1],
      [1, nan],
      [inf, 1],
      [1, inf],
      [-inf, inf],
    ] as const) {
      expect(compare([a], [e], wide).ok, `${a} for ${e}`).toBe(false);
    }
    expect(compare([-inf, nan, 0], [-inf, nan, -0]).ok).toBe(true);
    expect(compare([1], [1, 2], wide)).toMatchObject({ ok: false, message: 'length 1, expected 2' });
  });
});
