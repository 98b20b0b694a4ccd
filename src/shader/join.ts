/**
 * Two shaders as one, whose first workgroups do the work of the first and the others that of the second: for kernels that
 * are so small that a dispatch costs as much as what it does. Imports preprocess and reflect.
 */
import type { Preprocessed } from './preprocess.ts';
import type { Binding } from './reflect.ts';

export interface Joinable {
  readonly shader: Preprocessed;
  readonly bindings: readonly Binding[];
}

export interface JoinedShader {
  readonly shader: Preprocessed;
  /** What is added to the numbers of the second's bindings. */
  readonly offset: number;
  /** Binding of the uniform with the workgroups of both: x, y, z, 0 of the first and x, y, z, 0 of the second. */
  readonly parts: Binding;
}

interface Entry {
  /** Names of the built-in values, in the order of the parameters. */
  readonly builtins: readonly string[];
  readonly size: string;
}

/** Built-in values that are the same for a part as for the whole, with their types. */
const KEPT: { readonly [name: string]: string } = {
  local_invocation_id: 'vec3u',
  local_invocation_index: 'u32',
  subgroup_invocation_id: 'u32',
  subgroup_size: 'u32',
};

const DIRECTIVE = /^[ \t]*(enable|requires|diagnostic)\b.*$/gm;
const ENTRY = /@compute\s+@workgroup_size\(\s*(\w+)\s*\)\s*fn\s+main\s*\(([^{]*)\)\s*\{/;

const count = (text: string, letter: string): number => text.split(letter).length - 1;

/** Names that a module declares outside of functions, but for its entry point. */
function declared(code: string): Set<string> {
  const names = new Set<string>();
  let depth = 0;
  for (const line of code.split('\n')) {
    const name = /\b(?:fn|struct|const|alias|override|var(?:\s*<[^>]*>)?)\s+([A-Za-z_]\w*)/.exec(line)?.[1];
    if (depth === 0 && name && name !== 'main') names.add(name);
    depth += count(line, '{') - count(line, '}');
  }
  return names;
}

/** The text with each of the names changed, but not members of structs, which may be called like them. */
function renamed(code: string, names: ReadonlySet<string>, suffix: string): string {
  const members = [...code.matchAll(/\bstruct\s+\w+\s*\{[^}]*\}/g)].map(
    (m) => [m.index, m.index + m[0].length] as const,
  );
  const isMember = (at: number, end: number): boolean =>
    members.some(([from, to]) => from < at && at < to) && /^\s*:/.test(code.slice(end));
  const kinds = /\bvar\s*<[^>]*>/g; // `read` of var<storage, read>
  const change = (text: string, start: number): string =>
    text.replace(/(\.\s*)?\b([A-Za-z_]\w*)\b/g, (all, dot: string | undefined, name: string, at: number) =>
      dot || !names.has(name) || isMember(start + at, start + at + all.length) ? all : `${name}${suffix}`,
    );
  let [out, from] = ['', 0];
  for (const m of code.matchAll(kinds)) {
    out += change(code.slice(from, m.index), from) + m[0];
    from = m.index + m[0].length;
  }
  return out + change(code.slice(from), from);
}

/** What the entry point takes, and how large its workgroups are; null where a part cannot be given the same. */
function entryOf(code: string): Entry | null {
  const [, size, parameters] = ENTRY.exec(code) ?? [];
  if (size === undefined || parameters === undefined) return null;
  const value = new RegExp(`\\bconst\\s+${size}\\s*(?::\\s*u32)?\\s*=\\s*(\\d+)`).exec(code)?.[1] ?? size;
  const builtins = [...parameters.matchAll(/@builtin\((\w+)\)/g)].map((m) => m[1]!);
  const known = builtins.every((name) => name in KEPT || name === 'workgroup_id' || name === 'num_workgroups');
  return known && /^\d+u?$/.test(value) ? { builtins, size: Number.parseInt(value, 10).toString() } : null;
}

/** The entry point as a function of that name. Lines stay lines. */
const asFunction = (code: string, name: string): string =>
  code.replace(ENTRY, (text) =>
    text
      .replace(/@compute\s+@workgroup_size\(\s*\w+\s*\)/, '')
      .replace(/\bmain\b/, name)
      .replace(/@builtin\(\w+\)\s*/g, ''),
  );

const withoutDirectives = (code: string): string => code.replace(DIRECTIVE, '');

/** A call of a part as workgroup number `index` of its own. */
function call(name: string, part: string, { builtins }: Entry): string {
  const given = builtins.map((builtin) => {
    if (builtin === 'num_workgroups') return part;
    if (builtin !== 'workgroup_id') return builtin;
    return `vec3u(index % ${part}.x, index / ${part}.x % ${part}.y, index / ${part}.x / ${part}.y)`;
  });
  return `${name}(${given.join(', ')});`;
}

/** The one shader; null where the workgroups differ in size or use memory of their own, or an entry point is of an unknown kind. */
export function joinShaders(first: Joinable, second: Joinable): JoinedShader | null {
  const [a, b] = [first.shader.code, second.shader.code];
  const [one, two] = [entryOf(a), entryOf(b)];
  if (!one || !two || one.size !== two.size || /var\s*<\s*workgroup\s*>/.test(a + b)) return null;
  const offset = Math.max(...first.bindings.map(({ index }) => index)) + 1;
  const index = offset + Math.max(...second.bindings.map((binding) => binding.index)) + 1;
  const other = renamed(b, declared(b), '_second').replace(
    /@binding\(\s*(\d+)\s*\)/g,
    (_, number: string) => `@binding(${Number(number) + offset})`,
  );
  const directives = [...new Set([...a.matchAll(DIRECTIVE), ...b.matchAll(DIRECTIVE)].map((m) => m[0].trim()))].sort(
    (p, q) => Number(q.startsWith('enable')) - Number(p.startsWith('enable')),
  );
  const kept = [...new Set([...one.builtins, ...two.builtins])].filter((name) => name in KEPT);
  const tail = `struct JoinedParts { first: vec3u, second: vec3u }
@group(0) @binding(${index}) var<uniform> joined_parts: JoinedParts;
@compute @workgroup_size(${one.size})
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u${kept.map((name) => `, @builtin(${name}) ${name}: ${KEPT[name]}`).join('')}) {
  var index = wg.y * groups.x + wg.x;
  let first = joined_parts.first;
  let second = joined_parts.second;
  let own = first.x * first.y * first.z;
  if (index < own) {
    ${call('joined_first', 'first', one)}
    return;
  }
  index -= own;
  if (index < second.x * second.y * second.z) { ${call('joined_second', 'second', two)} }
}`;
  const made = (lines: number) => Array.from({ length: lines }, (_, line) => ({ file: '<joined>', line: line + 1 }));
  return {
    shader: {
      code: [
        ...directives,
        asFunction(withoutDirectives(a), 'joined_first'),
        asFunction(withoutDirectives(other), 'joined_second'),
        tail,
      ].join('\n'),
      map: [...made(directives.length), ...first.shader.map, ...second.shader.map, ...made(tail.split('\n').length)],
    },
    offset,
    parts: { name: 'joined_parts', index, access: 'uniform' },
  };
}
