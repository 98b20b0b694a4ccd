/** Reads all sources as text and fails where they leave the rules of the house. May import Node's file system only. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Folder of src -> folders it may import from besides its own. `shaders` is WGSL text. */
const MAY_IMPORT: { readonly [folder: string]: readonly string[] } = {
  util: [],
  graph: ['util'],
  shader: ['graph', 'util'],
  gpu: ['shader', 'shaders', 'util'],
  data: ['util'],
  io: ['util'],
  ops: ['graph', 'shaders', 'util'],
  nn: ['graph', 'ops', 'util'],
  optim: ['graph', 'shaders', 'util'],
  // Of the same row as nn, and on top of it.
  models: ['graph', 'nn', 'ops', 'util'],
  compile: ['graph', 'shader', 'util'],
  runtime: ['compile', 'gpu', 'graph', 'util'],
  train: ['compile', 'data', 'gpu', 'graph', 'io', 'nn', 'ops', 'optim', 'runtime', 'shaders', 'util'],
  // Of the same row as train, and on top of it.
  inspect: ['compile', 'data', 'gpu', 'graph', 'nn', 'ops', 'runtime', 'shaders', 'train', 'util'],
};

/** Of these folders only the types may be imported: folder -> from where. */
const TYPES_ONLY: { readonly [folder: string]: string } = { shader: 'graph', optim: 'graph' };

/** May import everything: the doors of the library and its command line. */
const DOORS = ['cli', 'index.ts'];

/** The only files that touch WebGPU objects; fit.ts and trainer.ts only pass a buffer on. */
const TOUCH_WEBGPU = [
  'src/gpu/compile-helper.ts',
  'src/gpu/device.ts',
  'src/gpu/ledger.ts',
  'src/gpu/node-gpu.ts',
  'src/gpu/pipelines.ts',
  'src/gpu/readback.ts',
  'src/gpu/self-test.ts',
  'src/gpu/warm.ts',
  'src/inspect/inspector-types.ts',
  'src/inspect/monitor.ts',
  'src/runtime/counts.ts',
  'src/runtime/reads.ts',
  'src/runtime/ring.ts',
  'src/runtime/session.ts',
  'src/runtime/timing.ts',
  'src/runtime/work.ts',
  'src/train/engine.ts',
  'src/train/fit.ts',
  'src/train/resident.ts',
  'src/train/trainer.ts',
];

/** Ops without a folder of shaders of their own. */
const NO_SHADERS: { readonly [op: string]: string } = {
  'conv-transpose2d': 'the kernels of conv2d with their parts exchanged',
  'channels-last': 'a view: no kernel',
  reshape: 'a view: no kernel',
};

/** Folders of shaders that belong to no op. */
const NO_OP: { readonly [folder: string]: string } = {
  bench: 'what an adapter can do at most: src/cli/bench/ceiling.ts',
  inspect: 'the tail of a step that is looked at: src/inspect/monitor-plan.ts',
  lib: 'included by others',
  metrics: 'the tail of a plan: src/train/engine.ts',
  optimizer: 'the tail of a plan: src/optim/optimizer.ts',
  'self-test': 'what a device does before kernels may use it: src/gpu/self-test.ts',
};

/** Packages that code outside of the command line imports when a function needs them. */
const DYNAMIC_PACKAGES: { readonly [file: string]: readonly string[] } = {
  'src/gpu/node-gpu.ts': ['webgpu'],
  'src/io/jpeg.ts': ['jpeg-js'],
  'src/io/png.ts': ['fast-png'],
  'src/train/progress-bar.ts': ['cli-progress'],
};

const MOST_LINES = 300;

/** Files that are longer, with a cap. */
const LONG: { readonly [file: string]: number } = {};

function filesUnder(folder: string, suffix: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((name) => name.endsWith(suffix))
    .sort();
}

interface Import {
  readonly from: string;
  readonly typesOnly: boolean;
  readonly dynamic: boolean;
}

interface Source {
  readonly file: string;
  readonly text: string;
  /** Without comments. */
  readonly code: string;
  readonly imports: readonly Import[];
}

// A string is kept, so that `//` in one is no comment.
const withoutComments = (text: string): string =>
  text.replace(/('(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`)|\/\*[\s\S]*?\*\/|\/\/.*$/gm, '$1');

const withoutStrings = (code: string): string =>
  code.replace(/'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g, "''");

function importsOf(code: string): Import[] {
  const found: Import[] = [];
  for (const [, word, clause, from] of code.matchAll(/^(import|export)\s+([^;'"]*?)\s*from\s+'([^']+)'/gm)) {
    const names = /^\{([^}]*)\}$/
      .exec(clause!)?.[1]
      ?.split(',')
      .filter((name) => name.trim() !== '');
    const eachIsType = names?.every((name) => name.trim().startsWith('type ')) ?? false;
    found.push({
      from: from!,
      typesOnly: clause!.startsWith('type ') || (word === 'import' && eachIsType),
      dynamic: false,
    });
  }
  for (const [, from] of code.matchAll(/^import\s+'([^']+)'/gm))
    found.push({ from: from!, typesOnly: false, dynamic: false });
  for (const [, type, from] of code.matchAll(/(typeof\s+)?\bimport\(\s*'([^']+)'\s*\)/g))
    found.push({ from: from!, typesOnly: type !== undefined, dynamic: true });
  return found;
}

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

const sources: Source[] = filesUnder('src', '.ts').map((file) => {
  const text = read(file);
  const code = withoutComments(text);
  return { file, text, code, imports: importsOf(code) };
});

const shaders = filesUnder('shaders', '.wgsl').map((file) => ({ file, text: read(file) }));

const tests = filesUnder('test', '.ts').map((file) => ({ file, text: read(file), code: withoutComments(read(file)) }));

/** `nn` of src/nn/layers.ts; the file's own name for files of src itself. */
const folderOf = (file: string): string => file.split('/')[1]!;

/** The repository path that a relative import names. */
const resolve = (file: string, from: string): string =>
  posix.normalize(posix.join(dirname(file), from.replace(/\?raw$/, '')));

const relative = ({ from }: Import): boolean => from.startsWith('.');

test('the parser of this test sees imports', () => {
  expect(importsOf("import type { A } from './a.ts';\nimport b, {\n  c,\n} from '../b.ts';")).toEqual([
    { from: './a.ts', typesOnly: true, dynamic: false },
    { from: '../b.ts', typesOnly: false, dynamic: false },
  ]);
  expect(importsOf("import { type A, b } from './a.ts';")[0]!.typesOnly).toBe(false);
  expect(importsOf("import { type A, type B } from './a.ts';")[0]!.typesOnly).toBe(true);
  expect(withoutComments("a('//x'); // y\n/* z */b")).toBe("a('//x'); \nb");
  expect(sources.length).toBeGreaterThan(80);
  expect(sources.flatMap(({ imports }) => imports).length).toBeGreaterThan(300);
});

describe('layers', () => {
  test('every folder of src is in the table', () => {
    const known = [...Object.keys(MAY_IMPORT), ...DOORS, 'wgsl.d.ts'];
    expect([...new Set(sources.map(({ file }) => folderOf(file)))].filter((folder) => !known.includes(folder))).toEqual(
      [],
    );
  });

  test('a file imports only from its own folder and from those below', () => {
    const wrong = sources.flatMap(({ file, imports }) => {
      const folder = folderOf(file);
      if (DOORS.includes(folder)) return [];
      return imports.filter(relative).flatMap(({ from, typesOnly }) => {
        const path = resolve(file, from);
        const other = path.startsWith('src/') ? folderOf(path) : path.split('/')[0]!;
        if (other === folder) return [];
        const allowed = MAY_IMPORT[folder]?.includes(other) && (TYPES_ONLY[folder] !== other || typesOnly);
        return allowed ? [] : [`${file} imports ${from}`];
      });
    });
    expect(wrong).toEqual([]);
  });

  test('the table allows nothing that nobody uses', () => {
    const used = new Set(
      sources.flatMap(({ file, imports }) =>
        imports.filter(relative).map(({ from }) => {
          const path = resolve(file, from);
          return `${folderOf(file)} ${path.startsWith('src/') ? folderOf(path) : path.split('/')[0]}`;
        }),
      ),
    );
    const unused = Object.entries(MAY_IMPORT).flatMap(([folder, others]) =>
      others.filter((other) => !used.has(`${folder} ${other}`)).map((other) => `${folder} -> ${other}`),
    );
    expect(unused).toEqual([]);
  });

  test('every relative import names a file that is there', () => {
    const missing = sources.flatMap(({ file, imports }) =>
      imports
        .filter((i) => relative(i) && !existsSync(join(ROOT, resolve(file, i.from))))
        .map(({ from }) => `${file}: ${from}`),
    );
    expect(missing).toEqual([]);
  });

  test('there is no cycle of imports, types left out', () => {
    const graph = new Map(
      sources.map(({ file, imports }) => [
        file,
        imports.filter((i) => relative(i) && !i.typesOnly).map(({ from }) => resolve(file, from)),
      ]),
    );
    expect(cycles(graph)).toEqual([]);
    expect(
      cycles(
        new Map([
          ['a', ['b']],
          ['b', ['c']],
          ['c', ['b']],
        ]),
      ),
    ).toEqual(['b -> c -> b']);
  });

  test('WebGPU objects are touched in few files', () => {
    const webgpu =
      /\bGPU([A-Z]\w+)?\b|\.gpu\b|\.(create(Buffer|BindGroup|CommandEncoder|ComputePipeline|ShaderModule)|writeBuffer|mapAsync)\w*\(/;
    const touching = sources.filter(({ file, code }) => folderOf(file) !== 'cli' && webgpu.test(withoutStrings(code)));
    expect(touching.map(({ file }) => file)).toEqual(TOUCH_WEBGPU);
  });

  test('the passes and the runtime know no op by name', () => {
    const defining =
      /\bdefineOp(?:<[^(]*>)?\(\{\s*name:\s*'(\w+)'|\bdefine(?:Pointwise|Binary)(?:<[^(]*>)?\(\s*'(\w+)'/g;
    const named = sources
      .filter(({ file }) => folderOf(file) === 'ops')
      .flatMap(({ file, code }) => [
        ...[...code.matchAll(defining)].map((m) => m[1] ?? m[2]!),
        ...(file === 'src/ops/index.ts'
          ? [...code.matchAll(/\b[a-z]\w*\b(?=[^{}]*\} from)/g)].map(([name]) => name)
          : []),
      ])
      .filter((name) => name !== 'type');
    expect(named).toEqual(expect.arrayContaining(['conv2d', 'relu', 'add', 'relayout', 'reshape', 'sum']));
    const ops = new Set(named);
    const wrong = sources
      .filter(({ file }) => ['compile', 'runtime'].includes(folderOf(file)))
      .flatMap(({ file, code }) =>
        [...code.matchAll(/'([^'\n]*)'/g)].filter(([, text]) => ops.has(text!)).map(([text]) => `${file}: ${text}`),
      );
    expect(wrong).toEqual([]);
  });

  test('the core imports no package but wgpu-matrix, others only when a function needs them', () => {
    const wrong = sources.flatMap(({ file, imports }) => {
      if (folderOf(file) === 'cli') return [];
      return imports
        .filter((i) => !relative(i) && !i.typesOnly)
        .filter(({ from, dynamic }) =>
          dynamic ? !(from.startsWith('node:') || DYNAMIC_PACKAGES[file]?.includes(from)) : from !== 'wgpu-matrix',
        )
        .map(({ from }) => `${file}: ${from}`);
    });
    expect(wrong).toEqual([]);
  });
});

/** One line for each cycle that a depth-first search closes. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (node: string, path: readonly string[]): void => {
    const at = path.indexOf(node);
    if (at >= 0) found.push([...path.slice(at), node].join(' -> '));
    if (at >= 0 || done.has(node)) return;
    for (const next of graph.get(node) ?? []) visit(next, [...path, node]);
    done.add(node);
  };
  for (const node of graph.keys()) visit(node, []);
  return found;
}

describe('one op, one place', () => {
  const ops = sources
    .filter(({ file, code }) => folderOf(file) === 'ops' && /\bdefineOp[<(]/.test(code))
    .map(({ file }) => posix.basename(file, '.ts'));

  test.each(ops)('%s has its shaders and its test', (op) => {
    expect(existsSync(join(ROOT, 'test/ops', `${op}.test.ts`)), `test/ops/${op}.test.ts`).toBe(true);
    expect(existsSync(join(ROOT, 'shaders', op)), `shaders/${op}`).toBe(!(op in NO_SHADERS));
  });

  test('every folder of shaders belongs to an op or is known', () => {
    const folders = [...new Set(shaders.map(({ file }) => file.split('/')[1]!))];
    expect(folders.filter((folder) => !ops.includes(folder) && !(folder in NO_OP))).toEqual([]);
    expect(Object.keys(NO_OP).filter((folder) => !folders.includes(folder))).toEqual([]);
  });

  test('every shader is imported by somebody, and named as its file is', () => {
    const texts = sources.flatMap(({ file, imports }) =>
      imports.filter(relative).map(({ from }) => resolve(file, from)),
    );
    const used = new Set([
      ...texts,
      ...tests.flatMap(({ file, code }) => importsOf(code).map(({ from }) => resolve(file, from))),
    ]);
    expect(shaders.map(({ file }) => file).filter((file) => !used.has(file))).toEqual([]);
    const names = sources.flatMap(({ code }) =>
      [...code.matchAll(/'([\w-]+\/[\w-]+\.wgsl)'/g)].map((m) => `shaders/${m[1]}`),
    );
    expect(names.filter((name) => !shaders.some(({ file }) => file === name))).toEqual([]);
  });
});

describe('taste', () => {
  test(`files have at most ${MOST_LINES} lines`, () => {
    const long = [...sources, ...shaders].flatMap(({ file, text }) => {
      const lines = text.split('\n').length - 1;
      return lines > (LONG[file] ?? MOST_LINES) ? [`${file}: ${lines}`] : [];
    });
    expect(long).toEqual([]);
  });

  test('every source begins with what it is', () => {
    expect(sources.filter(({ text }) => !/^(#!.*\n)?\/\*\*\s/.test(text)).map(({ file }) => file)).toEqual([]);
    expect(
      shaders.filter(({ text }) => !/^((enable|requires|diagnostic)\b.*\n)*\/\/ /.test(text)).map(({ file }) => file),
    ).toEqual([]);
  });

  test('file names are kebab-case', () => {
    const named = [...sources, ...shaders].map(({ file }) => posix.basename(file));
    expect(named.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*(\.d)?\.(ts|wgsl)$/.test(name))).toEqual([]);
  });

  test('types are not talked out of', () => {
    const talk = [/\bas unknown\s+as\b/, /[:<,|&]\s*any\b\s*[;,)>=|&[\]]/, /\bas any\b/];
    const wrong = [...sources, ...tests].filter(
      ({ code, text }) =>
        talk.some((p) => p.test(withoutStrings(code))) || /@ts-(ignore|nocheck|expect-error)/.test(text),
    );
    expect(wrong.map(({ file }) => file).filter((file) => file !== 'test/architecture.test.ts')).toEqual([]);
  });

  test('no test is left out', () => {
    const wrong = tests.filter(({ code }) => /\b(test|it|describe)(\.\w+)*\.(skip|todo|only|fails)\b/.test(code));
    expect(wrong.map(({ file }) => file)).toEqual([]);
  });

  test('src/index.ts only exports', () => {
    const { code } = sources.find(({ file }) => file === 'src/index.ts')!;
    const statements = code.split(';').map((statement) => statement.trim());
    expect(statements.filter((s) => s !== '' && !/^export\b[\s\S]*\bfrom '[^']+'$/.test(s))).toEqual([]);
  });
});
