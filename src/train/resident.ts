/** Data sets on the GPU. Imports data, gpu, util. */
import type { Dataset } from '../data/dataset.ts';
import type { Device } from '../gpu/device.ts';
import { allOrNone } from '../gpu/ledger.ts';
import { ceilDiv } from '../util/shape.ts';

/** A data set on the GPU. */
export interface ResidentData {
  readonly dataset: Dataset;
  readonly samples: GPUBuffer;
  readonly targets: GPUBuffer;
  readonly id: number;
}

/** Uploads it into buffers of its own; null where it is too large to be bound. */
export function uploadDataset({ gpu, caps, ledger }: Device, dataset: Dataset, id: number): ResidentData | null {
  const { samples, targets } = dataset;
  if (Math.max(samples.byteLength, targets.byteLength) + 16 > caps.maxBindingBytes) return null;
  const upload = (buffer: GPUBuffer, data: Uint8Array | Int32Array | Float32Array): void => {
    const whole = data.byteLength - (data.byteLength % 4);
    gpu.queue.writeBuffer(buffer, 0, data.buffer as ArrayBuffer, data.byteOffset, whole);
    if (whole < data.byteLength) {
      const rest = new Uint8Array(4);
      rest.set(new Uint8Array(data.buffer as ArrayBuffer, data.byteOffset + whole, data.byteLength - whole));
      gpu.queue.writeBuffer(buffer, whole, rest);
    }
  };
  const made = allOrNone(ledger, (create) => {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST;
    const room = ({ byteLength }: { byteLength: number }) => Math.max(16, ceilDiv(byteLength, 16) * 16);
    return {
      dataset,
      samples: create('samples', room(samples), usage),
      targets: create('targets', room(targets), usage),
      id,
    };
  });
  upload(made.samples, samples);
  upload(made.targets, targets);
  return made;
}
