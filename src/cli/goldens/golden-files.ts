/**
 * Reads a folder of golden data: `<family>.json` (the index) with `<family>.safetensors` (tensors `<case>/<tensor>`), and
 * compares results with it. Works for any folder in that format. The format is described in the data's README.
 *
 * May import src/util, src/io/safetensors.ts and Node's file system.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { readSafetensors } from '../../io/safetensors.ts';
import { FormatError } from '../../util/errors.ts';

export type GoldenTensor =
  | { readonly dtype: 'F32'; readonly shape: readonly number[]; readonly data: Float32Array }
  | { readonly dtype: 'I32'; readonly shape: readonly number[]; readonly data: Int32Array };

export interface Tolerance {
  readonly atol: number;
  readonly rtol: number;
}

export interface GoldenCase {
  /** Unique in its family. */
  readonly name: string;
  readonly op: string;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Output to the tensor that is its upstream gradient. */
  readonly upstream: Readonly<Record<string, string>>;
  /** Input to the tensor that is its gradient. */
  readonly gradients: Readonly<Record<string, string>>;
  /** For every output and every gradient, by tensor name. */
  readonly tolerance: Readonly<Record<string, Tolerance>>;
  readonly notes: string;
  /** Expected statistics, of the initialisers only. */
  readonly expected?: Readonly<Record<string, number | null>>;
  /** Exact doubles beside the tensors, of the learning-rate schedules only. */
  readonly lr?: readonly number[];
  readonly momentum?: readonly number[];
  readonly losses?: readonly number[];
  readonly tensors: ReadonlyMap<string, GoldenTensor>;
}

/** Names of the families in a folder, sorted: every .json file with a `family` field. */
export function families(folder: string): string[] {
  if (!existsSync(folder))
    throw new FormatError(
      `golden data: the folder ${folder} does not exist. Give a folder that holds <family>.json files.`,
    );
  const names = readdirSync(folder).filter((file) => file.endsWith('.json'));
  return names
    .filter((file) => record(readJson(join(folder, file)))?.family !== undefined)
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
}

/** All cases of a family with their tensors. Throws a FormatError that names file, case and field if something is off. */
export function loadFamily(folder: string, name: string): GoldenCase[] {
  const path = join(folder, `${name}.json`);
  const index = record(readJson(path));
  if (!index || !Array.isArray(index.cases)) throw new FormatError(`${path}: no list "cases"`);
  const tensors = loadTensors(folder, path, index.file);
  const seen = new Set<string>();
  return index.cases.map((entry: unknown, i: number) => {
    const fields = record(entry);
    if (!fields) throw new FormatError(`${path}: case ${i} is not an object`);
    const golden = parseCase(fields, `${path}, case ${typeof fields.name === 'string' ? fields.name : i}`, tensors);
    if (seen.has(golden.name)) throw new FormatError(`${path}: two cases are named "${golden.name}"`);
    seen.add(golden.name);
    return golden;
  });
}

type Fields = Readonly<Record<string, unknown>>;

function record(value: unknown): Fields | undefined {
  return isRecord(value) ? value : undefined;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (cause) {
    throw new FormatError(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

/** Case name to tensor name to tensor; a case without tensors has no entry. */
type TensorsByCase = ReadonlyMap<string, ReadonlyMap<string, GoldenTensor>>;

function loadTensors(folder: string, indexPath: string, file: unknown): TensorsByCase {
  if (file === null || file === undefined) return new Map();
  if (typeof file !== 'string' || basename(file) !== file) {
    throw new FormatError(
      `${indexPath}: "file" is ${JSON.stringify(file)}, expected the name of a file in the same folder`,
    );
  }
  const path = join(folder, file);
  const byCase = new Map<string, Map<string, GoldenTensor>>();
  for (const [key, { dtype, shape, data }] of readTensorFile(path)) {
    const cut = key.indexOf('/');
    if (cut < 0) throw new FormatError(`${path}: tensor "${key}" is not named <case>/<tensor>`);
    const tensors = byCase.get(key.slice(0, cut)) ?? new Map<string, GoldenTensor>();
    byCase.set(key.slice(0, cut), tensors);
    if (dtype === 'F32' && data instanceof Float32Array) tensors.set(key.slice(cut + 1), { dtype, shape, data });
    else if (dtype === 'I32' && data instanceof Int32Array) tensors.set(key.slice(cut + 1), { dtype, shape, data });
    else throw new FormatError(`${path}: tensor "${key}" is ${dtype}, expected F32 or I32`);
  }
  return byCase;
}

function readTensorFile(path: string): ReturnType<typeof readSafetensors>['tensors'] {
  try {
    return readSafetensors(readFileSync(path)).tensors;
  } catch (cause) {
    throw new FormatError(`${path}: ${cause instanceof Error ? cause.message : cause}`, { cause });
  }
}

function parseCase(fields: Fields, where: string, all: TensorsByCase): GoldenCase {
  const name = text(fields, 'name', where);
  const golden: GoldenCase = {
    name,
    op: text(fields, 'op', where),
    attrs: fields.attrs === undefined ? {} : object(fields, 'attrs', where),
    inputs: texts(fields, 'inputs', where),
    outputs: texts(fields, 'outputs', where),
    upstream: textMap(fields, 'upstream', where),
    gradients: textMap(fields, 'gradients', where),
    tolerance: tolerances(fields, where),
    notes: typeof fields.notes === 'string' ? fields.notes : '',
    ...(fields.expected !== undefined && { expected: numberMap(fields, 'expected', where) }),
    ...(fields.lr !== undefined && { lr: numbers(fields, 'lr', where) }),
    ...(fields.momentum !== undefined && { momentum: numbers(fields, 'momentum', where) }),
    ...(fields.losses !== undefined && { losses: numbers(fields, 'losses', where) }),
    tensors: all.get(name) ?? new Map(),
  };
  checkDeclared(golden, where);
  return golden;
}

/** Every declared tensor must be there, and every expected one needs a tolerance. */
function checkDeclared(golden: GoldenCase, where: string): void {
  const expected = [...golden.outputs, ...Object.values(golden.gradients)];
  for (const name of [...golden.inputs, ...expected, ...Object.values(golden.upstream)]) {
    if (!golden.tensors.has(name))
      throw new FormatError(`${where}: tensor "${name}" is declared but not in the tensor file`);
  }
  for (const name of expected) {
    if (!golden.tolerance[name]) throw new FormatError(`${where}: no tolerance for "${name}"`);
  }
}

function wrong(fields: Fields, key: string, where: string, wanted: string): never {
  throw new FormatError(`${where}: "${key}" is ${JSON.stringify(fields[key]) ?? 'missing'}, expected ${wanted}`);
}

function text(fields: Fields, key: string, where: string): string {
  const value = fields[key];
  return typeof value === 'string' && value !== '' ? value : wrong(fields, key, where, 'a string');
}

function texts(fields: Fields, key: string, where: string): readonly string[] {
  const value = fields[key];
  if (!Array.isArray(value) || !value.every((v) => typeof v === 'string'))
    return wrong(fields, key, where, 'a list of strings');
  return value;
}

function numbers(fields: Fields, key: string, where: string): readonly number[] {
  const value = fields[key];
  if (!Array.isArray(value) || !value.every((v) => typeof v === 'number'))
    return wrong(fields, key, where, 'a list of numbers');
  return value;
}

function object(fields: Fields, key: string, where: string): Fields {
  return record(fields[key]) ?? wrong(fields, key, where, 'an object');
}

/** Maps are made without a prototype: names from a file must not meet inherited properties. */
function mapped<T>(
  fields: Fields,
  key: string,
  where: string,
  parse: (value: unknown) => T | undefined,
): Record<string, T> {
  const result: Record<string, T> = Object.create(null);
  for (const [name, value] of Object.entries(object(fields, key, where))) {
    const parsed = parse(value);
    if (parsed === undefined) return wrong(fields, key, where, `another value for "${name}"`);
    result[name] = parsed;
  }
  return result;
}

function textMap(fields: Fields, key: string, where: string): Record<string, string> {
  return mapped(fields, key, where, (value) => (typeof value === 'string' ? value : undefined));
}

function numberMap(fields: Fields, key: string, where: string): Record<string, number | null> {
  return mapped(fields, key, where, (value) => (typeof value === 'number' || value === null ? value : undefined));
}

function tolerances(fields: Fields, where: string): Record<string, Tolerance> {
  return mapped(fields, 'tolerance', where, (value) => {
    const { atol, rtol } = record(value) ?? {};
    const valid = typeof atol === 'number' && typeof rtol === 'number' && atol >= 0 && rtol >= 0;
    return valid ? { atol, rtol } : undefined;
  });
}

export interface Comparison {
  readonly ok: boolean;
  /** Number of expected elements. */
  readonly count: number;
  readonly failures: number;
  readonly maxAbs: number;
  readonly maxRel: number;
  /** The largest error as a fraction of the allowance: above 1 is a failure. */
  readonly worst: number;
  /** Where `worst` is, and the two numbers there; -1 if every element is equal. */
  readonly index: number;
  readonly actual: number | undefined;
  readonly expected: number | undefined;
  /** One line for people. */
  readonly message: string;
}

type Values = ArrayLike<number> | { readonly data: ArrayLike<number> };

/**
 * |actual - expected| <= atol + rtol * |expected| for each element. A NaN passes only where NaN is expected, an infinity
 * only where the same infinity is expected.
 */
export function compare(
  actual: Values,
  expected: Values,
  { atol = 0, rtol = 0 }: { atol?: number; rtol?: number } = {},
): Comparison {
  const a = 'data' in actual ? actual.data : actual;
  const e = 'data' in expected ? expected.data : expected;
  const result = { failures: 0, maxAbs: 0, maxRel: 0, worst: 0, index: -1 };
  if (a.length !== e.length) return lengthMismatch(a.length, e.length);
  for (let i = 0; i < e.length; i++) {
    const want = e[i]!;
    const error = errorOf(a[i]!, want);
    if (error === 0) continue;
    const allowance = atol + rtol * Math.abs(Number.isFinite(want) ? want : 0);
    if (error > allowance) result.failures++;
    result.maxAbs = Math.max(result.maxAbs, error);
    if (want !== 0) result.maxRel = Math.max(result.maxRel, Number.isFinite(error) ? error / Math.abs(want) : error);
    if (error / allowance > result.worst) {
      result.worst = error / allowance;
      result.index = i;
    }
  }
  return summary(result, a, e);
}

function errorOf(actual: number, expected: number): number {
  if (actual === expected || (Number.isNaN(actual) && Number.isNaN(expected))) return 0;
  const error = Math.abs(actual - expected);
  return Number.isFinite(error) ? error : Number.POSITIVE_INFINITY;
}

function lengthMismatch(actual: number, expected: number): Comparison {
  return {
    ok: false,
    count: expected,
    failures: expected,
    maxAbs: 0,
    maxRel: 0,
    worst: Number.POSITIVE_INFINITY,
    index: -1,
    actual: undefined,
    expected: undefined,
    message: `length ${actual}, expected ${expected}`,
  };
}

function summary(
  result: { failures: number; maxAbs: number; maxRel: number; worst: number; index: number },
  a: ArrayLike<number>,
  e: ArrayLike<number>,
): Comparison {
  const { failures, maxAbs, worst, index } = result;
  const ok = failures === 0;
  const message = ok
    ? `ok, worst ${worst.toPrecision(3)} of the allowance, max error ${maxAbs.toPrecision(3)}`
    : `${failures} of ${e.length} elements differ; worst at ${index}: ${a[index]}, expected ${e[index]} (max error ${maxAbs.toPrecision(3)})`;
  return { ...result, ok, count: e.length, actual: a[index], expected: e[index], message };
}
