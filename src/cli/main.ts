#!/usr/bin/env node
/** The program: connects the command line with the process. Imports cli/program. */
import { run } from './program.ts';

const EXIT_INTERRUPTED = 130;

/** The first SIGINT or SIGTERM aborts the signal, the second ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  const stop = (): void => {
    if (controller.signal.aborted) process.exit(EXIT_INTERRUPTED);
    process.stderr.write('\nstopping after this step; once more to stop at once\n');
    controller.abort();
  };
  process.on('SIGINT', stop).on('SIGTERM', stop);
  return controller.signal;
}

// A reader that has seen enough (head, less) closes the pipe: no error of ours.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const terminal = process.stderr.isTTY === true;
process.exitCode = await run(process.argv.slice(2), {
  print: (text) => process.stdout.write(`${text}\n`),
  error: (text) => process.stderr.write(`${text}\n`),
  color: terminal && !process.env.NO_COLOR,
  terminal,
  program: process.env.GABOR_PROGRAM,
  interruption,
});
