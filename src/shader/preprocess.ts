/**
 * The WGSL preprocessor. Directives are comments, so that a .wgsl file stays WGSL to an editor:
 *
 *     //#include "lib/index.wgsl"       the file, once
 *     //#if BIAS | !BIAS | ACT==relu    //#elif ...   //#else   //#endif
 *     //#for R 0 TM   ...   //#endfor   the lines once for each R = 0 .. TM-1, with `$R` and `${R*4}` replaced
 *     //#name                           the text given for slot `name`
 *
 * Numbers among the defines become `const NAME = value;` in front. Imports only graph types and errors.
 */
import type { ShaderSource } from '../graph/types.ts';
import { ShaderError } from '../util/errors.ts';
import { evaluate } from './expression.ts';

export interface ShaderOptions {
  readonly defines?: { readonly [name: string]: number | boolean | string };
  readonly slots?: { readonly [name: string]: string };
}

export interface Preprocessed {
  readonly code: string;
  /** Line i of the code (0-based) came from here. */
  readonly map: readonly { readonly file: string; readonly line: number }[];
}

interface Line {
  readonly text: string;
  readonly at: string;
  readonly word: string;
  readonly argument: string;
}

function parseLines(file: string, text: string): Line[] {
  return text.split('\n').map((line, i) => {
    const match = /^\s*\/\/#(\w+)\s*(.*?)\s*$/.exec(line);
    return { text: line, at: `${file}:${i + 1}`, word: match?.[1] ?? '', argument: match?.[2] ?? '' };
  });
}

/** Index of the line that closes the block opened at `from`; for #if also every #elif and #else between. */
function blockMarks(lines: readonly Line[], from: number): number[] {
  const [open, close] = lines[from]!.word === 'if' ? ['if', 'endif'] : ['for', 'endfor'];
  const marks = [from];
  for (let i = from + 1, depth = 1; i < lines.length; i++) {
    const { word } = lines[i]!;
    if (word === open) depth++;
    if (depth === 1 && open === 'if' && (word === 'elif' || word === 'else')) marks.push(i);
    if (word === close && --depth === 0) return [...marks, i];
  }
  throw new ShaderError(`${lines[from]!.at}: #${open} is not closed. Add //#${close}.`);
}

function holds(condition: string, defines: ShaderOptions['defines'], at: string): boolean {
  const match = /^(!?)\s*([A-Za-z_]\w*)\s*(?:(==|!=)\s*(\S+))?$/.exec(condition);
  if (!match)
    throw new ShaderError(
      `${at}: cannot read the condition '${condition}'. Use NAME, !NAME, NAME==value or NAME!=value.`,
    );
  const [, not, name, comparison, value] = match;
  const actual = defines?.[name!];
  if (actual === undefined)
    throw new ShaderError(`${at}: define '${name}' is not given. Pass it in the variant's defines.`);
  const result = comparison ? (String(actual) === value) === (comparison === '==') : Boolean(actual);
  return not ? !result : result;
}

/** The WGSL text of a shader for the given defines and slots. Throws ShaderError with file and line. */
export function preprocess(source: ShaderSource, options: ShaderOptions = {}): Preprocessed {
  const { defines = {}, slots = {} } = options;
  const code: string[] = [];
  const map: { file: string; line: number }[] = [];
  const seen = new Set<string>();
  const usedSlots = new Set<string>();
  const put = (text: string, at: string): void => {
    const cut = at.lastIndexOf(':');
    for (const line of text.split('\n')) {
      code.push(line);
      map.push({ file: at.slice(0, cut), line: Number(at.slice(cut + 1)) });
    }
  };
  const substitute = (text: string, names: ReadonlyMap<string, number>, at: string): string =>
    text
      .replace(/\$\{([^}]*)\}/g, (_, expression: string) => String(evaluate(expression, names, at)))
      .replace(/\$([A-Z][A-Z0-9_]*)/g, (_, name: string) => String(evaluate(name, names, at)));

  const branch = (lines: readonly Line[], marks: readonly number[], names: ReadonlyMap<string, number>): void => {
    for (let k = 0; k + 1 < marks.length; k++) {
      const { word, argument, at } = lines[marks[k]!]!;
      if (word !== 'else' && !holds(argument, defines, at)) continue;
      walk(lines.slice(marks[k]! + 1, marks[k + 1]), names);
      return;
    }
  };
  const loop = (lines: readonly Line[], from: number, end: number, names: ReadonlyMap<string, number>): void => {
    const { argument, at } = lines[from]!;
    const [name, first, last] = argument.split(/\s+/);
    if (!name || !first || !last)
      throw new ShaderError(`${at}: cannot read '#for ${argument}'. Write //#for NAME first end.`);
    const stop = evaluate(last, names, at);
    for (let i = evaluate(first, names, at); i < stop; i++)
      walk(lines.slice(from + 1, end), new Map(names).set(name, i));
  };
  const walk = (lines: readonly Line[], names: ReadonlyMap<string, number>): void => {
    for (let i = 0; i < lines.length; i++) {
      const { text, at, word, argument } = lines[i]!;
      if (/^\s*\/\/(?!#)/.test(text)) continue; // a comment may speak of $R
      if (word === '') put(substitute(text, names, at), at);
      else if (word === 'include') include(argument.replace(/^["']|["']$/g, ''), at, names);
      else if (word === 'if' || word === 'for') {
        const marks = blockMarks(lines, i);
        if (word === 'if') branch(lines, marks, names);
        else loop(lines, i, marks.at(-1)!, names);
        i = marks.at(-1)!;
      } else if (/^(elif|else|endif|endfor)$/.test(word))
        throw new ShaderError(`${at}: #${word} without its opening line.`);
      else {
        const slot = slots[word];
        if (slot === undefined)
          throw new ShaderError(`${at}: slot '${word}' is not given. Pass it in the variant's slots.`);
        usedSlots.add(word);
        put(slot, `<slot ${word}>:1`);
      }
    }
  };
  const include = (file: string, at: string, names: ReadonlyMap<string, number>): void => {
    if (seen.has(file)) return;
    seen.add(file);
    const text = source.includes[file];
    if (text === undefined)
      throw new ShaderError(`${at}: no file '${file}' is given. Add it to the shader's includes.`);
    walk(parseLines(file, text), names);
  };

  const numbers = new Map<string, number>();
  const constants: string[] = [];
  for (const [name, value] of Object.entries(defines)) {
    if (typeof value !== 'number') continue;
    numbers.set(name, value);
    constants.push(`const ${name} = ${Number.isInteger(value) ? value : value.toExponential()};`);
  }
  const lines = parseLines(source.file, source.text);
  const isDirective = (line: Line): boolean => /^\s*(enable|requires|diagnostic)\b/.test(line.text);
  // `enable` must come first in WGSL, before the constants: directives lead every file that has them.
  let split = lines.findLastIndex(isDirective) + 1;
  const depth = (count: number): number =>
    lines
      .slice(0, count)
      .reduce((sum, { word }) => sum + Number(/^(if|for)$/.test(word)) - Number(/^end(if|for)$/.test(word)), 0);
  while (depth(split) > 0 && split < lines.length) split++; // a conditional one: not inside of its block
  walk(lines.slice(0, split), numbers);
  if (constants.length > 0) put(constants.join('\n'), '<defines>:1');
  walk(lines.slice(split), numbers);
  for (const name of Object.keys(slots)) {
    if (!usedSlots.has(name))
      throw new ShaderError(`${source.file}: slot '${name}' is given but not used. Remove it from the variant.`);
  }
  return { code: code.join('\n'), map };
}
