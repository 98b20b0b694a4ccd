/** Devices for tests, one for each profile, shared by all test files of the process. Imports src/gpu. */
import { type Device, type DeviceOptions, requestDevice } from '../../src/gpu/device.ts';

const devices = new Map<string, Promise<Device>>();

/** The device of a profile; default: everything the adapter offers. */
export function device(options: Omit<DeviceOptions, 'gpu'> = {}): Promise<Device> {
  const key = JSON.stringify(options);
  let made = devices.get(key);
  if (!made) {
    made = requestDevice(options);
    devices.set(key, made);
  }
  return made;
}
