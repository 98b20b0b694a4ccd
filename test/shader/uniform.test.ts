/** Arrays that are read as uniform buffers: the text, and what is reflected of it. No GPU. */
import { expect, test } from 'vitest';
import { reflect } from '../../src/shader/reflect.ts';
import { withUniforms } from '../../src/shader/uniform.ts';
import { ShaderError } from '../../src/util/errors.ts';

const shader = {
  code: `@group(0) @binding(0) var<storage, read> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
@group(0) @binding(2) var<storage, read> table: array<f32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;`,
  map: [0, 1, 2, 3].map((line) => ({ file: 'a.wgsl', line })),
};

test('a named array becomes a uniform buffer of 64 KiB, the others stay, and no line moves', () => {
  const { code, map } = withUniforms('a.wgsl', shader, ['weight']);
  expect(code.split('\n')[1]).toBe('@group(0) @binding(1) var<uniform> weight: array<vec4f, 4096>;');
  expect(code.split('\n').toSpliced(1, 1)).toEqual(shader.code.split('\n').toSpliced(1, 1));
  expect(map).toEqual(shader.map);
  expect(withUniforms('a.wgsl', shader, [])).toEqual(shader);
});

test('it is reflected with the bytes that must be bound', () => {
  const { code } = withUniforms('a.wgsl', shader, ['weight']);
  expect(reflect('a.wgsl', code).bindings).toEqual([
    { name: 'x', index: 0, access: 'read' },
    { name: 'weight', index: 1, access: 'uniform', bytes: 65536 },
    { name: 'table', index: 2, access: 'read' },
    { name: 'y', index: 3, access: 'read_write' },
  ]);
});

test.each([['y'], ['table'], ['nothing']])('%s is no read-only array of vec4f', (name) => {
  expect(() => withUniforms('a.wgsl', shader, [name])).toThrow(
    new ShaderError(`a.wgsl: '${name}' is no read-only array<vec4f>. Leave it out of the kernel's uniform.`),
  );
});
