/** Compute pipelines, each compiled once for a device, asynchronously and in parallel. Imports shader, util, compile-helpers. */
import type { Preprocessed } from '../shader/preprocess.ts';
import type { Binding } from '../shader/reflect.ts';
import { ShaderError } from '../util/errors.ts';
import type { CompileHelpers } from './compile-helpers.ts';
import { createLoader } from './warm.ts';

export interface PipelineRequest {
  readonly file: string;
  readonly shader: Preprocessed;
  readonly bindings: readonly Binding[];
}

/** All that a driver needs to know of a kernel to compile it. */
export interface CompileRequest {
  readonly code: string;
  readonly bindings: readonly Binding[];
}

export interface CompiledPipeline {
  readonly pipeline: GPUComputePipeline;
  readonly layout: GPUBindGroupLayout;
}

export interface PipelineCache {
  /** Rejects with ShaderError naming file and line of the .wgsl. */
  get(request: PipelineRequest): Promise<CompiledPipeline>;
  /** The same without waiting: compiles on the spot what is not ready; an error reaches the device's `failure`. */
  now(request: PipelineRequest): CompiledPipeline;
  readonly count: number;
}

/** The next turn of Node's event loop. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const TYPES = { read: 'read-only-storage', read_write: 'storage', uniform: 'uniform' } as const;

async function explain(
  module: GPUShaderModule,
  { file, shader }: PipelineRequest,
  cause: unknown,
): Promise<ShaderError> {
  const { messages } = await module.getCompilationInfo();
  const lines = messages
    .filter((m) => m.type === 'error')
    .map((m) => {
      const from = shader.map[m.lineNum - 1];
      return `${from?.file ?? file}:${from?.line ?? m.lineNum}:${m.linePos}: ${m.message}`;
    });
  const detail =
    lines.length > 0 ? lines.join('\n') : cause instanceof Error ? cause.message : 'the driver gives no reason';
  return new ShaderError(`${file}: the shader does not compile.\n${detail}`, { cause });
}

/** With helpers, what is asked for by `get` is compiled by processes of their own before it runs here. */
export function createPipelineCache(gpu: GPUDevice, helpers: CompileHelpers | null = null): PipelineCache {
  const pipelines = new Map<string, Promise<CompiledPipeline>>();
  const ready = new Map<string, CompiledPipeline>();
  const layouts = new Map<string, GPUBindGroupLayout>();
  const load = helpers ? createLoader(gpu) : null;
  // An explicit layout, not 'auto': bind groups can be made before the pipeline is ready, and unused bindings stay legal.
  const layoutOf = (bindings: readonly Binding[]): GPUBindGroupLayout => {
    const key = bindings.map((b) => `${b.index}:${b.access}`).join(' ');
    let layout = layouts.get(key);
    if (!layout) {
      const entries = bindings.map((b) => ({
        binding: b.index,
        visibility: GPUShaderStage.COMPUTE,
        buffer: { type: TYPES[b.access] },
      }));
      layout = gpu.createBindGroupLayout({ label: key, entries });
      layouts.set(key, layout);
    }
    return layout;
  };
  const describe = ({ file, shader, bindings }: PipelineRequest) => {
    const layout = layoutOf(bindings);
    const module = gpu.createShaderModule({ label: file, code: shader.code });
    const whole = gpu.createPipelineLayout({ bindGroupLayouts: [layout] });
    const descriptor: GPUComputePipelineDescriptor = {
      label: file,
      layout: whole,
      compute: { module, entryPoint: 'main' },
    };
    return { layout, module, descriptor };
  };
  const compile = async (request: PipelineRequest): Promise<CompiledPipeline> => {
    const { shader, bindings } = request;
    // The driver compiles a pipeline when it first runs: it is made while the helpers are at work, which get their kernels first.
    const compiled = helpers?.compiled({ code: shader.code, bindings });
    if (compiled) await nextTurn();
    // An error of the text rejects the pipeline; it shall not become the failure of the device too.
    gpu.pushErrorScope('validation');
    const { layout, module, descriptor } = describe(request);
    gpu.popErrorScope().catch(() => {});
    try {
      const made = { pipeline: await gpu.createComputePipelineAsync(descriptor), layout };
      ready.set(request.shader.code, made);
      await compiled;
      // What the helpers have compiled is loaded now: it takes milliseconds a kernel, all of which the first step would wait for.
      load?.(made, bindings);
      return made;
    } catch (cause) {
      throw await explain(module, request, cause);
    }
  };
  return {
    get(request) {
      const known = pipelines.get(request.shader.code);
      if (known) return known;
      const made = compile(request);
      pipelines.set(request.shader.code, made);
      return made;
    },
    now(request) {
      const known = ready.get(request.shader.code);
      if (known) return known;
      const { layout, descriptor } = describe(request);
      const made = { pipeline: gpu.createComputePipeline(descriptor), layout };
      ready.set(request.shader.code, made);
      pipelines.set(request.shader.code, Promise.resolve(made));
      return made;
    },
    get count() {
      return pipelines.size;
    },
  };
}
