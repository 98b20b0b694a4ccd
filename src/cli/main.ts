#!/usr/bin/env node
/** The program: connects the command line with the process. Imports cli/program. */
import { run } from './program.ts';

const EXIT_INTERRUPTED = 130;

/** npm passes the terminal's Ctrl-C on, so that one press arrives twice; nobody presses it twice so quickly. */
const ONE_PRESS_MS = 400;

/** The first SIGINT or SIGTERM aborts the signal, the second ends the process. */
function interruption(): AbortSignal {
  const controller = new AbortController();
  let first = 0;
  const stop = (): void => {
    const now = performance.now();
    if (controller.signal.aborted) {
      if (now - first > ONE_PRESS_MS) process.exit(EXIT_INTERRUPTED);
      return;
    }
    first = now;
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
