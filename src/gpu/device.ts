/** `requestDevice`: the GPU, what it can do, and the accounting of what is on it. Imports gpu and util. */
import type { DeviceCaps } from '../util/caps.ts';
import { DeviceError } from '../util/errors.ts';
import type { CompileHelpers, CompileProgress } from './compile-helpers.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { adapterHelp, isNode, nodeGpu } from './node-gpu.ts';
import { createPipelineCache, type PipelineCache } from './pipelines.ts';
import { subgroupsWork, withoutWrong } from './self-test.ts';

export interface DeviceOptions {
  readonly powerPreference?: GPUPowerPreference;
  /** An own device to share, with a renderer for instance; gabor does not destroy it. Default: a new one. */
  readonly gpu?: GPUDevice;
  /** `'default'`: only what every WebGPU device has (no features, default limits). Default: all the adapter offers. */
  readonly limits?: 'adapter' | 'default';
  /** Features not to use although they are there: for tests and for broken drivers. Default: none. */
  readonly without?: readonly ('subgroups' | 'shader-f16')[];
  /** Most bytes of GPU memory to allocate; a DeviceError beyond. Default: 8 GiB. */
  readonly memoryBudget?: number;
  /**
   * Processes that compile the kernels of a net that is new to this machine, where the driver compiles one at a time
   * (lavapipe, in Node; not with `gpu`): its first step comes sooner and the process stays smaller. 0: none. Default:
   * $GABOR_HELPERS, else as many as there are cores, at most 4, none on a single core.
   */
  readonly helpers?: number;
  /** Told how far these processes are. */
  readonly onCompile?: (progress: CompileProgress) => void;
}

export interface AdapterInfo {
  readonly name: string;
  readonly vendor: string;
  readonly architecture: string;
  readonly driver: string;
  readonly software: boolean;
}

/** A device of gabor: owns its GPU device, its pipelines and the account of its buffers. */
export interface Device {
  readonly gpu: GPUDevice;
  readonly adapter: AdapterInfo;
  readonly caps: DeviceCaps;
  readonly ledger: Ledger;
  readonly pipelines: PipelineCache;
  /** The first error that no call reported (out of memory, a validation error, a lost device); null if all is well. */
  readonly failure: DeviceError | null;
  /** Destroys the GPU device, and with it every buffer. */
  dispose(): void;
}

const GIB = 2 ** 30;

const USED_FEATURES = ['subgroups', 'shader-f16', 'timestamp-query'] as const;

/** Limits that gabor's kernels and buffers profit from. */
const USED_LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'maxStorageBuffersPerShaderStage',
] as const;

function describe(info: GPUAdapterInfo): AdapterInfo {
  const text = `${info.vendor} ${info.architecture} ${info.device} ${info.description}`.toLowerCase();
  const software = info.isFallbackAdapter === true || /llvmpipe|lavapipe|swiftshader|basic render|warp/.test(text);
  const name = info.device || [info.vendor, info.architecture].filter(Boolean).join(' ') || 'unknown adapter';
  return { name, vendor: info.vendor, architecture: info.architecture, driver: info.description, software };
}

function capsOf(gpu: GPUDevice, info: GPUAdapterInfo): DeviceCaps {
  return {
    software: describe(info).software,
    subgroups: gpu.features.has('subgroups'),
    subgroupMinSize: info.subgroupMinSize ?? 0,
    subgroupMaxSize: info.subgroupMaxSize ?? 0,
    f16: gpu.features.has('shader-f16'),
    maxInvocations: gpu.limits.maxComputeInvocationsPerWorkgroup,
    maxWorkgroupBytes: gpu.limits.maxComputeWorkgroupStorageSize,
    maxStorageBuffers: gpu.limits.maxStorageBuffersPerShaderStage,
    maxBindingBytes: gpu.limits.maxStorageBufferBindingSize,
    maxWorkgroups: gpu.limits.maxComputeWorkgroupsPerDimension,
  };
}

/** The adapter's own device, without what gabor keeps beside it. Throws DeviceError where there is no adapter. */
export async function openGpu(options: DeviceOptions): Promise<GPUDevice> {
  const entry = typeof navigator !== 'undefined' && 'gpu' in navigator ? navigator.gpu : await nodeGpu();
  const adapter = await entry.requestAdapter({ powerPreference: options.powerPreference ?? 'high-performance' });
  if (!adapter) throw new DeviceError(adapterHelp());
  if (options.limits === 'default') return adapter.requestDevice({ label: 'gabor' });
  return adapter.requestDevice({
    label: 'gabor',
    requiredFeatures: USED_FEATURES.filter((f) => adapter.features.has(f) && !options.without?.some((w) => w === f)),
    requiredLimits: Object.fromEntries(USED_LIMITS.map((name) => [name, adapter.limits[name]])),
  });
}

/** Loaded in Node only: a page has no processes. */
async function helpersOf(
  { name, driver }: AdapterInfo,
  { gpu, powerPreference, limits, without, helpers, onCompile }: DeviceOptions,
): Promise<CompileHelpers | null> {
  if (gpu || helpers === 0 || !isNode()) return null;
  const { createCompileHelpers, usualHelpers } = await import('./compile-helpers.ts');
  return createCompileHelpers({
    count: helpers ?? usualHelpers(),
    device: { powerPreference, limits, without },
    driver: `${name} ${driver}`,
    onProgress: onCompile,
  });
}

/**
 * A device to train and run models on: `navigator.gpu` in a browser, the package `webgpu` in Node.
 *
 * @throws DeviceError where there is no adapter; the message says what to do.
 */
export async function requestDevice(options: DeviceOptions = {}): Promise<Device> {
  const gpu = options.gpu ?? (await openGpu(options));
  const adapter = describe(gpu.adapterInfo);
  const helpers = await helpersOf(adapter, options);
  const caps = await withoutWrong(capsOf(gpu, gpu.adapterInfo), {
    works: (lanes) => subgroupsWork(gpu, lanes),
    warn: (text) => console.warn(`gabor: ${adapter.name}: ${text}`),
  });
  const ledger = createLedger(gpu, options.memoryBudget ?? 8 * GIB);
  let failure: DeviceError | null = null;
  const onError = (event: GPUUncapturedErrorEvent): void => {
    event.preventDefault();
    failure ??= new DeviceError(`the GPU reports: ${event.error.message}`, { cause: event.error });
  };
  gpu.addEventListener('uncapturederror', onError);
  gpu.lost.then(({ reason, message }) => {
    if (reason !== 'destroyed')
      failure ??= new DeviceError(`the GPU was lost (${message}). Request a new device and load the last checkpoint.`);
  });
  return {
    gpu,
    adapter,
    caps,
    ledger,
    pipelines: createPipelineCache(gpu, helpers),
    get failure() {
      return failure;
    },
    dispose() {
      gpu.removeEventListener('uncapturederror', onError);
      if (!options.gpu) gpu.destroy();
    },
  };
}
