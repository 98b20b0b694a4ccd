/** The device of a command. Imports gpu, cli/command. */
import pc from 'picocolors';
import type { CompileProgress } from '../gpu/compile-helpers.ts';
import { type AdapterInfo, type Device, requestDevice } from '../gpu/device.ts';
import type { Io } from './command.ts';

/** A line a second while helpers compile. */
function reportHelpers(io: Io): (progress: CompileProgress) => void {
  let last = performance.now();
  return ({ ready, kernels }) => {
    const now = performance.now();
    if (ready > 1 && now - last < 1000) return;
    last = now;
    io.error(`compiling: ${ready} of ${kernels} kernels`);
  };
}

/** Runs something with a device: the shared one, or a new one that is disposed afterwards. */
export async function withDevice<T>(io: Io, action: (device: Device) => Promise<T>): Promise<T> {
  const device = await (io.device ? io.device() : requestDevice({ onCompile: reportHelpers(io) }));
  try {
    return await action(device);
  } finally {
    if (!io.device) device.dispose();
  }
}

export const describeAdapter = ({ name, driver }: AdapterInfo): string => (driver ? `${name} (${driver})` : name);

/** A clear word on stderr where the adapter is no GPU. */
export function warnOfSoftware({ software }: AdapterInfo, io: Io): void {
  if (!software) return;
  const { yellow } = pc.createColors(io.color ?? false);
  io.error(
    `${yellow('warning:')} a software adapter computes on the CPU: results are valid, times say nothing about a GPU`,
  );
}
