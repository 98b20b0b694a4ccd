/** What the runners of golden cases share: results, attributes read with checks, comparison. Imports golden-files, gpu types, util. */
import type { Device } from '../../gpu/device.ts';
import { FormatError, GaborError } from '../../util/errors.ts';
import { sameShape, show } from '../../util/shape.ts';
import { compare, type GoldenCase, type GoldenTensor } from './golden-files.ts';

/** Where and how cases are run. */
export interface CaseContext {
  readonly device: Device;
  /** Run each case with every variant of each kernel, not only with the device's choice. */
  readonly variants: boolean;
}

export interface Failure {
  /** Id of the variant that was asked for; 'default' for the device's choice. */
  readonly variant: string;
  /** Name of the tensor (or number) that is wrong; '' where the case threw an error. */
  readonly tensor: string;
  readonly message: string;
}

export type CaseResult =
  | { readonly status: 'passed' }
  | { readonly status: 'failed'; readonly failures: readonly Failure[] }
  /** The names of what is missing: ops, optimizers, schedules. */
  | { readonly status: 'not supported'; readonly missing: readonly string[] };

export type CaseRunner = (golden: GoldenCase, context: CaseContext) => Promise<CaseResult>;

/** Thrown where a case asks for something that gabor does not have (yet); the message names it. */
export class NotSupported extends Error {
  override name = 'NotSupported';
}

export const resultOf = (failures: readonly Failure[]): CaseResult =>
  failures.length === 0 ? { status: 'passed' } : { status: 'failed', failures };

export const notSupported = (...missing: readonly string[]): CaseResult => ({ status: 'not supported', missing });

/** The failure that an error is. Its stack is shown where the error is none of gabor's own. */
export function failureOf(error: unknown, variant: string): Failure {
  if (error instanceof GaborError) return { variant, tensor: '', message: `${error.name}: ${error.message}` };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { variant, tensor: '', message: text.split('\n').slice(0, 4).join('\n') };
}

export interface Actual {
  readonly shape?: readonly number[];
  readonly data: ArrayLike<number>;
}

/** Compares one result with the tensor of that name in the case. */
export function check(golden: GoldenCase, tensor: string, actual: Actual | undefined, variant = 'default'): Failure[] {
  const expected = golden.tensors.get(tensor);
  if (!expected) throw new FormatError(`${golden.name}: tensor "${tensor}" is not in the tensor file`);
  if (!actual) return [{ variant, tensor, message: 'there is no such result' }];
  if (actual.shape && !sameShape(actual.shape, expected.shape))
    return [{ variant, tensor, message: `shape ${show(actual.shape)}, expected ${show(expected.shape)}` }];
  const { ok, message } = compare(actual, expected, golden.tolerance[tensor]);
  return ok ? [] : [{ variant, tensor, message }];
}

/** A tensor of the case. Throws FormatError where it is missing. */
export function tensorOf(golden: GoldenCase, name: string): GoldenTensor {
  const found = golden.tensors.get(name);
  if (!found) throw new FormatError(`${golden.name}: tensor "${name}" is not in the tensor file`);
  return found;
}

/** A copy of a tensor's numbers, as gabor takes them. */
export const numbersOf = (tensor: GoldenTensor): Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> =>
  tensor.dtype === 'F32' ? new Float32Array(tensor.data) : new Int32Array(tensor.data);

const isNumbers = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((v) => typeof v === 'number');

/** Attributes of a case or of a node of a network. Knows which were read, so that none is overlooked. */
export class CaseAttrs {
  #values: Readonly<Record<string, unknown>>;
  #at: string;
  #read = new Set<string>();

  constructor(values: Readonly<Record<string, unknown>>, at: string) {
    this.#values = values;
    this.#at = at;
  }

  #take(name: string): unknown {
    this.#read.add(name);
    return Object.hasOwn(this.#values, name) ? this.#values[name] : undefined;
  }

  #wrong(name: string, wanted: string): never {
    const value = JSON.stringify(this.#values[name]) ?? 'missing';
    throw new FormatError(`${this.#at}: attribute "${name}" is ${value}, expected ${wanted}`);
  }

  number(name: string, fallback?: number): number {
    const value = this.#take(name) ?? fallback;
    return typeof value === 'number' ? value : this.#wrong(name, 'a number');
  }

  numberOrNull(name: string): number | null {
    const value = this.#take(name) ?? null;
    return value === null || typeof value === 'number' ? value : this.#wrong(name, 'a number or null');
  }

  flag(name: string, fallback?: boolean): boolean {
    const value = this.#take(name) ?? fallback;
    return typeof value === 'boolean' ? value : this.#wrong(name, 'true or false');
  }

  /** One of some words; default: the first. */
  word<W extends string>(name: string, words: readonly [W, ...W[]]): W {
    const value = this.#take(name) ?? words[0];
    return words.find((word) => word === value) ?? this.#wrong(name, words.join(' or '));
  }

  numbers(name: string): readonly number[] {
    const value = this.#take(name);
    return isNumbers(value) ? value : this.#wrong(name, 'a list of numbers');
  }

  /** A list of numbers; undefined where it is null or absent: all axes. */
  axes(name: string): readonly number[] | undefined {
    const value = this.#take(name) ?? undefined;
    return value === undefined || isNumbers(value) ? value : this.#wrong(name, 'a list of numbers or null');
  }

  /** [height, width]; a fallback counts for both. */
  pair(name: string, fallback?: number): readonly [number, number] {
    const value = this.#take(name) ?? (fallback === undefined ? undefined : [fallback, fallback]);
    return isNumbers(value) && value.length === 2 ? [value[0]!, value[1]!] : this.#wrong(name, '[height, width]');
  }

  /** [top, left, bottom, right]; default: zeros. */
  sides(name: string): readonly [number, number, number, number] {
    const value = this.#take(name) ?? [0, 0, 0, 0];
    if (!isNumbers(value) || value.length !== 4) return this.#wrong(name, '[top, left, bottom, right]');
    return [value[0]!, value[1]!, value[2]!, value[3]!];
  }

  /** Throws NotSupported for an attribute that nobody has read. */
  checkAllRead(op: string): void {
    const unread = Object.keys(this.#values).find((name) => !this.#read.has(name));
    if (unread !== undefined) throw new NotSupported(`${op} with ${unread}`);
  }
}
