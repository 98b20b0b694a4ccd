/** What a command of the command line is, and what it may use of the outside. Imports types, cli/options. */
import type { Device } from '../gpu/device.ts';
import type { Options } from './options.ts';

/** The outside of a command: a terminal, or a test. */
export interface Io {
  /** Results: stdout. */
  print(text: string): void;
  /** Progress, warnings and errors: stderr. */
  error(text: string): void;
  /** Colours on stderr; default false. */
  readonly color?: boolean;
  /** A progress bar may be drawn on stderr; default false: lines instead. */
  readonly terminal?: boolean;
  /** How the user starts gabor, for commands to be repeated; default `npx gabor`. */
  readonly program?: string;
  /** A device to share, which is not disposed; default: a new one for each command. */
  device?(): Promise<Device>;
  /** From now on an interruption by the user (Ctrl-C) aborts this signal instead of ending the process. */
  interruption?(): AbortSignal;
}

export interface OptionSpec {
  /** `--name`, `--name <VALUE>`, `--name [VALUE]` or `--no-name`. */
  readonly flags: string;
  readonly text: string;
  /** Shown in the help; the command itself applies it. */
  readonly default?: string | number;
}

export interface Command {
  /** Name and arguments: `predict <file> <...images>`. */
  readonly usage: string;
  readonly text: string;
  readonly options: readonly OptionSpec[];
  /** Without the program's name. */
  readonly examples: readonly string[];
  /** Gives the exit code. Throws GaborError for all that the user can mend. */
  run(args: readonly string[], options: Options, io: Io): Promise<number>;
}

export const TUNE_MODES = ['off', 'fast', 'full'] as const;

export const TUNE_OPTION: OptionSpec = {
  flags: '--tune <MODE>',
  text: 'pick kernels by trial and keep the choice: fast (where most of the work is) or full; off: the best guess',
  default: 'off',
};

export const JSON_OPTION: OptionSpec = { flags: '--json', text: 'print JSON and nothing else on stdout' };
