/**
 * Accounting of GPU buffers. V8 does not feel GPU memory, and lavapipe never reports that it is out of it, so every buffer
 * of gabor is made and destroyed here. Imports util.
 */
import { DeviceError } from '../util/errors.ts';

export interface Ledger {
  /** Buffers and bytes that are alive now. */
  readonly live: { readonly buffers: number; readonly bytes: number };
  /** The most bytes that have been alive at a time. */
  readonly peakBytes: number;
  /** The most that may be alive, and the largest buffer. */
  readonly budgetBytes: number;
  readonly maxBufferBytes: number;
  /** A zeroed buffer. Throws DeviceError beyond the device's limit or the budget, before anything is allocated. */
  create(label: string, bytes: number, usage: GPUBufferUsageFlags): GPUBuffer;
  destroy(buffer: GPUBuffer): void;
}

/** Runs `make`, which creates buffers; where it throws, those that it has created are destroyed. */
export function allOrNone<T>(ledger: Ledger, make: (create: Ledger['create']) => T): T {
  const made: GPUBuffer[] = [];
  try {
    return make((label, bytes, usage) => {
      const buffer = ledger.create(label, bytes, usage);
      made.push(buffer);
      return buffer;
    });
  } catch (error) {
    for (const buffer of made) ledger.destroy(buffer);
    throw error;
  }
}

export function createLedger(gpu: GPUDevice, budgetBytes: number): Ledger {
  const sizes = new Map<GPUBuffer, number>();
  let bytesAlive = 0;
  let peakBytes = 0;
  return {
    get live() {
      return { buffers: sizes.size, bytes: bytesAlive };
    },
    get peakBytes() {
      return peakBytes;
    },
    budgetBytes,
    maxBufferBytes: gpu.limits.maxBufferSize,
    create(label, bytes, usage) {
      if (bytes > gpu.limits.maxBufferSize || bytesAlive + bytes > budgetBytes) {
        throw new DeviceError(
          `buffer "${label}": needs ${bytes} bytes, ${bytesAlive} of ${budgetBytes} are in use (one buffer: ${gpu.limits.maxBufferSize} at most). ` +
            'Use a smaller batch or model, or raise memoryBudget of requestDevice.',
        );
      }
      const buffer = gpu.createBuffer({ label, size: bytes, usage });
      sizes.set(buffer, bytes);
      bytesAlive += bytes;
      peakBytes = Math.max(peakBytes, bytesAlive);
      return buffer;
    },
    destroy(buffer) {
      bytesAlive -= sizes.get(buffer) ?? 0;
      sizes.delete(buffer);
      buffer.destroy();
    },
  };
}
