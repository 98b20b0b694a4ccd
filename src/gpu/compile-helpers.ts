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
const LEAST = 6;

/** Milliseconds without an answer after which a helper is given up. */
const PATIENCE = 60_000;

/** Bytes of the list of known kernels beyond which it is begun anew. */
const LONGEST_LIST = 1 << 20;

type Helper = ChildProcessByStdio<Writable, Readable, null>;

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

/** Runs one helper until the queue is empty or it ends; `onDone` after each of its kernels. */
function runHelper(program: readonly string[], queue: Job[], onDone: (job: Job) => void): Promise<void> {
  const { spawn } = process.getBuiltinModule('node:child_process');
  const { createInterface } = process.getBuiltinModule('node:readline');
  return new Promise((resolve) => {
    const child: Helper = spawn(process.execPath, program, { stdio: ['pipe', 'pipe', 'ignore'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE);
    const end = (): void => {
      clearTimeout(timer);
      resolve();
    };
    child.on('error', end);
    child.on('close', end);
    child.stdin.on('error', () => {}); // it has ended: 'close' follows
    let job: Job | undefined;
    createInterface(child.stdout).on('line', () => {
      timer.refresh();
      if (job) onDone(job);
      job = queue.shift();
      if (job) child.stdin.write(`${JSON.stringify(job.request)}\n`);
      else child.stdin.end();
    });
  });
}

export function createCompileHelpers({ count, device, driver, onProgress }: HelperOptions): CompileHelpers | null {
  const program = count > 0 && canBeHelped(driver) ? helperArguments() : null;
  if (!program) return null;
  let known: KnownKernels | undefined;
  let waiting = new Map<string, { job: Job; release: () => void; done: Promise<void> }>();
  const idOf = ({ code, bindings }: CompileRequest): string => {
    const hash = process.getBuiltinModule('node:crypto').createHash('sha1');
    return hash.update(JSON.stringify([driver, device, code, bindings])).digest('base64url');
  };
  const compile = async (jobs: readonly Job[]): Promise<void> => {
    // Long texts first, so that the helpers end together.
    const queue = [...jobs].sort((a, b) => b.request.code.length - a.request.code.length);
    const done: string[] = [];
    const onDone = ({ id }: Job): void => {
      done.push(id);
      onProgress?.({ ready: done.length, kernels: jobs.length });
    };
    const helpers = Math.min(count, Math.floor(queue.length / 2));
    const all = [...program, JSON.stringify(device)];
    await Promise.all(Array.from({ length: helpers }, () => runHelper(all, queue, onDone)));
    known?.add(done);
  };
  /** All that was asked for in the same turn of the event loop goes together. */
  const flush = async (): Promise<void> => {
    const group = [...waiting.values()];
    waiting = new Map();
    if (group.length >= LEAST) await compile(group.map(({ job }) => job)).catch(() => {});
    for (const { release } of group) release();
  };
  return {
    compiled(request) {
      known ??= new KnownKernels();
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
