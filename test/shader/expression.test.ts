/** Integer expressions of shader directives. No GPU. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { evaluate } from '../../src/shader/expression.ts';
import { ShaderError } from '../../src/util/errors.ts';

const names = new Map([
  ['TM', 16],
  ['R', 5],
  ['A_1', 3],
]);

test.each([
  ['7', 7],
  ['TM/8', 2],
  ['R>>1', 2],
  ['1<<R', 32],
  ['R&3', 1],
  ['R%3', 2],
  ['7/2', 3],
  ['TM-R-1', 10],
  ['TM/2/2', 4],
  ['2+3*4', 14],
  ['(2+3)*4', 20],
  ['1<<2+1', 8],
  ['6&1+2', 2],
  ['((A_1))', 3],
  [' TM  * ( R - 1 ) ', 64],
  ['0-7', -7],
  ['(0-7)/2', -3],
])('%s is %i', (text, value) => {
  expect(evaluate(text, names, 'a.wgsl:1')).toBe(value);
});

test.each([
  ['', 'something is missing'],
  ['1+', 'something is missing'],
  ['(1', "')' is missing"],
  ['1)', "')' is not expected"],
  ['1 2', "'2' is not expected"],
  ['X', "'X' is not known"],
  ['2*Y+1', "'Y' is not known"],
  ['1.5', "'.' is not expected"],
  ['-1', "'-' is not known"],
  ['1?2', "'?' is not expected"],
  ['toString', "'toString' is not known"],
])("'%s' is refused", (text, why) => {
  expect(() => evaluate(text, names, 'a.wgsl:9')).toThrow(
    new ShaderError(`a.wgsl:9: ${why} in '${text}'. Use integers, defines, loop variables and + - * / % << >> &.`),
  );
});

test('agrees with JavaScript on sums and products', () => {
  const expression = fc.letrec<{ tree: string }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      fc.integer({ min: 0, max: 99 }).map(String),
      fc.tuple(tie('tree'), fc.constantFrom('+', '-', '*'), tie('tree')).map(([a, op, b]) => `${a}${op}${b}`),
      tie('tree').map((a) => `(${a})`),
    ),
  })).tree;
  fc.assert(
    // A function made of the text is the reference.
    fc.property(expression, (text) => evaluate(text, names, '') === Number(new Function(`return ${text}`)())),
    { numRuns: 200, seed: 1 },
  );
});
