/** The command line as a function: dispatch, help, exit codes. Imports the commands. */
import pc from 'picocolors';
import { GaborError } from '../util/errors.ts';
import { parseArguments } from './arguments.ts';
import { benchCommand } from './bench.ts';
import type { Command, Io } from './command.ts';
import { evaluateCommand } from './evaluate.ts';
import { goldensCommand } from './goldens.ts';
import { commandHelp, programHelp } from './help.ts';
import { infoCommand } from './info.ts';
import { UsageError } from './options.ts';
import { gaborVersion } from './package.ts';
import { predictCommand } from './predict.ts';
import { setupCommand } from './setup.ts';
import { trainCommand } from './train.ts';

export const COMMANDS: readonly Command[] = [
  trainCommand,
  evaluateCommand,
  predictCommand,
  infoCommand,
  benchCommand,
  setupCommand,
  goldensCommand,
];

const EXIT_FAILURE = 1;
const EXIT_USAGE = 2;

/** The words before a `--`, behind which nothing is an option. */
const beforeDashes = (words: readonly string[]): readonly string[] => words.slice(0, [...words, '--'].indexOf('--'));

function describeError(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  if (process.env.GABOR_DEBUG) return error instanceof Error && error.stack ? error.stack : message;
  if (error instanceof GaborError) return message;
  return `${message}\nThis is unexpected: set GABOR_DEBUG=1 to see where it comes from.`;
}

async function dispatch(words: readonly string[], io: Io): Promise<number> {
  const [name] = words;
  const wantsHelp = beforeDashes(words).some((word) => word === '--help' || word === '-h');
  const named = COMMANDS.find(({ usage }) => usage.split(' ')[0] === name);
  if (name === undefined || name === 'help' || (wantsHelp && !named)) {
    const topic = COMMANDS.find(({ usage }) => usage.split(' ')[0] === words[1]);
    io.print(name === 'help' && topic ? commandHelp(topic) : programHelp(COMMANDS, gaborVersion()));
    return name === undefined ? EXIT_USAGE : 0;
  }
  if (name === '--version' || name === '-v') {
    io.print(gaborVersion());
    return 0;
  }
  if (named && wantsHelp) {
    io.print(commandHelp(named));
    return 0;
  }
  const { command, args, options } = parseArguments(words, COMMANDS);
  return command.run(args, options, io);
}

/** Runs a command line, without the program's name; gives the exit code and never throws. */
export async function run(words: readonly string[], io: Io): Promise<number> {
  try {
    return await dispatch(words, io);
  } catch (error) {
    const { red } = pc.createColors(io.color ?? false);
    io.error(`${red('error:')} ${describeError(error)}`);
    return error instanceof UsageError ? EXIT_USAGE : EXIT_FAILURE;
  }
}
