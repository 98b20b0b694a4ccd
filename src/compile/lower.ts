/** Turns chosen kernels into dispatches: shader text, bindings by place, packed parameters, workgroups. Pure; imports graph, shader, util. */
import type { Kernel } from '../graph/types.ts';
import { type Preprocessed, preprocess } from '../shader/preprocess.ts';
import { type Binding, packParams, type Reflection, reflect } from '../shader/reflect.ts';
import { withUniforms } from '../shader/uniform.ts';
import { type DeviceCaps, gathersUniforms, softwareLanes, UNIFORM_BYTES } from '../util/caps.ts';
import { DeviceError, ShaderError } from '../util/errors.ts';
import { roundUp } from '../util/shape.ts';
import { ALIGNMENT, type Place, refName } from './place.ts';

export interface PlanDispatch {
  /** `conv1.conv2d`, `optimizer.sgd`: for the printed plan, profiles and error messages. */
  readonly label: string;
  readonly variant: string;
  readonly candidates: readonly string[];
  readonly file: string;
  readonly shader: Preprocessed;
  readonly bindings: readonly (Binding & { readonly place: Place })[];
  readonly workgroups: readonly [number, number, number];
  readonly flops: number;
  /** See `Kernel`. */
  readonly joins: boolean;
}

/** Its bindings without the numbers of the plan and of the step: values, in storage or uniform buffers. */
export const boundValues = ({ bindings }: Pick<PlanDispatch, 'bindings'>): PlanDispatch['bindings'] =>
  bindings.filter(({ access, bytes }) => access !== 'uniform' || bytes !== undefined);

/** Bytes that buffers must hold, by `refName`, because kernels read them as uniform buffers, of which a whole one is bound. */
export function windowsOf(dispatches: readonly PlanDispatch[]): ReadonlyMap<string, number> {
  const windows = new Map<string, number>();
  for (const { place, bytes } of dispatches.flatMap(({ bindings }) => bindings)) {
    const name = refName(place.buffer);
    if (bytes) windows.set(name, Math.max(windows.get(name) ?? 0, place.offset + bytes));
  }
  return windows;
}

/** The words of all Params structs of a plan, each at a multiple of 256 bytes. */
export interface UniformBlock {
  readonly words: Uint32Array<ArrayBuffer>[];
  bytes: number;
}

export const emptyUniforms = (): UniformBlock => ({ words: [], bytes: 0 });

/** All the words at their places, ready to be written to the uniform buffer. */
export function joinUniforms(block: UniformBlock): Uint32Array<ArrayBuffer> {
  const out = new Uint32Array(block.bytes / 4);
  let at = 0;
  for (const words of block.words) {
    out.set(words, at);
    at += roundUp(words.length * 4, ALIGNMENT) / 4;
  }
  return out;
}

/** Bytes of the uniform that changes every step: `struct Step` in shaders/lib/step.wgsl. */
export const STEP_BYTES = 64;

/** Behind it in the same buffer, for optimizers: a table of parameter groups, 16 bytes each (shaders/optimizer/gradient.wgsl). */
export const MOST_GROUPS = 64;
export const GROUPS_PLACE: Place = { buffer: { kind: 'step' }, offset: ALIGNMENT, bytes: MOST_GROUPS * 16 };

/** A kernel whose bindings are given as T: values of a graph, or places. */
export type KernelOf<T> = Omit<Kernel, 'bind'> & { readonly bind: { readonly [name: string]: T } };

export interface LowerOptions<T> {
  readonly label: string;
  readonly variant: string;
  readonly candidates: readonly string[];
  readonly flops: number;
  readonly caps: DeviceCaps;
  readonly uniforms: UniformBlock;
  /** Where a bound value lies. */
  readonly placeOf: (target: T) => Place;
  /** See PlanRequest; default 1. */
  readonly growth?: number;
}

// Preprocessing costs 0.1 ms and more; plans for other batches use the same texts.
const texts = new Map<string, { text: string; shader: Preprocessed; reflection: Reflection }>();

/** Whether a uniform buffer holds it, with a batch `growth` times as large too: parameters and constants do not grow. */
function staysSmall({ buffer: { kind }, bytes }: Place, growth: number): boolean {
  // Nobody makes the buffers of others as large as what is bound.
  if (kind === 'external') return false;
  return bytes * (kind === 'slab' || kind === 'input' ? growth : 1) <= UNIFORM_BYTES;
}

/** Those bindings that the kernel reads as uniform buffers on this device. */
function uniformsOf<T>({ uniform = [], bind }: KernelOf<T>, { caps, placeOf, growth = 1 }: LowerOptions<T>): string[] {
  if (!gathersUniforms(softwareLanes(caps))) return [];
  return uniform.filter((name) => bind[name] && staysSmall(placeOf(bind[name]), growth));
}

function shaderText(
  kernel: Omit<Kernel, 'bind'>,
  uniform: readonly string[],
): { shader: Preprocessed; reflection: Reflection } {
  const { file } = kernel.shader;
  const key = JSON.stringify([file, kernel.defines ?? {}, kernel.slots ?? {}, uniform]);
  let known = texts.get(key);
  if (known?.text !== kernel.shader.text) {
    const plain = preprocess(kernel.shader, { defines: kernel.defines, slots: kernel.slots });
    const shader = withUniforms(file, plain, uniform);
    known = { text: kernel.shader.text, shader, reflection: reflect(file, shader.code) };
    texts.set(key, known);
  }
  return known;
}

/** Adds words to the block; where they lie. */
export function addUniform(block: UniformBlock, words: Uint32Array<ArrayBuffer>): Place {
  const offset = block.bytes;
  block.words.push(words);
  block.bytes += roundUp(words.length * 4, ALIGNMENT);
  return { buffer: { kind: 'params' }, offset, bytes: roundUp(words.length * 4, 16) };
}

function checkLimits(
  label: string,
  kernel: Omit<Kernel, 'bind'>,
  bindings: PlanDispatch['bindings'],
  caps: DeviceCaps,
): void {
  const most = Math.max(...kernel.workgroups);
  if (most > caps.maxWorkgroups || Math.min(...kernel.workgroups) < 1) {
    throw new DeviceError(
      `${label}: ${kernel.workgroups.join(' x ')} workgroups, this device runs 1 to ${caps.maxWorkgroups} along an axis. Use a smaller batch.`,
    );
  }
  for (const { name, place } of bindings) {
    if (place.bytes > caps.maxBindingBytes) {
      throw new DeviceError(
        `${label}: "${name}" takes ${place.bytes} bytes, this device binds ${caps.maxBindingBytes} at most. Use a smaller batch.`,
      );
    }
  }
}

/** One dispatch. Throws ShaderError for a binding or parameter that is missing or unknown, DeviceError beyond a limit. */
export function lowerKernel<T>(kernel: KernelOf<T>, options: LowerOptions<T>): PlanDispatch {
  const { shader, reflection } = shaderText(kernel, uniformsOf(kernel, options));
  const { file } = kernel.shader;
  const place = (binding: Binding): Place => {
    if (binding.name === 'params')
      return addUniform(options.uniforms, packParams(file, reflection.params, kernel.params ?? {}));
    if (binding.name === 'step') return { buffer: { kind: 'step' }, offset: 0, bytes: STEP_BYTES };
    const target = kernel.bind[binding.name];
    if (!target)
      throw new ShaderError(`${file}: binding '${binding.name}' is not given. Pass it in the kernel's bind.`);
    return options.placeOf(target);
  };
  const bindings = reflection.bindings.map((binding) => ({ ...binding, place: place(binding) }));
  for (const name of Object.keys(kernel.bind)) {
    if (!bindings.some((binding) => binding.name === name))
      throw new ShaderError(`${file}: there is no binding '${name}'. Remove it from the kernel's bind.`);
  }
  checkLimits(options.label, kernel, bindings, options.caps);
  const { label, variant, candidates, flops } = options;
  const { workgroups, joins = false } = kernel;
  return { label, variant, candidates, file, shader, bindings, workgroups, flops, joins };
}
