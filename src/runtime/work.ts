/** What a session runs: plans that are ready, and copies between them. Imports compile types. */
import type { BufferRef } from '../compile/place.ts';
import type { Plan } from '../compile/plan.ts';

/** A plan with its pipelines, bind groups and own buffers: ready to be replayed. */
export interface Prepared {
  readonly plan: Plan;
  readonly calls: readonly {
    readonly pipeline: GPUComputePipeline;
    readonly group: GPUBindGroup;
    readonly x: number;
    readonly y: number;
    readonly z: number;
  }[];
  readonly bufferOf: (ref: BufferRef) => GPUBuffer;
  readonly owned: readonly GPUBuffer[];
}

/** Bytes to be copied from buffer to buffer, which costs no dispatch. */
export interface Copy {
  readonly source: GPUBuffer;
  readonly target: GPUBuffer;
  /** Default: from the start, as many as the target holds. */
  readonly sourceOffset?: number;
  readonly targetOffset?: number;
  readonly bytes?: number;
}

export type Work = readonly (Prepared | Copy)[];

/** Encodes plans and copies in their order; plans that follow each other share a pass. */
export function encodeWork(encoder: GPUCommandEncoder, work: Work): void {
  let pass: GPUComputePassEncoder | null = null;
  for (const item of work) {
    if ('calls' in item) {
      pass ??= encoder.beginComputePass();
      for (const { pipeline, group, x, y, z } of item.calls) {
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, group);
        pass.dispatchWorkgroups(x, y, z);
      }
      continue;
    }
    pass?.end();
    pass = null;
    const { source, sourceOffset = 0, target, targetOffset = 0, bytes = target.size } = item;
    encoder.copyBufferToBuffer(source, sourceOffset, target, targetOffset, bytes);
  }
  pass?.end();
}
