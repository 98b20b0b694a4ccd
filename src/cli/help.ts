/** The text of `--help`. Imports cli/command. */
import type { Command, OptionSpec } from './command.ts';

const HELP: OptionSpec = { flags: '-h, --help', text: 'show this help' };

function columns(rows: readonly (readonly [left: string, right: string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`);
}

function optionRow({ flags, text, default: value }: OptionSpec): readonly [string, string] {
  return [flags, value === undefined ? text : `${text} (default: ${value})`];
}

/** Help of one command. */
export function commandHelp({ usage, text, options, examples }: Command): string {
  return [
    `${text}`,
    '',
    'Usage:',
    `  gabor ${usage} [options]`,
    '',
    'Options:',
    ...columns([...options, HELP].map(optionRow)),
    '',
    examples.length > 1 ? 'Examples:' : 'Example:',
    ...examples.map((example) => `  gabor ${example}`),
  ].join('\n');
}

/** Help of the program. */
export function programHelp(commands: readonly Command[], version: string): string {
  return [
    `gabor ${version}: train and run convolutional networks on WebGPU`,
    '',
    'Usage:',
    '  gabor <command> [options]',
    '',
    'Commands:',
    ...columns(commands.map(({ usage, text }) => [usage, text])),
    '',
    'Options:',
    ...columns([HELP, { flags: '-v, --version', text: 'show the version' }].map(optionRow)),
    '',
    'Example:',
    '  gabor train mnist',
    '',
    '"gabor <command> --help" shows the options of a command.',
    'GABOR_DRIVER=lavapipe|swiftshader|none chooses the driver, GABOR_HELPERS=0 compiles kernels in this process only,',
    'GABOR_DEBUG=1 shows where an error comes from.',
  ].join('\n');
}
