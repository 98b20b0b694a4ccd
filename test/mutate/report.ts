/** What `npm run mutate` prints and writes down. Imports types and mutations. */
import type { AdapterInfo } from '../../src/gpu/device.ts';
import { KINDS, type Kind, type Mutation } from './mutations.ts';

export interface Outcome {
  readonly mutation: Mutation;
  readonly result: 'killed' | 'timeout' | 'survived' | 'equivalent';
  /** The test that found it. */
  readonly test: string | null;
  /** Why it changes nothing. */
  readonly reason: string | null;
}

export interface ShaderOutcome {
  readonly file: string;
  readonly declares: boolean;
  readonly outcomes: readonly Outcome[];
}

/** One fault: what was changed, and who noticed. */
export function lineOf(file: string, { mutation, result, test, reason }: Outcome): string {
  const { kind, line, before, after } = mutation;
  const head = `${result.padEnd(10)} ${file}:${line} ${kind}${test ? `   ${test}` : ''}${reason ? `   ${reason}` : ''}`;
  return result === 'killed' ? head : `${head}\n             - ${before}\n             + ${after}`;
}

const all = (shaders: readonly ShaderOutcome[]): Outcome[] => shaders.flatMap(({ outcomes }) => outcomes);

const count = (outcomes: readonly Outcome[], ...results: readonly Outcome['result'][]): number =>
  outcomes.filter(({ result }) => results.includes(result)).length;

export function scoreOf(shaders: readonly ShaderOutcome[]): string {
  const outcomes = all(shaders);
  return `${outcomes.length} faults in ${shaders.length} shaders: ${count(outcomes, 'killed', 'timeout')} found, ${count(outcomes, 'survived')} not, ${count(outcomes, 'equivalent')} change nothing`;
}

const cell = (text: string): string => text.replaceAll('|', '\\|');

function kindTable(outcomes: readonly Outcome[]): string[] {
  const rows = (Object.keys(KINDS) as Kind[]).map((kind) => {
    const of = outcomes.filter(({ mutation }) => mutation.kind === kind);
    return `| ${kind} | ${KINDS[kind]} | ${of.length} | ${count(of, 'killed', 'timeout')} |`;
  });
  return ['| kind | fault | tried | found |', '|---|---|---|---|', ...rows];
}

function shaderTable(shaders: readonly ShaderOutcome[]): string[] {
  const rows = shaders.map(({ file, declares, outcomes }) => {
    const by = outcomes.find(({ test }) => test !== null)?.test;
    const name = declares ? 'declarations only: nothing to change' : (by ?? '**none**');
    return `| ${file.replace('shaders/', '')} | ${outcomes.length} | ${count(outcomes, 'killed', 'timeout')} | ${cell(name)} |`;
  });
  return ['| shader | faults | found | by, for instance |', '|---|---|---|---|', ...rows];
}

function rest(shaders: readonly ShaderOutcome[], results: readonly Outcome['result'][]): string[] {
  return shaders.flatMap(({ file, outcomes }) =>
    outcomes
      .filter(({ result }) => results.includes(result))
      .map(({ mutation: { kind, line, before, after }, reason }) => {
        const change = after === '' ? `without \`${before}\`` : `\`${before}\` as \`${after}\``;
        return `- ${file}:${line}, ${kind}: ${change}${reason ? `. ${reason}` : ''}`;
      }),
  );
}

export interface Circumstances {
  readonly command: string;
  readonly adapter: AdapterInfo;
  readonly minutes: number;
}

/** The report as Markdown. */
export function reportText(shaders: readonly ShaderOutcome[], { command, adapter, minutes }: Circumstances): string {
  const outcomes = all(shaders);
  const barriers = outcomes.filter(({ mutation }) => mutation.kind === 'barrier');
  const date = new Date().toISOString().slice(0, 10);
  return `${[
    '# Mutation report',
    '',
    `Small faults are put into the shaders, one at a time, and the tests must notice. \`${command}\`, ${date}, on`,
    `${adapter.name} (${adapter.driver}), Node ${process.versions.node}, ${minutes.toFixed(0)} minutes.`,
    '',
    `**${scoreOf(shaders)}.**`,
    '',
    ...kindTable(outcomes),
    '',
    '## Barriers',
    '',
    `Of ${barriers.length} dropped barriers ${count(barriers, 'killed', 'timeout')} were found. A software driver runs a workgroup in pieces of one`,
    'subgroup, one after another up to the next barrier, and the threads of a piece in step. So a barrier is missed where a',
    'thread reads what a later piece writes; where threads read only what their own or an earlier piece wrote, dropping it',
    'changes nothing there, and would on a GPU. A survivor is no proof that a barrier is of no use. Workgroups of the tests',
    'are larger than the subgroups of lavapipe (8 threads) and SwiftShader (4), which is why most are found.',
    '',
    '## Shaders',
    '',
    ...shaderTable(shaders),
    '',
    '## Not found',
    '',
    ...rest(shaders, ['survived']),
    '',
    '## Change nothing',
    '',
    ...rest(shaders, ['equivalent']),
  ]
    .join('\n')
    .trimEnd()}\n`;
}
