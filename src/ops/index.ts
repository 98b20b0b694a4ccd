/** All ops, one line each. */
export { add, binary, div, maximum, minimum, mul, sub } from './binary.ts';
export { expand, relayout, transpose } from './copy.ts';
export { abs, addScalar, exp, leakyRelu, log, mulScalar, neg, relu, sigmoid, sqrt, tanh } from './pointwise.ts';
export { mean, sum } from './reduce.ts';
export { flatten, reshape } from './reshape.ts';
