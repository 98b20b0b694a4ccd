/** Two shaders as one: names, bindings, directives and lines; what cannot be joined. No GPU: test/compile/join.test.ts runs them. */
import { describe, expect, test } from 'vitest';
import { joinShaders } from '../../src/shader/join.ts';
import type { Preprocessed } from '../../src/shader/preprocess.ts';
import { reflect } from '../../src/shader/reflect.ts';

function joinable(code: string, file = 'a.wgsl') {
  const map = code.split('\n').map((_, i) => ({ file, line: i + 1 }));
  const shader: Preprocessed = { code, map };
  return { shader, bindings: reflect(file, code).bindings };
}

const SCALE = `enable subgroups;
diagnostic(off, subgroup_uniformity);
const SG = 8;
struct Params { n: u32, read: f32, scaled: f32 }
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
fn read(i: u32) -> f32 { return x[i]; }
fn scaled(v: f32) -> f32 { return v * params.read + params.scaled; }
@compute @workgroup_size(SG)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = wg.x * SG + li;
  if (i < params.n) { y[i] = scaled(read(i)); }
}`;

const COUNT = `const WIDTH = 8;
@group(0) @binding(0) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(WIDTH) fn main(@builtin(num_workgroups) groups: vec3u, @builtin(workgroup_id) wg: vec3u) {
  y[wg.x] = f32(groups.x);
}`;

describe('joinShaders', () => {
  test("the second's names and bindings are its own", () => {
    const { shader, offset, parts } = joinShaders(joinable(SCALE), joinable(SCALE, 'b.wgsl'))!;
    expect(offset).toBe(3);
    expect(parts).toEqual({ name: 'joined_parts', index: 6, access: 'uniform' });
    const { bindings } = reflect('joined', shader.code);
    expect(bindings.map(({ name, index, access }) => `${index} ${name} ${access}`)).toEqual([
      '0 x read',
      '1 y read_write',
      '2 params uniform',
      '3 x_second read',
      '4 y_second read_write',
      '5 params_second uniform',
      '6 joined_parts uniform',
    ]);
    expect(shader.code).toContain('fn read_second(i: u32) -> f32 { return x_second[i]; }');
    // Members keep their names where a function is called alike, and so do the words of var<...>.
    expect(shader.code).toContain('struct Params_second { n: u32, read: f32, scaled: f32 }');
    expect(shader.code).toContain('return v * params_second.read + params_second.scaled;');
    expect(shader.code).toContain('y_second[i] = scaled_second(read_second(i));');
  });

  test('directives come first, each once; one entry point', () => {
    const { code } = joinShaders(joinable(COUNT), joinable(SCALE))!.shader;
    expect(code.split('\n').slice(0, 2)).toEqual(['enable subgroups;', 'diagnostic(off, subgroup_uniformity);']);
    expect(code.match(/enable|diagnostic/g)).toHaveLength(2);
    expect(code.match(/@compute/g)).toHaveLength(1);
    expect(code).toContain('@workgroup_size(8)\nfn main(');
    expect(code).toContain(
      'joined_first(first, vec3u(index % first.x, index / first.x % first.y, index / first.x / first.y));',
    );
    expect(code).toContain('@builtin(local_invocation_index) local_invocation_index: u32');
  });

  test('lines of errors are those of the files', () => {
    const { code, map } = joinShaders(joinable(COUNT, 'count.wgsl'), joinable(SCALE, 'scale.wgsl'))!.shader;
    const lines = code.split('\n');
    expect(map).toHaveLength(lines.length);
    expect(map[lines.findIndex((line) => line.includes('f32(groups.x)'))]).toEqual({ file: 'count.wgsl', line: 4 });
    expect(map[lines.findIndex((line) => line.includes('scaled_second(read'))]).toEqual({
      file: 'scale.wgsl',
      line: 13,
    });
  });

  test.each([
    ['workgroups of another size', COUNT.replace('WIDTH = 8', 'WIDTH = 16')],
    ['memory of the workgroup', `var<workgroup> shared_sums: array<f32, 8>;\n${COUNT}`],
    ['a built-in value that would be another', COUNT.replace('num_workgroups', 'global_invocation_id')],
    ['workgroups of two axes', COUNT.replace('workgroup_size(WIDTH)', 'workgroup_size(WIDTH, 2)')],
  ])('not with %s', (_, other) => {
    expect(joinShaders(joinable(SCALE), joinable(COUNT))).not.toBeNull();
    expect(joinShaders(joinable(SCALE), joinable(other))).toBeNull();
    expect(joinShaders(joinable(other), joinable(SCALE))).toBeNull();
  });

  test('a size that is written as a number', () => {
    const plain = COUNT.replace('workgroup_size(WIDTH)', 'workgroup_size(8u)');
    expect(joinShaders(joinable(SCALE), joinable(plain))).not.toBeNull();
  });
});
