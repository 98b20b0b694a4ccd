/**
 * Small faults for WGSL texts: what `npm run mutate` puts into shaders, one at a time. Pure; imports nothing.
 *
 * They are found by the text of a line, not by parsing: a fault that is no WGSL any more is noticed when it is compiled,
 * and another takes its place.
 */

export type Kind =
  | 'barrier'
  | 'index'
  | 'last'
  | 'term'
  | 'accumulate'
  | 'extremum'
  | 'select'
  | 'swap'
  | 'compare'
  | 'factor'
  | 'constant'
  | 'field';

/** What each kind does, for the report. */
export const KINDS: { readonly [K in Kind]: string } = {
  barrier: 'a workgroupBarrier is dropped',
  index: 'an index is one too large',
  last: 'the last element or turn of a loop is left out',
  term: 'a term of a sum, or a condition of several, is left out',
  accumulate: 'a sum keeps its last term only',
  extremum: 'min for max, max for min',
  select: 'select always takes its second value',
  swap: 'operands of - or / are exchanged',
  compare: '< for <=, > for >=, == for !=, and back',
  factor: 'a factor is left out',
  constant: 'a constant is changed',
  field: 'two fields of a struct whose layout is fixed are exchanged',
};

export interface Mutation {
  readonly kind: Kind;
  /** From 1. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

/** Position of the bracket that closes the one at `open`; -1 where it is on another line. */
function closing(code: string, open: number): number {
  for (let i = open, depth = 0; i < code.length; i++) {
    if ('([{'.includes(code[i]!)) depth++;
    if (')]}'.includes(code[i]!) && --depth === 0) return i;
  }
  return -1;
}

/** End of the operand that begins at `from`: a bracket that closes, or one of the separators, outside of brackets. */
function operandEnd(code: string, from: number, separators: readonly string[]): number {
  let i = from;
  while (i < code.length) {
    if ('([{'.includes(code[i]!)) {
      const end = closing(code, i);
      if (end < 0) return -1;
      i = end + 1;
      continue;
    }
    if (')]},;'.includes(code[i]!) || separators.some((s) => code.startsWith(s, i))) return i;
    i++;
  }
  return -1;
}

const COMPARISONS = [' < ', ' <= ', ' > ', ' >= ', ' == ', ' != ', ' && ', ' || ', ' & ', ' | ', ' ^ ', ' << ', ' >> '];
const SUMS = [' + ', ' - ', ...COMPARISONS];
const PRODUCTS = [' * ', ' / ', ' % ', ...SUMS];

/** Edits that leave `operator operand` out. */
function* without(code: string, operators: readonly string[], separators: readonly string[]): Generator<string> {
  for (const operator of operators) {
    for (let p = code.indexOf(operator); p >= 0; p = code.indexOf(operator, p + 1)) {
      const end = operandEnd(code, p + operator.length, separators);
      if (end > 0) yield code.slice(0, p) + code.slice(end);
    }
  }
}

/** Edits of every match of a pattern. */
function* replaced(code: string, pattern: RegExp, edit: (match: RegExpExecArray) => string | null): Generator<string> {
  for (const match of code.matchAll(pattern)) {
    const text = edit(match);
    if (text !== null) yield code.slice(0, match.index) + text + code.slice(match.index + match[0].length);
  }
}

function* calls(code: string, name: string): Generator<{ at: number; end: number; args: string[] }> {
  for (const { index } of code.matchAll(new RegExp(`\\b${name}\\(`, 'g'))) {
    const open = index + name.length;
    const end = closing(code, open);
    if (end < 0) continue;
    const args: string[] = [];
    for (let at = open + 1; at <= end; ) {
      let stop = at;
      while (stop < end && code[stop] !== ',') stop = '([{'.includes(code[stop]!) ? closing(code, stop) + 1 : stop + 1;
      args.push(code.slice(at, stop).trim());
      at = stop + 1;
    }
    yield { at: index, end: end + 1, args };
  }
}

const OPPOSITE: { readonly [comparison: string]: string } = {
  '<': '<=',
  '<=': '<',
  '>': '>=',
  '>=': '>',
  '==': '!=',
  '!=': '==',
};

const OPERAND = String.raw`[\w.]+(?:\[[^\[\]]*\]|\([^()]*\))?`;

/** A variable is in it, not only constants and `${...}`. */
const varies = (index: string): boolean => /[a-z_]/.test(index.replace(/\$\{[^}]*\}u?|\b[\d.]+[uif]?\b/g, ''));

const EDITS: { readonly [K in Kind]: (code: string) => Iterable<string> } = {
  barrier: (code) => replaced(code, /workgroupBarrier\(\);/g, () => ''),
  *index(code) {
    if (/\barray</.test(code)) return;
    for (const { index } of code.matchAll(/(?<=\w)\[/g)) {
      const end = closing(code, index);
      const inside = code.slice(index + 1, end);
      if (end > 0 && varies(inside)) yield `${code.slice(0, index)}[(${inside}) + 1${code.slice(end)}`;
    }
  },
  *last(code) {
    if (/\bfor \(/.test(code)) yield* replaced(code, /; ([^;<>=]+) < ([^;]+);/g, ([, a, b]) => `; ${a} + 1 < ${b};`);
    else if (/\bif \(/.test(code))
      yield* replaced(code, new RegExp(`\\(((?:${OPERAND}))( < | >= )`, 'g'), ([, a, o]) => `(${a} + 1${o}`);
  },
  *term(code) {
    if (/\bfor \(/.test(code)) return;
    yield* without(code, [' + ', ' - '], SUMS);
    yield* without(code, [' && ', ' || '], [' && ', ' || ']);
  },
  accumulate: (code) => (/\bfor \(/.test(code) ? [] : replaced(code, / \+= /g, () => ' = ')),
  extremum: (code) => replaced(code, /\b(min|max)\(/g, ([, name]) => (name === 'min' ? 'max(' : 'min(')),
  *select(code) {
    for (const { at, end, args } of calls(code, 'select'))
      if (args.length === 3) yield `${code.slice(0, at)}(${args[1]})${code.slice(end)}`;
  },
  swap: (code) =>
    replaced(code, new RegExp(`(?<=[(=,] ?)(${OPERAND}) ([-/]) (${OPERAND})(?=[),;])`, 'g'), ([, a, o, b]) =>
      a === b ? null : `${b} ${o} ${a}`,
    ),
  *compare(code) {
    if (/\bfor \(/.test(code)) return;
    yield* replaced(code, / (<|<=|>|>=|==|!=) /g, ([, comparison]) => ` ${OPPOSITE[comparison!]} `);
  },
  *factor(code) {
    if (/\bfor \(/.test(code)) return;
    yield* without(code, [' * ', ' / '], PRODUCTS);
  },
  *constant(code) {
    yield* replaced(code, /\b\d+\.\d+\b/g, ([text]) => (Number(text) === 0 ? '0.5' : String(1.5 * Number(text))));
    yield* replaced(code, /\b0x[0-9a-f]+u\b/g, ([text]) => `${text} + 1u`);
  },
  field: (code) => replaced(code, /^(\s*)(\w+): f32, (\w+): f32/g, ([, space, a, b]) => `${space}${b}: f32, ${a}: f32`),
};

/** All faults of a text, in the order of the lines. */
export function mutationsOf(text: string): Mutation[] {
  return text.split('\n').flatMap((line, i) => {
    const comment = line.search(/\/\//);
    const code = comment < 0 ? line : line.slice(0, comment);
    if (code.trim() === '' || /^\s*(@group|struct|var<workgroup>|alias|fn |enable|requires|diagnostic)/.test(code)) {
      // A function of one line has a body.
      if (!/^\s*fn .*\{.*return/.test(code)) return [];
    }
    const found = new Map<string, Kind>();
    for (const kind of Object.keys(EDITS) as Kind[]) {
      // Others' fields are packed by name.
      if (kind === 'field' && !text.includes('struct Step')) continue;
      for (const after of EDITS[kind](code)) if (after !== code && !found.has(after)) found.set(after, kind);
    }
    return [...found].map(([after, kind]) => ({ kind, line: i + 1, before: code.trim(), after: after.trim() }));
  });
}

/** The text with one fault. */
export function apply(text: string, { line, before, after }: Mutation): string {
  const lines = text.split('\n');
  const old = lines[line - 1]!;
  if (!old.includes(before)) throw new Error(`line ${line} is not '${before}'`);
  lines[line - 1] = old.replace(before, () => after);
  return lines.join('\n');
}

function hash(text: string): number {
  let h = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return h;
}

/** The order in which a file's faults are tried: always the same; kind after kind, so that the first few are of several. Without barriers. */
export function ordered(file: string, mutations: readonly Mutation[]): Mutation[] {
  const byKind = new Map<Kind, Mutation[]>();
  for (const mutation of mutations)
    if (mutation.kind !== 'barrier') byKind.set(mutation.kind, [...(byKind.get(mutation.kind) ?? []), mutation]);
  const key = (mutation: Mutation): number => hash(`${file}:${mutation.line}:${mutation.after}`);
  const rows = [...byKind]
    .sort(([a], [b]) => hash(file + a) - hash(file + b))
    .map(([, row]) => [...row].sort((a, b) => key(a) - key(b)));
  const longest = Math.max(0, ...rows.map((row) => row.length));
  return Array.from({ length: longest }, (_, i) => rows.flatMap((row) => row.slice(i, i + 1))).flat();
}
