/** Integer expressions in shader directives: `TM/8`, `R>>3`, `(KW-1)*2`. Imports only errors. */
import { ShaderError } from '../util/errors.ts';

const LEVELS: readonly (readonly string[])[] = [
  ['<<', '>>', '&'],
  ['+', '-'],
  ['*', '/', '%'],
];

function apply(op: string, a: number, b: number): number {
  switch (op) {
    case '<<':
      return a << b;
    case '>>':
      return a >> b;
    case '&':
      return a & b;
    case '+':
      return a + b;
    case '-':
      return a - b;
    case '*':
      return a * b;
    case '/':
      return Math.trunc(a / b);
    default:
      return a % b;
  }
}

/** Value of an integer expression over the given names. Throws ShaderError with `at` in front. */
export function evaluate(text: string, names: ReadonlyMap<string, number>, at: string): number {
  const tokens = text.match(/\d+|[A-Za-z_]\w*|<<|>>|[-+*/%&()]|\S/g) ?? [];
  let next = 0;
  const fail = (why: string): never => {
    throw new ShaderError(`${at}: ${why} in '${text}'. Use integers, defines, loop variables and + - * / % << >> &.`);
  };
  const atom = (): number => {
    const token = tokens[next++];
    if (token === undefined) return fail('something is missing');
    if (token === '(') {
      const value = level(0);
      if (tokens[next++] !== ')') fail("')' is missing");
      return value;
    }
    if (/^\d/.test(token)) return Number(token);
    return names.get(token) ?? fail(`'${token}' is not known`);
  };
  const level = (depth: number): number => {
    const ops = LEVELS[depth];
    if (!ops) return atom();
    let value = level(depth + 1);
    while (ops.includes(tokens[next] ?? '')) value = apply(tokens[next++]!, value, level(depth + 1));
    return value;
  };
  const value = level(0);
  if (next < tokens.length) fail(`'${tokens[next]}' is not expected`);
  return value;
}
