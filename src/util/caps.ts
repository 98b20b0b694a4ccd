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

/** Lanes of a subgroup on the software adapters that the subgroup kernels are for, else 0. */
export function softwareLanes({ software, subgroups, subgroupMinSize, subgroupMaxSize }: DeviceCaps): number {
  const known = subgroupMinSize === subgroupMaxSize && [4, 8, 16].includes(subgroupMinSize);
  return software && subgroups && known ? subgroupMinSize : 0;
}

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
