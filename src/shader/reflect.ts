/**
 * What a shader declares: its bindings and its `struct Params`. The .wgsl file is the truth; TypeScript reads both from it
 * and passes values by name. Imports only errors.
 */
import { ShaderError } from '../util/errors.ts';

export interface Binding {
  readonly name: string;
  readonly index: number;
  readonly access: 'read' | 'read_write' | 'uniform';
  /** A uniform array has its size in the text, and at least so many bytes must be bound. */
  readonly bytes?: number;
}

export interface ParamField {
  readonly name: string;
  readonly type: 'u32' | 'i32' | 'f32';
}

export interface Reflection {
  readonly bindings: readonly Binding[];
  /** Fields of `struct Params` in order; empty where the shader has none. Each takes 4 bytes. */
  readonly params: readonly ParamField[];
}

const withoutComments = (code: string): string => code.replace(/\/\/.*$/gm, '').replace(/\/\*[\s\S]*?\*\//g, '');

/** Reads bindings and parameters from preprocessed WGSL. Throws ShaderError with the file's name. */
export function reflect(file: string, code: string): Reflection {
  const text = withoutComments(code);
  const bindings: Binding[] = [];
  for (const m of text.matchAll(
    /@group\((\d+)\)\s*@binding\((\d+)\)\s*var<\s*(\w+)\s*(?:,\s*(\w+)\s*)?>\s*(\w+)\s*:\s*(?:array<vec4f,\s*(\d+)>)?/g,
  )) {
    const [, group, index, space, mode, name, vectors] = m;
    if (group !== '0') throw new ShaderError(`${file}: binding '${name}' is in group ${group}. Use @group(0) only.`);
    const access = space === 'uniform' ? 'uniform' : mode === 'read_write' ? 'read_write' : 'read';
    const bytes = access === 'uniform' && vectors ? 16 * Number(vectors) : undefined;
    bindings.push({ name: name!, index: Number(index), access, ...(bytes && { bytes }) });
  }
  const body = /struct\s+Params\s*\{([^}]*)\}/.exec(text)?.[1] ?? '';
  const params = [...body.matchAll(/(\w+)\s*:\s*([\w<>]+)/g)].map(([, name, type]): ParamField => {
    if (type !== 'u32' && type !== 'i32' && type !== 'f32') {
      throw new ShaderError(`${file}: field '${name}' of Params is ${type}. Use 4-byte scalars only: u32, i32, f32.`);
    }
    return { name: name!, type };
  });
  return { bindings, params };
}

/** The bytes of a Params struct. A missing, unknown or impossible value is a ShaderError that names the field. */
export function packParams(
  file: string,
  fields: readonly ParamField[],
  values: { readonly [name: string]: number },
): Uint32Array<ArrayBuffer> {
  const words = new DataView(new ArrayBuffer(fields.length * 4));
  for (const [i, { name, type }] of fields.entries()) {
    const value = values[name];
    if (value === undefined)
      throw new ShaderError(`${file}: Params.${name} is not given. Pass it in the kernel's params.`);
    if (type === 'f32') words.setFloat32(i * 4, value, true);
    else {
      const [low, high] = type === 'u32' ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
      if (!Number.isInteger(value) || value < low || value > high) {
        throw new ShaderError(
          `${file}: Params.${name} is ${value}, which is no ${type}. Pass an integer from ${low} to ${high}.`,
        );
      }
      if (type === 'u32') words.setUint32(i * 4, value, true);
      else words.setInt32(i * 4, value, true);
    }
  }
  for (const name of Object.keys(values)) {
    if (!fields.some((field) => field.name === name))
      throw new ShaderError(`${file}: there is no Params.${name}. Remove it from the kernel's params.`);
  }
  return new Uint32Array(words.buffer);
}
