/** `npm run bench:peers`: gabor beside other libraries that train. Imports all of this folder, cli/table, vite. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../../src/cli/table.ts';
import { measureNet } from './measure.ts';
import { NETS, netOf } from './nets.ts';
import { PEERS, peersOf } from './peers.ts';
import { markdown, netTable, notes, type Report, type Row } from './report.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const RESULTS = join(ROOT, 'bench', 'results');

const HELP = `npm run bench:peers -- [options]

  --nets <a,b>      ${NETS.join(', ')}; default: all
  --peers <a,b>     ${PEERS.join(', ')}; default: all
  --rounds <N>      rounds, in each of which every peer has its turn; default: 5
  --seconds <S>     of one measurement; default: 2
  --first-steps <N> times that the first step from process start is measured; default: 3
  --threads <N>     threads of PyTorch; default: all cores (${availableParallelism()})
  --quick           1 short round: shows that it works, says nothing about speed
  --json <file>     write everything measured as JSON
  --keep            keep the result, as JSON and Markdown, in bench/results`;

const OPTIONS = {
  nets: { type: 'string' },
  peers: { type: 'string' },
  rounds: { type: 'string' },
  seconds: { type: 'string' },
  'first-steps': { type: 'string' },
  threads: { type: 'string' },
  json: { type: 'string' },
  quick: { type: 'boolean' },
  keep: { type: 'boolean' },
  help: { type: 'boolean' },
} as const;

/** A message for the user. */
class UsageError extends Error {}

/** What the launcher provides. */
export interface Host {
  /** Installs the peers of bench/peers/package.json where they are missing. */
  install(): void;
}

function listOf(text: string | undefined, { all, what }: { all: readonly string[]; what: string }): string[] {
  const names = text === undefined ? [...all] : text.split(',').filter(Boolean);
  const wrong = names.find((name) => !all.includes(name));
  if (wrong !== undefined || names.length === 0)
    throw new UsageError(`${what}: there is no "${wrong ?? ''}". Use ${all.join(', ')}.`);
  return all.filter((name) => names.includes(name));
}

function numberOf(
  text: string | undefined,
  { name, otherwise, min }: { name: string; otherwise: number; min: number },
): number {
  const value = text === undefined ? otherwise : Number(text);
  if (!(value >= min)) throw new UsageError(`--${name} is "${text}". Pass a number from ${min}.`);
  return value;
}

function readOptions(argv: readonly string[]) {
  const { values } = parseArgs({ args: [...argv], options: OPTIONS });
  const { quick = false, keep = false, help = false, json } = values;
  const count = (
    name: 'rounds' | 'seconds' | 'first-steps' | 'threads',
    [normal, short]: [number, number],
    min: number,
  ) => numberOf(values[name], { name, otherwise: quick ? short : normal, min });
  return {
    ...{ quick, keep, help, json },
    nets: listOf(values.nets, { all: NETS, what: '--nets' }),
    peers: listOf(values.peers, { all: PEERS, what: '--peers' }),
    rounds: Math.round(count('rounds', [5, 1], 1)),
    seconds: count('seconds', [2, 0.5], 0.01),
    firstSteps: Math.round(count('first-steps', [3, 1], 0)),
    threads: Math.round(count('threads', [availableParallelism(), availableParallelism()], 1)),
  };
}

/** gabor as its users get it, with the program of its helpers, and its way to WebGPU alone, for the other peers. */
async function buildGabor(folder: string): Promise<void> {
  const { build } = await import('vite');
  const gpu = (name: string): string => join(ROOT, 'src', 'gpu', `${name}.ts`);
  const entry = {
    index: join(ROOT, 'src', 'index.ts'),
    'node-gpu': gpu('node-gpu'),
    'compile-helper': gpu('compile-helper'),
  };
  await build({
    configFile: false,
    root: ROOT,
    logLevel: 'warn',
    build: {
      ...{ target: 'es2022', minify: false, outDir: folder, emptyOutDir: true },
      lib: { entry, formats: ['es'] },
      rolldownOptions: { external: ['webgpu', 'wgpu-matrix', 'cli-progress', /^node:/] },
    },
  });
}

const versionOf = (file: string): string =>
  (JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as { version: string }).version;

function gaborVersion(): string {
  const git = spawnSync('git', ['describe', '--always', '--dirty', '--exclude=*'], { cwd: ROOT, encoding: 'utf8' });
  return [versionOf('package.json'), git.status === 0 && git.stdout.trim()].filter(Boolean).join(' ');
}

function environmentOf(rows: readonly Row[], load: string): { [name: string]: string } {
  const processors = cpus();
  const versions = [...new Set(rows.map(({ version }) => version).filter(Boolean))];
  const adapters = rows.filter(({ adapter }) => adapter).map(({ peer, adapter }) => `${peer}: ${adapter}`);
  return {
    processor: `${processors.length} x ${processors[0]?.model ?? 'unknown'}`,
    'load before': load,
    versions: [
      `Node ${process.versions.node}`,
      `webgpu ${versionOf('node_modules/webgpu/package.json')}`,
      ...versions,
    ].join(', '),
    adapters: [...new Set(adapters)].join('; '),
  };
}

/** The name, with a number behind it where that day's results are kept already. */
function freshName(name: string): string {
  let candidate = name;
  for (let n = 2; existsSync(`${candidate}.json`); n++) candidate = `${name}-${n}`;
  return candidate;
}

function writeReport(report: Report, { json, keep }: { json?: string; keep: boolean }): void {
  const text = `${JSON.stringify(report, null, 1)}\n`;
  if (json !== undefined) writeFileSync(json, text);
  if (!keep) return;
  mkdirSync(RESULTS, { recursive: true });
  const name = freshName(join(RESULTS, `peers-${report.date}${report.quick ? '-quick' : ''}`));
  writeFileSync(`${name}.json`, text);
  writeFileSync(`${name}.md`, markdown(report));
}

async function run(argv: readonly string[], host: Host): Promise<void> {
  const options = readOptions(argv);
  if (options.help) {
    process.stdout.write(`${HELP}\n`);
    return;
  }
  const say = (text: string): void => {
    process.stderr.write(`${text}\n`);
  };
  const load = loadavg()
    .map((value) => value.toFixed(1))
    .join(' ');
  // Inside the project, so that the build finds the packages it imports.
  const build = join(ROOT, 'out', 'bench-peers');
  const peers = peersOf(options.peers, { build, gaborVersion: gaborVersion(), threads: options.threads });
  if (peers.some(({ installed }) => installed)) host.install();
  await buildGabor(build);
  const scratch = mkdtempSync(join(tmpdir(), 'gabor-peers-'));
  const rows: Row[] = [];
  try {
    for (const net of options.nets) {
      const { text, batch } = netOf(net);
      say(`${net}, batch ${batch}: ${text}`);
      rows.push(...(await measureNet(net, peers, { ...options, steps: options.quick ? 6 : 10, scratch, say })));
      process.stdout.write(`\n${net}\n${table(netTable(rows, net))}\n`);
      for (const note of notes(rows, net)) process.stdout.write(`${note}\n`);
      process.stdout.write('\n');
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  const nets = options.nets.map((name): [string, string] => {
    const { text, batch, lr, input } = netOf(name);
    return [name, `${text}; input ${input.join('x')}, batch ${batch}, learning rate ${lr}`];
  });
  const date = new Date().toISOString().slice(0, 10);
  const command = ['npm run bench:peers', ...(argv.length > 0 ? ['--', ...argv] : [])].join(' ');
  const environment = environmentOf(rows, load);
  writeReport({ date, command, quick: options.quick, environment, nets: Object.fromEntries(nets), rows }, options);
}

/** The exit code. */
export async function main(argv: readonly string[], host: Host): Promise<number> {
  try {
    await run(argv, host);
    return 0;
  } catch (error) {
    const usage = error instanceof UsageError || (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS');
    if (!usage) throw error;
    process.stderr.write(`${(error as Error).message}\n`);
    return 1;
  }
}
