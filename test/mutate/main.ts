/**
 * `npm run mutate`: puts small faults into the shaders, one at a time, and asks the tests whether they notice. A shader none
 * of whose faults a named test finds makes it fail. Works on a copy in the system's temporary folder, never on the working
 * tree. Imports its folder and Node's own modules.
 *
 *     npm run mutate                              # two faults a shader and, where it has one, a dropped barrier
 *     npm run mutate -- --shader conv2d           # only of files whose path has this in it
 *     npm run mutate -- --per-shader 10           # more faults; --all: every one
 *     npm run mutate -- --kind barrier --all      # only faults of a kind (mutations.ts has them)
 *     npm run mutate -- --report docs/mutation-report.md
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { requestDevice } from '../../src/gpu/device.ts';
import { Copy } from './copy.ts';
import { reasonOf } from './equivalent.ts';
import { apply, type Mutation } from './mutations.ts';
import { goldensOf, plansOf, type ShaderPlan, testsOf } from './plans.ts';
import { lineOf, type Outcome, reportText, type ShaderOutcome, scoreOf } from './report.ts';

const root = join(import.meta.dirname, '..', '..');

const { values } = parseArgs({
  options: {
    shader: { type: 'string', default: '' },
    'per-shader': { type: 'string', default: '2' },
    all: { type: 'boolean', default: false },
    kind: { type: 'string', default: '' },
    report: { type: 'string' },
  },
});
const perShader = values.all ? Infinity : Number(values['per-shader']);
if (!(perShader >= 1)) throw new Error(`--per-shader is ${values['per-shader']}. Pass a number from 1, or --all.`);

/** Most faults that are tried until a named test finds one. */
const MOST = 10;
const SECONDS = 120;

const print = (line: string): void => void process.stdout.write(`${line}\n`);

/** One fault: its shader's own tests, then the golden data. */
async function judge(copy: Copy, { file, text }: ShaderPlan, mutation: Mutation): Promise<Outcome | null> {
  copy.write(file, apply(text, mutation));
  try {
    const [nearest, ...others] = testsOf(root, file);
    let found = await copy.run([nearest!], { seconds: SECONDS });
    if (found.result === 'invalid') return null;
    if (found.result === 'passed' && others.length > 0) found = await copy.run(others, { seconds: SECONDS });
    const family = goldensOf(file);
    if (found.result === 'passed' && family)
      found = await copy.run(['test/goldens.test.ts'], { seconds: SECONDS, name: `full device ${family}$` });
    const { test } = found;
    const equivalent = reasonOf(file, mutation);
    if (found.result === 'passed' || found.result === 'invalid')
      return { mutation, result: equivalent ? 'equivalent' : 'survived', test, reason: equivalent };
    return { mutation, result: found.result === 'timeout' ? 'timeout' : 'killed', test, reason: null };
  } finally {
    copy.write(file, text);
  }
}

async function judgeShader(copy: Copy, plan: ShaderPlan): Promise<ShaderOutcome> {
  const outcomes: Outcome[] = [];
  const put = async (mutation: Mutation): Promise<void> => {
    const outcome = await judge(copy, plan, mutation);
    if (!outcome) return;
    outcomes.push(outcome);
    print(lineOf(plan.file, outcome));
  };
  const wanted = values.kind === '' || values.kind === 'barrier' ? plan.barriers : [];
  for (const barrier of values.all ? wanted : wanted.slice(0, 1)) await put(barrier);
  const barriers = outcomes.length;
  const named = (): boolean => outcomes.some(({ test }) => test !== null);
  for (const mutation of plan.mutations.filter(({ kind }) => values.kind === '' || kind === values.kind)) {
    const count = outcomes.length - barriers;
    if (count >= perShader && (named() || count >= MOST)) break;
    await put(mutation);
  }
  return { file: plan.file, declares: plan.declares, outcomes };
}

const hasKind = ({ mutations, barriers }: ShaderPlan): boolean =>
  values.kind === '' || [...mutations, ...barriers].some(({ kind }) => kind === values.kind);
const plans = plansOf(root).filter((plan) => plan.file.includes(values.shader) && hasKind(plan));
if (plans.length === 0) throw new Error(`no shader has "${values.shader}" in its path and such a fault.`);
const device = await requestDevice();
const { adapter } = device;
device.dispose();
const copy = new Copy(root);
process.on('exit', () => copy.remove());
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130));

const files = [...new Set(plans.flatMap(({ file }) => testsOf(root, file)))];
print(`${plans.length} shaders, ${files.length} test files. First the tests without a fault.`);
const clean = await copy.run(files, { seconds: 900 });
if (clean.result !== 'passed') throw new Error(`the tests fail without a fault (${clean.test ?? clean.result}).`);
const started = performance.now();
const shaders: ShaderOutcome[] = [];
for (const plan of plans) shaders.push(await judgeShader(copy, plan));
const minutes = (performance.now() - started) / 60_000;
print(scoreOf(shaders));
const command = ['npm run mutate', ...(process.argv.length > 2 ? ['--', ...process.argv.slice(2)] : [])].join(' ');
if (values.report) writeFileSync(join(root, values.report), reportText(shaders, { command, adapter, minutes }));
const unseen = shaders.filter(({ declares, outcomes }) => !declares && !outcomes.some(({ test }) => test !== null));
if (values.kind === '') {
  for (const { file } of unseen) print(`NOT SEEN ${file}: no fault of it is found by a test that can be named`);
  process.exitCode = unseen.length > 0 ? 1 : 0;
}
