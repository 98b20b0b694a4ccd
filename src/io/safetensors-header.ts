/**
 * The JSON header of a safetensors file: a strict parser that accepts nothing but what the format allows, so it stops
 * at the first wrong byte instead of building a large object first. Imports only the error classes.
 *
 * Differs from `JSON.parse` where safety asks for it: duplicate keys are errors at every level, numbers must be
 * non-negative safe integers, names go into Maps (`__proto__` is a name like any other), counts are capped while reading.
 */
import { FormatError } from '../util/errors.ts';

/** What gabor accepts at most; the format itself sets only the header length. */
export const SAFETENSORS_LIMITS = {
  /** Longest header in bytes, from the reference implementation. */
  headerBytes: 100_000_000,
  /** Most tensors, and most metadata entries, in one file. */
  entryCount: 65_536,
  rank: 8,
  /** Longest tensor name or metadata key, in UTF-16 units. */
  nameLength: 1_024,
} as const;

/** One tensor as the header states it; not yet checked against the data. */
export interface HeaderEntry {
  readonly dtype: string;
  readonly shape: readonly number[];
  /** First byte and one past the last byte, counted from the end of the header. */
  readonly offsets: readonly [number, number];
}

export interface Header {
  readonly entries: Map<string, HeaderEntry>;
  readonly metadata: Map<string, string>;
}

/**
 * Parses the header text of a safetensors file.
 * @throws FormatError at the first violation, with the position in the header.
 */
export function parseHeader(text: string): Header {
  if (text.charCodeAt(0) !== 0x7b) {
    throw new FormatError(
      `safetensors: the header starts with ${quote(text.slice(0, 8))}, it must start with "{". ${HINT}`,
    );
  }
  const scanner = new Scanner(text);
  const entries = new Map<string, HeaderEntry>();
  let metadata: Map<string, string> | undefined;
  scanner.object('the header', (key) => {
    if (key === '__metadata__') {
      metadata = readMetadata(scanner);
      return;
    }
    if (entries.size >= SAFETENSORS_LIMITS.entryCount) {
      throw scanner.error(`more than ${SAFETENSORS_LIMITS.entryCount} tensors`);
    }
    entries.set(key, readEntry(scanner, key));
  });
  scanner.end();
  return { entries, metadata: metadata ?? new Map() };
}

/** True if every surrogate in `text` has its partner, so that it survives UTF-8. */
export function isWellFormed(text: string): boolean {
  return !/\p{Surrogate}/u.test(text);
}

const HINT = 'The file is damaged or not a safetensors file; save it again.';

function readMetadata(scanner: Scanner): Map<string, string> {
  const metadata = new Map<string, string>();
  scanner.object('__metadata__', (key) => {
    if (metadata.size >= SAFETENSORS_LIMITS.entryCount) {
      throw scanner.error(`more than ${SAFETENSORS_LIMITS.entryCount} entries in __metadata__`);
    }
    metadata.set(key, scanner.string(`__metadata__ ${quote(key)}`));
  });
  return metadata;
}

function readEntry(scanner: Scanner, name: string): HeaderEntry {
  const what = `tensor ${quote(name)}`;
  let dtype: string | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  scanner.object(what, (key) => {
    if (key === 'dtype') dtype = scanner.string(`dtype of ${what}`);
    else if (key === 'shape') shape = scanner.integers(`shape of ${what}`, SAFETENSORS_LIMITS.rank);
    else if (key === 'data_offsets') offsets = scanner.integers(`data_offsets of ${what}`, 2);
    else throw scanner.error(`${what} has an unknown key ${quote(key)}`);
  });
  const [begin, end] = offsets ?? [];
  if (dtype === undefined) throw scanner.error(`${what} has no dtype`);
  if (shape === undefined) throw scanner.error(`${what} has no shape`);
  if (begin === undefined || end === undefined) throw scanner.error(`${what} needs two data_offsets`);
  return { dtype, shape, offsets: [begin, end] };
}

function quote(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}...` : text);
}

/** Reads JSON tokens from left to right; every method throws FormatError where the text is not what it asks for. */
class Scanner {
  private at = 0;

  constructor(private readonly text: string) {}

  error(problem: string): FormatError {
    return new FormatError(`safetensors: ${problem} (at character ${this.at} of the header). ${HINT}`);
  }

  /** Reads `{ "key": ... }`; `readValue` must consume the value of each key. */
  object(what: string, readValue: (key: string) => void): void {
    this.expect('{', what);
    const seen = new Set<string>();
    if (this.accept('}')) return;
    do {
      const key = this.string(`a key of ${what}`);
      if (key.length > SAFETENSORS_LIMITS.nameLength) {
        throw this.error(
          `a name in ${what} has ${key.length} characters, ${SAFETENSORS_LIMITS.nameLength} are allowed`,
        );
      }
      if (seen.has(key)) throw this.error(`duplicate key ${quote(key)} in ${what}`);
      seen.add(key);
      this.expect(':', what);
      readValue(key);
    } while (this.accept(','));
    this.expect('}', what);
  }

  string(what: string): string {
    this.skipSpace();
    const start = this.at;
    if (this.text[start] !== '"') throw this.error(`${what} must be a string`);
    let end = start + 1;
    while (end < this.text.length && this.text.charCodeAt(end) !== 0x22) {
      end += this.text.charCodeAt(end) === 0x5c ? 2 : 1;
    }
    const value = parseString(this.text.slice(start, end + 1));
    if (value === undefined) throw this.error(`${what} is not a valid JSON string`);
    if (!isWellFormed(value)) throw this.error(`${what} holds half a surrogate pair`);
    this.at = end + 1;
    return value;
  }

  integers(what: string, maxCount: number): number[] {
    const values: number[] = [];
    this.expect('[', what);
    if (this.accept(']')) return values;
    do {
      if (values.length === maxCount) throw this.error(`${what} has more than ${maxCount} numbers`);
      values.push(this.integer(what));
    } while (this.accept(','));
    this.expect(']', what);
    return values;
  }

  end(): void {
    this.skipSpace();
    if (this.at < this.text.length) throw this.error(`text after the closing "}": ${quote(this.text.slice(this.at))}`);
  }

  private integer(what: string): number {
    this.skipSpace();
    const token = /[^\s,\]}]*/y;
    token.lastIndex = this.at;
    const text = token.exec(this.text)?.[0] ?? '';
    const value = Number(text);
    if (!/^(0|[1-9][0-9]{0,15})$/.test(text) || !Number.isSafeInteger(value)) {
      throw this.error(`${what} holds ${quote(text)}, not a whole number of 0 to 2^53 - 1`);
    }
    this.at += text.length;
    return value;
  }

  private expect(character: string, what: string): void {
    if (this.accept(character)) return;
    const found = this.at < this.text.length ? quote(this.text.charAt(this.at)) : 'the end';
    throw this.error(`${what}: expected "${character}", found ${found}`);
  }

  private accept(character: string): boolean {
    this.skipSpace();
    if (this.text[this.at] !== character) return false;
    this.at += 1;
    return true;
  }

  private skipSpace(): void {
    while (this.at < this.text.length && ' \n\r\t'.includes(this.text.charAt(this.at))) this.at += 1;
  }
}

function parseString(token: string): string | undefined {
  try {
    const value: unknown = JSON.parse(token);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
