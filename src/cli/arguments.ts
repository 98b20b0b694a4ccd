/** From the words of a command line to a command, its arguments and options: cac with strict checks. Imports cac, cli/command, cli/options. */
import { type CAC, type Command as CacCommand, cac } from 'cac';
import type { Command } from './command.ts';
import { Options, optionName, suggestion, UsageError } from './options.ts';

export interface Parsed {
  readonly command: Command;
  readonly args: readonly string[];
  readonly options: Options;
}

/** Put before every value: cac would make a number of `007`, and an option of `-1`. */
const MARK = ':';

const isOption = (word: string): boolean => word.startsWith('-');
/** What may follow an option as its value: a negative number too. */
const isValue = (word: string): boolean => !isOption(word) || /^-\.?\d/.test(word);

function declare(commands: readonly Command[]): CAC {
  const cli = cac('gabor');
  for (const { usage, text, options } of commands) {
    const declared = cli.command(usage, text, { ignoreOptionDefaultValue: true });
    for (const { flags, text: optionText } of options) declared.option(flags, optionText);
  }
  return cli;
}

/** Joins values to their options, marked as text. Throws UsageError for an option that is unknown or lacks its value. */
function markValues(words: readonly string[], { name, options }: CacCommand): string[] {
  const spelled = (option: { rawName: string }): string => option.rawName.split(/[ <[]/)[0]!;
  const known = new Map(options.map((option) => [spelled(option), option]));
  const marked: string[] = [];
  for (let i = 0; i < words.length; i++) {
    const word = words[i]!;
    if (!isOption(word)) {
      marked.push(word);
      continue;
    }
    const [flag = '', ...rest] = word.split('=');
    const option = known.get(flag);
    if (!option) {
      const all = [...known.keys(), '--help'];
      const hint = suggestion(flag, all) || ` "gabor ${name} --help" lists its options.`;
      throw new UsageError(`${name}: there is no option ${flag}.${hint}`);
    }
    if (option.isBoolean) {
      if (rest.length > 0) throw new UsageError(`${flag} takes no value, "${rest.join('=')}" was given. Leave it out.`);
      marked.push(flag);
      continue;
    }
    const next = words[i + 1];
    const follows = rest.length === 0 && next !== undefined && isValue(next);
    if (rest.length === 0 && !follows && option.required) {
      throw new UsageError(`${flag} lacks its value. Use ${option.rawName}: ${option.description}.`);
    }
    if (rest.length > 0) marked.push(`${flag}=${MARK}${rest.join('=')}`);
    else marked.push(follows ? `${flag}=${MARK}${words[++i]}` : flag);
  }
  return marked;
}

function optionsOf(values: { readonly [key: string]: unknown }): Options {
  const result = new Map<string, string | boolean>();
  for (const [key, value] of Object.entries(values)) {
    if (Array.isArray(value) && key !== '--')
      throw new UsageError(`${optionName(key)} is given ${value.length} times. Give it once.`);
    if (typeof value === 'string') result.set(key, value.slice(MARK.length));
    else if (typeof value === 'boolean') result.set(key, value);
  }
  return new Options(result);
}

function checkCount({ name, args: wanted }: CacCommand, args: readonly string[]): void {
  const missing = wanted[args.length];
  if (missing?.required) {
    throw new UsageError(
      `${name}: ${missing.value.toUpperCase()} is missing. "gabor ${name} --help" shows what it takes.`,
    );
  }
  if (args.length > wanted.length && !wanted.at(-1)?.variadic) {
    throw new UsageError(
      `${name}: ${JSON.stringify(args[wanted.length])} is one argument too many. "gabor ${name} --help" shows what it takes.`,
    );
  }
}

/** Throws UsageError for anything that the commands do not declare. `words` starts with the command's name. */
export function parseArguments(words: readonly string[], commands: readonly Command[]): Parsed {
  const cli = declare(commands);
  const [name = '', ...rest] = words;
  const index = cli.commands.findIndex((candidate) => candidate.isMatched(name));
  const declared = cli.commands[index];
  if (!declared) {
    const names = cli.commands.map((candidate) => candidate.name);
    throw new UsageError(
      `there is no command ${JSON.stringify(name)}.${suggestion(name, names)} "gabor --help" lists them all.`,
    );
  }
  const end = rest.indexOf('--');
  const own = end < 0 ? rest : rest.slice(0, end);
  const parsed = cli.parse(['node', 'gabor', name, ...markValues(own, declared)], { run: false });
  const args = [...parsed.args, ...(end < 0 ? [] : rest.slice(end + 1))];
  checkCount(declared, args);
  return { command: commands[index]!, args, options: optionsOf(parsed.options) };
}
