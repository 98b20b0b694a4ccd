/**
 * Processes that compile kernels ahead, for a driver that compiles one at a time and keeps the result in files (lavapipe in
 * Node): several together are faster, and the memory that its compiler took goes with them. Where they cannot run, the
 * device compiles by itself. Imports cache-folder, types of gpu; Node's modules are reached inside the functions only.
 */
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { cacheHome, gaborCache } from './cache-folder.ts';
import type { DeviceOptions } from './device.ts';
import type { CompileRequest } from './pipelines.ts';

/** Kernels that are ready, of all that are compiled together. */
export interface CompileProgress {
  readonly ready: number;
  readonly kernels: number;
}

/** What the device of a helper has in common with the one it helps. */
type HelperDevice = Pick<DeviceOptions, 'powerPreference' | 'limits' | 'without'>;

export interface HelperOptions {
  /** Processes at most. */
  readonly count: number;
  readonly device: HelperDevice;
  /** What compiled kernels depend on besides their text: the adapter and its driver. */
  readonly driver: string;
  readonly onProgress?: ((progress: CompileProgress) => void) | undefined;
}

export interface CompileHelpers {
  /** Resolves when the driver will find the kernel compiled, or when nobody helps. Never rejects. */
  compiled(request: CompileRequest): Promise<void>;
}

/** Fewer new kernels compile sooner than a process starts. */
const LEAST = 3;

/** Milliseconds without an answer after which a helper is given up. */
const PATIENCE = 60_000;

/** Milliseconds that a helper waits for its first kernel. */
const IDLE = 10_000;

/** Bytes of the list of known kernels beyond which it is begun anew. */
const LONGEST_LIST = 1 << 20;

interface Job {
  readonly id: string;
  readonly request: CompileRequest;
}

/** Node itself: what Electron and others have as their executable is no Node to start. */
function isPlainNode(): boolean {
  if (typeof process === 'undefined' || process.release?.name !== 'node') return false;
  return !['electron', 'bun', 'deno'].some((name) => name in process.versions);
}

/** So many processes pay: one for each core, at most four; none where there is only one core. */
export function usualHelpers(): number {
  if (!isPlainNode()) return 0;
  const { GABOR_HELPERS } = process.env;
  if (GABOR_HELPERS !== undefined && /^\d+$/.test(GABOR_HELPERS)) return Number(GABOR_HELPERS);
  const cores = process.getBuiltinModule('node:os').availableParallelism();
  return cores > 1 ? Math.min(cores, 4) : 0;
}

/** Whether the driver is one that is helped: lavapipe with its cache of compiled kernels. */
export const canBeHelped = (driver: string): boolean =>
  /llvmpipe/.test(driver) && !/^(1|true|yes)$/i.test(process.env.MESA_SHADER_CACHE_DISABLE ?? '');

/** What Node needs to run the source: TypeScript, and shaders as text. */
const sourceHooks = (): string[] => [
  ...['--import', import.meta.resolve('tsx')],
  ...['--import', new URL('../../scripts/wgsl-hook.mjs', /* @vite-ignore */ import.meta.url).href],
];

/** Arguments of Node for a helper: the built program, or its source; null where neither is. */
function helperArguments(): string[] | null {
  const { existsSync } = process.getBuiltinModule('node:fs');
  const { fileURLToPath } = process.getBuiltinModule('node:url');
  try {
    for (const name of ['./compile-helper.ts', './compile-helper.js', '../compile-helper.js']) {
      const file = fileURLToPath(new URL(name, /* @vite-ignore */ import.meta.url));
      if (existsSync(file)) return [...(file.endsWith('.ts') ? sourceHooks() : []), file];
    }
  } catch {
    // Bundled into something that lies in no file, or without the loader.
  }
  return null;
}

/** The folder that Mesa keeps compiled kernels in (https://docs.mesa3d.org/envvars.html): number and birth; 0: there is none yet. */
function driverCache(): string {
  const path = process.getBuiltinModule('node:path');
  const folder = process.env.MESA_SHADER_CACHE_DIR || cacheHome();
  for (const name of ['mesa_shader_cache_db', 'mesa_shader_cache'])
    try {
      const { ino, birthtimeMs } = process.getBuiltinModule('node:fs').statSync(path.join(folder, name));
      return `${ino}-${birthtimeMs}`;
    } catch {
      // not there, or not to be read
    }
  return '0';
}

/**
 * Kernels that were compiled before, in a file beside the tuner's. A line names a kernel and the driver's cache that it went
 * to; another cache, or one that was emptied, is another folder.
 */
class KnownKernels {
  #file = process.getBuiltinModule('node:path').join(gaborCache(), 'compiled-kernels.txt');
  #place = driverCache();
  #lines = new Set<string>();

  constructor() {
    const fs = process.getBuiltinModule('node:fs');
    try {
      if (fs.statSync(this.#file).size > LONGEST_LIST) fs.rmSync(this.#file);
      this.#lines = new Set(fs.readFileSync(this.#file, 'utf8').split('\n'));
    } catch {
      // There is none yet.
    }
  }

  /** Whether nothing that is known lies in the driver's cache as it is now. */
  get isEmpty(): boolean {
    return ![...this.#lines].some((line) => line.endsWith(` ${this.#place}`));
  }

  has(id: string): boolean {
    return this.#lines.has(`${id} ${this.#place}`);
  }

  add(ids: readonly string[]): void {
    const fs = process.getBuiltinModule('node:fs');
    this.#place = driverCache(); // which the first kernels may have made
    const lines = ids.map((id) => `${id} ${this.#place}`);
    for (const line of lines) this.#lines.add(line);
    try {
      fs.mkdirSync(gaborCache(), { recursive: true });
      fs.appendFileSync(this.#file, lines.map((line) => `${line}\n`).join(''));
    } catch {
      // No place for it: the next process starts helpers that find everything compiled.
    }
  }
}

/** A process that compiles one kernel after another. Nothing waits for it to end, and it does not keep this one alive while idle. */
class Helper {
  #child: ChildProcessByStdio<Writable, Readable, null>;
  #timer: NodeJS.Timeout;
  #answer: ((compiled: boolean) => void) | undefined;
  #ended = false;

  constructor(program: readonly string[]) {
    const { spawn } = process.getBuiltinModule('node:child_process');
    const { createInterface } = process.getBuiltinModule('node:readline');
    this.#child = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'ignore'] });
    this.#timer = setTimeout(() => this.end(), IDLE).unref();
    this.#child.on('error', () => this.#close());
    this.#child.on('close', () => this.#close());
    this.#child.stdin.on('error', () => {}); // it has ended: 'close' follows
    createInterface(this.#child.stdout).on('line', () => this.#settle(true));
    this.#hold('unref');
  }

  #hold(how: 'ref' | 'unref'): void {
    const { Socket } = process.getBuiltinModule('node:net');
    this.#child[how]();
    for (const stream of [this.#child.stdin, this.#child.stdout]) if (stream instanceof Socket) stream[how]();
  }

  #settle(compiled: boolean): void {
    const answer = this.#answer;
    this.#answer = undefined;
    clearTimeout(this.#timer);
    answer?.(compiled);
  }

  #close(): void {
    this.#ended = true;
    this.#settle(false);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Whether it did; false when the process has ended. One at a time. */
  compile(request: CompileRequest): Promise<boolean> {
    if (this.#ended) return Promise.resolve(false);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#child.kill('SIGKILL'), PATIENCE);
    this.#hold('ref');
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#child.stdin.write(`${JSON.stringify(request)}\n`);
    });
  }

  /** Lets it end by itself. */
  end(): void {
    this.#ended = true;
    clearTimeout(this.#timer);
    this.#child.stdin.end();
    this.#hold('unref');
  }
}

/** Has a helper compile from the queue until that is empty, or the helper has ended. */
async function work(helper: Helper, queue: Job[], onDone: (job: Job) => void): Promise<void> {
  for (let job = queue.shift(); job; job = queue.shift()) {
    if (!(await helper.compile(job.request))) return;
    onDone(job);
  }
  helper.end();
}

/** Null where nobody can help. Where the driver has no kernel yet, the processes start at once: they are ready when they are needed. */
export function createCompileHelpers({ count, device, driver, onProgress }: HelperOptions): CompileHelpers | null {
  const program = count > 0 && canBeHelped(driver) ? helperArguments() : null;
  if (!program) return null;
  const known = new KnownKernels();
  const start = (): Helper => new Helper([...program, JSON.stringify(device)]);
  const idle = known.isEmpty ? Array.from({ length: count }, start) : [];
  let waiting = new Map<string, { job: Job; release: () => void; done: Promise<void> }>();
  const idOf = ({ code, bindings }: CompileRequest): string => {
    const hash = process.getBuiltinModule('node:crypto').createHash('sha1');
    return hash.update(JSON.stringify([driver, device, code, bindings])).digest('base64url');
  };
  const compile = async (jobs: readonly Job[], onDone: (job: Job) => void): Promise<void> => {
    // Long texts first, so that the helpers end together.
    const queue = [...jobs].sort((a, b) => b.request.code.length - a.request.code.length);
    const done: string[] = [];
    // Those that have waited too long have ended.
    const ready = idle.splice(0).filter((helper) => !helper.ended);
    const helpers = Array.from({ length: Math.min(count, Math.floor(jobs.length / 2)) }, () => ready.pop() ?? start());
    for (const helper of ready) helper.end();
    const each = (job: Job): void => {
      done.push(job.id);
      onProgress?.({ ready: done.length, kernels: jobs.length });
      onDone(job);
    };
    await Promise.all(helpers.map((helper) => work(helper, queue, each)));
    known.add(done);
  };
  /** All that was asked for in the same turn of the event loop goes together. */
  const flush = async (): Promise<void> => {
    const group = waiting;
    waiting = new Map();
    const jobs = [...group.values()].map(({ job }) => job);
    if (jobs.length >= LEAST) await compile(jobs, ({ id }) => group.get(id)?.release()).catch(() => {});
    for (const { release } of group.values()) release();
  };
  return {
    compiled(request) {
      const id = idOf(request);
      if (known.has(id)) return Promise.resolve();
      const same = waiting.get(id);
      if (same) return same.done;
      if (waiting.size === 0) setImmediate(flush);
      let release = (): void => {};
      const done = new Promise<void>((resolve) => {
        release = resolve;
      });
      waiting.set(id, { job: { id, request }, release, done });
      return done;
    },
  };
}
