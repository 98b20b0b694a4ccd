/**
 * Storage arrays that a shader reads as uniform buffers: the same text but for the declaration. Imports preprocess and util.
 */
import { UNIFORM_VECTORS } from '../util/caps.ts';
import { ShaderError } from '../util/errors.ts';
import type { Preprocessed } from './preprocess.ts';

/** Throws ShaderError where a name is no read-only array of vec4f. */
export function withUniforms(file: string, shader: Preprocessed, names: readonly string[]): Preprocessed {
  let { code } = shader;
  for (const name of names) {
    const changed = code.replace(
      new RegExp(`var<storage, read> ${name}: array<vec4f>;`),
      `var<uniform> ${name}: array<vec4f, ${UNIFORM_VECTORS}>;`,
    );
    if (changed === code)
      throw new ShaderError(`${file}: '${name}' is no read-only array<vec4f>. Leave it out of the kernel's uniform.`);
    code = changed;
  }
  return { ...shader, code };
}
