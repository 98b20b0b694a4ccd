/** `shader`: what own kernels may include. */
import { expect, test } from 'vitest';
import { shader } from '../../src/ops/own-shader.ts';
import { preprocess } from '../../src/shader/preprocess.ts';

test("includes gabor's files and your own, those of includes too, and no others", () => {
  const made = shader({
    file: 'my/a.wgsl',
    text: '//#include "my/b.wgsl"\n  //#include lib/linear-id.wgsl\nfn main() {}',
    includes: { 'my/b.wgsl': '// b\n//#include "lib/math.wgsl"\nfn b() {}', 'my/unused.wgsl': '' },
  });
  expect(Object.keys(made.includes).sort()).toEqual(['lib/linear-id.wgsl', 'lib/math.wgsl', 'my/b.wgsl']);
  const { code } = preprocess(made);
  for (const name of ['linear_group', 'tanh_exact', 'b', 'main']) expect(code).toContain(`fn ${name}(`);
});

test('your own file goes before one of the same name', () => {
  const made = shader({
    file: 'a.wgsl',
    text: '//#include "lib/math.wgsl"',
    includes: { 'lib/math.wgsl': 'fn own() {}' },
  });
  expect(preprocess(made).code).toContain('fn own()');
});

test.each(['lib/none.wgsl', 'toString'])('an unknown file, %s, is an error with the names that there are', (name) => {
  expect(() => shader({ file: 'my/a.wgsl', text: `//#include "${name}"` })).toThrow(
    `my/a.wgsl: there is no "${name}" to include. Pass it in \`includes\`, or use lib/divide.wgsl, lib/linear-id.wgsl, `,
  );
});

test('files that include each other end', () => {
  const includes = { 'x.wgsl': '//#include "y.wgsl"', 'y.wgsl': '//#include "x.wgsl"' };
  expect(Object.keys(shader({ file: 'a.wgsl', text: '//#include "x.wgsl"', includes }).includes)).toEqual([
    'x.wgsl',
    'y.wgsl',
  ]);
});
