/** The WGSL preprocessor: every directive, what they do to line numbers, and what is said where one is wrong. No GPU. */
import { describe, expect, test } from 'vitest';
import { preprocess, type ShaderOptions } from '../../src/shader/preprocess.ts';
import { ShaderError } from '../../src/util/errors.ts';

const run = (text: string, options: ShaderOptions = {}, includes: Record<string, string> = {}) =>
  preprocess({ file: 'a.wgsl', text, includes }, options);

const code = (text: string, options: ShaderOptions = {}, includes: Record<string, string> = {}): string =>
  run(text, options, includes).code;

const error = (text: string, options: ShaderOptions = {}): string => {
  try {
    run(text, options);
  } catch (e) {
    if (e instanceof ShaderError) return e.message;
    throw e;
  }
  throw new Error('no error');
};

describe('#if', () => {
  const chain = '//#if A\na\n//#elif B==two\nb\n//#else\nc\n//#endif\nend';

  test.each([
    [{ A: true, B: 'one' }, 'a\nend'],
    [{ A: false, B: 'two' }, 'b\nend'],
    [{ A: false, B: 'one' }, 'c\nend'],
    [{ A: 0, B: 'two' }, 'const A = 0;\nb\nend'],
    [{ A: 2, B: 'two' }, 'const A = 2;\na\nend'],
  ])('%j', (defines, expected) => {
    expect(code(chain, { defines })).toBe(expected);
  });

  test.each([
    ['!A', { A: false }, true],
    ['!A', { A: true }, false],
    ['! A', { A: false }, true],
    ['A==4', { A: 4 }, true],
    ['A == 4', { A: 4 }, true],
    ['A!=4', { A: 4 }, false],
    ['A!=relu', { A: 'none' }, true],
    ['A==true', { A: true }, true],
  ])('condition %s with %j', (condition, defines, holds) => {
    expect(code(`//#if ${condition}\nyes\n//#endif`, { defines }).includes('yes')).toBe(holds);
  });

  test('nests, and what is not taken is not read', () => {
    const text = `//#if A\n//#if B\nab\n//#else\na\n//#endif\n//#else\n//#if UNKNOWN\n//#slot\n//#endif\n\${WRONG}\n//#endif`;
    expect(code(text, { defines: { A: true, B: false } })).toBe('a');
    expect(code(text, { defines: { A: true, B: true } })).toBe('ab');
  });

  test.each([
    ['//#if A\nx', {}, 'a.wgsl:1: #if is not closed. Add //#endif.'],
    ['x\n//#if A\n//#if A\n//#endif', { A: true }, 'a.wgsl:2: #if is not closed. Add //#endif.'],
    ['//#if A\n//#endif', {}, "a.wgsl:1: define 'A' is not given. Pass it in the variant's defines."],
    [
      '\n//#if A>1\n//#endif',
      { A: 1 },
      "a.wgsl:2: cannot read the condition 'A>1'. Use NAME, !NAME, NAME==value or NAME!=value.",
    ],
    ['//#if\n//#endif', {}, "a.wgsl:1: cannot read the condition ''. Use NAME, !NAME, NAME==value or NAME!=value."],
    ['x\n//#endif', {}, 'a.wgsl:2: #endif without its opening line.'],
    ['//#else', {}, 'a.wgsl:1: #else without its opening line.'],
    ['//#elif A', {}, 'a.wgsl:1: #elif without its opening line.'],
    ['//#endfor', {}, 'a.wgsl:1: #endfor without its opening line.'],
  ])('%j is refused', (text, defines, message) => {
    expect(error(text, { defines: defines as ShaderOptions['defines'] })).toBe(message);
  });
});

describe('#for', () => {
  test('repeats the lines with the variable replaced', () => {
    expect(code(`//#for R 0 3\nlet a$R = b[\${R*4+1}];\n//#endfor`)).toBe(
      'let a0 = b[1];\nlet a1 = b[5];\nlet a2 = b[9];',
    );
  });

  test('the bounds are expressions; an empty range gives nothing', () => {
    expect(code('//#for R TM/4 TM-1\n$R\n//#endfor', { defines: { TM: 4 } })).toBe('const TM = 4;\n1\n2');
    expect(code('//#for R 2 2\n$R\n//#endfor\n//#for R 3 1\n$R\n//#endfor\nend')).toBe('end');
  });

  test('loops nest; the inner bound may use the outer variable; conditions may stand inside', () => {
    const text = '//#for R 0 3\n//#for C 0 R\n$R,$C\n//#endfor\n//#if LAST\nend $R\n//#endif\n//#endfor';
    expect(code(text, { defines: { LAST: true } })).toBe('end 0\n1,0\nend 1\n2,0\n2,1\nend 2');
    expect(code('//#if A\n//#for R 0 2\n$R\n//#endfor\n//#endif', { defines: { A: true } })).toBe('0\n1');
  });

  test('names end where capital letters, digits and underscores do', () => {
    expect(code(`//#for R 0 1\nx$R: y_\${R}z $R;\n//#endfor`)).toBe('x0: y_0z 0;');
  });

  test.each([
    ['//#for R 0\n//#endfor', "a.wgsl:1: cannot read '#for R 0'. Write //#for NAME first end."],
    ['//#for R 0 2', 'a.wgsl:1: #for is not closed. Add //#endfor.'],
    [
      '//#for R 0 N\n//#endfor',
      "a.wgsl:1: 'N' is not known in 'N'. Use integers, defines, loop variables and + - * / % << >> &.",
    ],
    [
      '//#for R 0 1\n$C\n//#endfor',
      "a.wgsl:2: 'C' is not known in 'C'. Use integers, defines, loop variables and + - * / % << >> &.",
    ],
    [
      '//#for R 0 1\n//#endfor\n$R',
      "a.wgsl:3: 'R' is not known in 'R'. Use integers, defines, loop variables and + - * / % << >> &.",
    ],
    [`\${R+}`, "a.wgsl:1: 'R' is not known in 'R+'. Use integers, defines, loop variables and + - * / % << >> &."],
  ])('%j is refused', (text, message) => {
    expect(error(text)).toBe(message);
  });
});

describe('#include', () => {
  const includes = {
    'lib/a.wgsl': '//#include "lib/b.wgsl"\nfn a() {}',
    'lib/b.wgsl': '//#include "lib/a.wgsl"\nfn b() {}',
  };

  test('puts each file once, even in a circle', () => {
    expect(code('//#include "lib/a.wgsl"\n//#include "lib/b.wgsl"\nmain', {}, includes)).toBe(
      'fn b() {}\nfn a() {}\nmain',
    );
  });

  test('the included file has directives too', () => {
    const lib = { 'lib/c.wgsl': '//#if A\nyes\n//#endif\n//#body' };
    expect(code('//#include "lib/c.wgsl"', { defines: { A: true }, slots: { body: 'slot' } }, lib)).toBe('yes\nslot');
  });

  test('a file that is not given, and an error inside one', () => {
    expect(error('x\n//#include "lib/z.wgsl"')).toBe(
      "a.wgsl:2: no file 'lib/z.wgsl' is given. Add it to the shader's includes.",
    );
    expect(() => run('//#include "lib/c.wgsl"', {}, { 'lib/c.wgsl': 'x\n//#endif' })).toThrow(
      'lib/c.wgsl:2: #endif without',
    );
  });
});

describe('slots', () => {
  test('take the text as it is', () => {
    expect(code('  //#function\nmain', { slots: { function: 'fn f() {\n  return $R;\n}' } })).toBe(
      'fn f() {\n  return $R;\n}\nmain',
    );
    expect(code('//#a\n//#a', { slots: { a: 'x' } })).toBe('x\nx');
    expect(code('a\n//#empty\nb', { slots: { empty: '' } })).toBe('a\n\nb');
  });

  test('a slot that is missing or not used is an error', () => {
    expect(error('x\n//#function')).toBe("a.wgsl:2: slot 'function' is not given. Pass it in the variant's slots.");
    expect(error('x', { slots: { f: 'y' } })).toBe(
      "a.wgsl: slot 'f' is given but not used. Remove it from the variant.",
    );
  });
});

describe('constants', () => {
  test('numbers become constants, others do not', () => {
    expect(code('x', { defines: { A: 3, B: 0.5, C: true, D: 'relu', E: -2 } })).toBe(
      'const A = 3;\nconst B = 5e-1;\nconst E = -2;\nx',
    );
  });

  test('come after enable, requires and diagnostic', () => {
    expect(code('enable f16;\nrequires a;\ndiagnostic(off, b);\nx', { defines: { A: 3 } })).toBe(
      'enable f16;\nrequires a;\ndiagnostic(off, b);\nconst A = 3;\nx',
    );
  });

  test('come after a directive that is conditional', () => {
    const text = '//#if HALF\nenable f16;\n//#endif\nx';
    expect(code(text, { defines: { HALF: true, A: 3 } })).toBe('enable f16;\nconst A = 3;\nx');
    expect(code(text, { defines: { HALF: false, A: 3 } })).toBe('const A = 3;\nx');
  });
});

test('comments are left out, so that they may speak of $R', () => {
  expect(code('// $R and ${\nx // y\n  // z')).toBe('x // y');
});

test('lines that end with a carriage return', () => {
  expect(code('//#if A\r\nx\r\n//#endif\r', { defines: { A: true } }).trim()).toBe('x');
});

test('every line of the code knows where it came from', () => {
  const text = '// comment\n//#include "lib/b.wgsl"\n//#for R 0 2\na$R\n//#endfor\n//#slot\nend';
  const { code: out, map } = run(text, { defines: { N: 1, M: 2 }, slots: { slot: 's\nt' } }, { 'lib/b.wgsl': '\n\nb' });
  const lines = out.split('\n').map((line, i) => `${line} <- ${map[i]!.file}:${map[i]!.line}`);
  expect(lines).toEqual([
    'const N = 1; <- <defines>:1',
    'const M = 2; <- <defines>:1',
    ' <- lib/b.wgsl:1',
    ' <- lib/b.wgsl:2',
    'b <- lib/b.wgsl:3',
    'a0 <- a.wgsl:4',
    'a1 <- a.wgsl:4',
    's <- <slot slot>:1',
    't <- <slot slot>:1',
    'end <- a.wgsl:7',
  ]);
  expect(map).toHaveLength(lines.length);
});
