/** Reading and checking options of the command line. Imports util. */
import { ArgumentError } from '../util/errors.ts';

/** A mistake in the command line: exit code 2. */
export class UsageError extends ArgumentError {
  override name = 'UsageError';
}

export interface NumberRange {
  readonly min?: number;
  readonly max?: number;
  /** Larger than this. */
  readonly above?: number;
  /** Whole numbers only; default false. */
  readonly whole?: boolean;
}

/** Number of letters to insert, delete or replace to make one word of the other (Levenshtein). */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, replaced));
    }
    row = next;
  }
  return row[b.length]!;
}

/** ` Did you mean "x"?` where one of the names is near, else nothing. */
export function suggestion(given: string, names: readonly string[]): string {
  const near = names
    .map((name) => ({ name, far: distance(given.toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, far }) => far <= 1 + Math.floor(name.length / 4))
    .sort((a, b) => a.far - b.far)[0];
  return near ? ` Did you mean "${near.name}"?` : '';
}

/** Throws UsageError unless the name is one of those known. */
export function checkName<Name extends string>(what: string, given: string, names: readonly Name[]): Name {
  const found = names.find((name) => name === given);
  if (found === undefined) {
    throw new UsageError(`${what} is ${JSON.stringify(given)}. Use ${listOf(names)}.${suggestion(given, names)}`);
  }
  return found;
}

/** `a`, `a or b`, `a, b or c`. */
export function listOf(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}

function describeRange({ min = -Infinity, max = Infinity, above, whole = false }: NumberRange): string {
  const kind = whole ? 'a whole number' : 'a number';
  if (above !== undefined) return `${kind} above ${above}`;
  if (max < Infinity) return `${kind} from ${min} to ${max}`;
  return min > -Infinity ? `${kind} from ${min}` : kind;
}

/** `weightDecay` as `--weight-decay`. */
export const optionName = (key: string): string => `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

/** The options that were given, by name in camelCase. */
export class Options {
  readonly #values: ReadonlyMap<string, string | boolean>;

  constructor(values: ReadonlyMap<string, string | boolean>) {
    this.#values = values;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Whether an option without a value was given. */
  flag(key: string): boolean {
    return this.#values.get(key) === true;
  }

  /** Whether `--no-key` was given. */
  denied(key: string): boolean {
    return this.#values.get(key) === false;
  }

  text(key: string): string | undefined {
    const value = this.#values.get(key);
    if (value === '') throw new UsageError(`${optionName(key)} is empty. Give it a value, or leave it out.`);
    return typeof value === 'string' ? value : undefined;
  }

  choice<Name extends string>(key: string, names: readonly Name[]): Name | undefined {
    const value = this.text(key);
    return value === undefined ? undefined : checkName(optionName(key), value, names);
  }

  number(key: string, range: NumberRange = {}): number | undefined {
    const text = this.text(key);
    if (text === undefined) return undefined;
    const { min = -Infinity, max = Infinity, above = -Infinity, whole = false } = range;
    const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    const inRange = Number.isFinite(value) && value >= min && value <= max && value > above;
    if (!inRange || (whole && !Number.isSafeInteger(value)))
      throw new UsageError(`${optionName(key)} is ${JSON.stringify(text)}. Use ${describeRange(range)}.`);
    return value;
  }

  whole(key: string, range: Omit<NumberRange, 'whole'> = {}): number | undefined {
    return this.number(key, { ...range, whole: true });
  }
}
