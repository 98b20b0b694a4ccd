/** A peer's process: asked one thing at a time, through JSON lines. Imports Node's own modules only. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export interface ChildCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: { readonly [name: string]: string };
}

/** Thrown where a peer fails; the message is its own. */
export class PeerError extends Error {
  override name = 'PeerError';
}

const MARK = '@peer ';

/** Lines of stderr that may say why a process ended. */
const TAIL = 20;

export class Child {
  #process: ChildProcess;
  #answers: unknown[] = [];
  #errors: string[] = [];
  #ended = false;
  #wake: () => void = () => {};

  constructor({ command, args, env }: ChildCommand) {
    this.#process = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#process.stdin?.on('error', () => {}); // it has ended: `receive` says so
    this.#process.on('error', (error) => this.#end(error.message));
    this.#process.on('close', (code, signal) => this.#end(`ended with ${signal ?? `code ${code}`}`));
    createInterface(this.#process.stdout!).on('line', (line) => {
      if (!line.startsWith(MARK)) return;
      this.#answers.push(JSON.parse(line.slice(MARK.length)));
      this.#wake();
    });
    createInterface(this.#process.stderr!).on('line', (line) => {
      this.#errors = [...this.#errors, line].slice(-TAIL);
    });
  }

  #end(reason: string): void {
    if (!this.#ended) this.#errors.push(reason);
    this.#ended = true;
    this.#wake();
  }

  /** What the process says next. */
  async receive<T>(minutes: number): Promise<T> {
    const timer = setTimeout(() => {
      this.#errors.push(`no answer in ${minutes} minutes`);
      this.#process.kill('SIGKILL');
    }, minutes * 60_000);
    try {
      while (this.#answers.length === 0) {
        if (this.#ended) throw new PeerError(this.#reason());
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
    const answer = this.#answers.shift() as T | { readonly error: string };
    if (typeof answer === 'object' && answer !== null && 'error' in answer) throw new PeerError(answer.error);
    return answer as T;
  }

  #reason(): string {
    const named = this.#errors.findLast((line) => /error/i.test(line));
    return [named, this.#errors.at(-1)].filter(Boolean).join('; ').slice(0, 300);
  }

  ask<T>(message: object, minutes = 10): Promise<T> {
    this.#process.stdin?.write(`${JSON.stringify(message)}\n`);
    return this.receive<T>(minutes);
  }

  /** Ends it and waits until it is gone. */
  async end(): Promise<void> {
    this.#process.stdin?.end();
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), 3000);
    while (!this.#ended)
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    clearTimeout(timer);
  }
}
