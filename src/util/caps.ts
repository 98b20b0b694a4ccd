/** What kernels may know about a device: plain data, so that variant choice is a pure function. Imports nothing. */

export interface DeviceCaps {
  /** True for lavapipe, SwiftShader and the like, whose fast kernels are others than a GPU's. */
  readonly software: boolean;
  /** `subgroups` may be used in shaders. */
  readonly subgroups: boolean;
  readonly subgroupMinSize: number;
  readonly subgroupMaxSize: number;
  /** `f16` may be used in shaders. */
  readonly f16: boolean;
  /** maxComputeInvocationsPerWorkgroup. */
  readonly maxInvocations: number;
  /** maxComputeWorkgroupStorageSize, bytes. */
  readonly maxWorkgroupBytes: number;
  /** maxStorageBuffersPerShaderStage. */
  readonly maxStorageBuffers: number;
  /** maxStorageBufferBindingSize, bytes. */
  readonly maxBindingBytes: number;
  /** maxComputeWorkgroupsPerDimension. */
  readonly maxWorkgroups: number;
}

/** What every device binds as a uniform buffer: 64 KiB (https://www.w3.org/TR/webgpu/#limits), so many vec4s. */
export const UNIFORM_BYTES = 65536;
export const UNIFORM_VECTORS = UNIFORM_BYTES / 16;

/** Lanes of a subgroup on the software adapters that the subgroup kernels are for, else 0. */
export function softwareLanes({ software, subgroups, subgroupMinSize, subgroupMaxSize }: DeviceCaps): number {
  const known = subgroupMinSize === subgroupMaxSize && [4, 8, 16].includes(subgroupMinSize);
  return software && subgroups && known ? subgroupMinSize : 0;
}

/**
 * Whether a gather from a uniform buffer is cheaper than one from storage on a software adapter of so many lanes: on lavapipe,
 * which has no branch for each lane then (half the time). SwiftShader, with 4 lanes, takes up to 1.1 times as long.
 */
export const gathersUniforms = (lanes: number): boolean => lanes >= 8;

/** The limits that every WebGPU device has (https://www.w3.org/TR/webgpu/#limits): the profile that all kernels must run on. */
export const DEFAULT_CAPS: DeviceCaps = {
  software: false,
  subgroups: false,
  subgroupMinSize: 0,
  subgroupMaxSize: 0,
  f16: false,
  maxInvocations: 256,
  maxWorkgroupBytes: 16384,
  maxStorageBuffers: 8,
  maxBindingBytes: 134217728,
  maxWorkgroups: 65535,
};
