/** Reflection of bindings and Params, and packing of parameters. No GPU. */
import { describe, expect, test } from 'vitest';
import { packParams, reflect } from '../../src/shader/reflect.ts';
import { ShaderError } from '../../src/util/errors.ts';

const TEXT = `
// @group(0) @binding(9) var<storage, read> comment: array<f32>;
/* struct Params { no: u32 } */
struct Step { index: u32 }
struct Params {
  count: u32, base: i32, // count: i32
  scale : f32,
}
@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0)
@binding(3) var<uniform> params: Params;
@group(0) @binding(1) var<storage> z: array<u32>;
var<workgroup> tile: array<f32, 64>;
`;

describe('reflect', () => {
  test('reads bindings and parameters in order', () => {
    expect(reflect('a.wgsl', TEXT)).toEqual({
      bindings: [
        { name: 'x', index: 0, access: 'read' },
        { name: 'y', index: 2, access: 'read_write' },
        { name: 'params', index: 3, access: 'uniform' },
        { name: 'z', index: 1, access: 'read' },
      ],
      params: [
        { name: 'count', type: 'u32' },
        { name: 'base', type: 'i32' },
        { name: 'scale', type: 'f32' },
      ],
    });
  });

  test('no Params, no parameters', () => {
    expect(reflect('a.wgsl', 'fn main() {}')).toEqual({ bindings: [], params: [] });
  });

  test('what it cannot handle is an error that names the file', () => {
    expect(() => reflect('a.wgsl', '@group(1) @binding(0) var<uniform> p: P;')).toThrow(
      new ShaderError("a.wgsl: binding 'p' is in group 1. Use @group(0) only."),
    );
    expect(() => reflect('a.wgsl', 'struct Params { size: vec2u }')).toThrow(
      new ShaderError("a.wgsl: field 'size' of Params is vec2u. Use 4-byte scalars only: u32, i32, f32."),
    );
  });
});

describe('packParams', () => {
  const { params } = reflect('a.wgsl', TEXT);

  test('packs by name', () => {
    const words = packParams('a.wgsl', params, { scale: -0.5, base: -2, count: 2 ** 32 - 1 });
    expect([...words]).toEqual([0xffffffff, 0xfffffffe, 0xbf000000]);
    expect(packParams('a.wgsl', [], {})).toHaveLength(0);
  });

  test('takes the ends of the ranges', () => {
    expect([...packParams('', params, { count: 0, base: -(2 ** 31), scale: 0 })]).toEqual([0, 0x80000000, 0]);
    expect([...packParams('', params, { count: 0, base: 2 ** 31 - 1, scale: 0 })]).toEqual([0, 0x7fffffff, 0]);
  });

  test.each([
    [{ base: 0, scale: 0 }, "a.wgsl: Params.count is not given. Pass it in the kernel's params."],
    [
      { count: 0, base: 0, scale: 0, sacle: 1 },
      "a.wgsl: there is no Params.sacle. Remove it from the kernel's params.",
    ],
    [
      { count: -1, base: 0, scale: 0 },
      'a.wgsl: Params.count is -1, which is no u32. Pass an integer from 0 to 4294967295.',
    ],
    [
      { count: 2 ** 32, base: 0, scale: 0 },
      'a.wgsl: Params.count is 4294967296, which is no u32. Pass an integer from 0 to 4294967295.',
    ],
    [
      { count: 0, base: 2 ** 31, scale: 0 },
      'a.wgsl: Params.base is 2147483648, which is no i32. Pass an integer from -2147483648 to 2147483647.',
    ],
    [
      { count: 1.5, base: 0, scale: 0 },
      'a.wgsl: Params.count is 1.5, which is no u32. Pass an integer from 0 to 4294967295.',
    ],
    [
      { count: Number.NaN, base: 0, scale: 0 },
      'a.wgsl: Params.count is NaN, which is no u32. Pass an integer from 0 to 4294967295.',
    ],
  ])('%j is refused', (values, message) => {
    expect(() => packParams('a.wgsl', params, values as Record<string, number>)).toThrow(new ShaderError(message));
  });
});
