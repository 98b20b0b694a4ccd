/** Reading buffers back. Imports gpu. */
import type { Device } from './device.ts';
import { waitFor } from './wait.ts';

export interface Range {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly bytes: number;
}

/** Copies of the ranges' bytes, after all work submitted so far; one staging buffer and one wait for all of them. */
export async function readRanges(device: Device, ranges: readonly Range[]): Promise<ArrayBuffer[]> {
  const total = ranges.reduce((sum, range) => sum + range.bytes, 0);
  if (total === 0) return ranges.map(() => new ArrayBuffer(0));
  const staging = device.ledger.create('readback', total, GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST);
  try {
    const encoder = device.gpu.createCommandEncoder({ label: 'readback' });
    let at = 0;
    for (const { buffer, offset, bytes } of ranges) {
      encoder.copyBufferToBuffer(buffer, offset, staging, at, bytes);
      at += bytes;
    }
    device.gpu.queue.submit([encoder.finish()]);
    await waitFor(staging.mapAsync(GPUMapMode.READ));
    const mapped = staging.getMappedRange();
    at = 0;
    return ranges.map(({ bytes }) => {
      const copy = mapped.slice(at, at + bytes);
      at += bytes;
      return copy;
    });
  } finally {
    device.ledger.destroy(staging);
  }
}
