/** `gabor info`. Imports cli, gpu. */
import type { Device } from '../gpu/device.ts';
import { webgpuVersion } from '../gpu/node-gpu.ts';
import { type Command, type Io, JSON_OPTION } from './command.ts';
import { warnOfSoftware, withDevice } from './device.ts';
import type { Options } from './options.ts';
import { gaborVersion } from './package.ts';
import { bytes, integer } from './report/format.ts';

const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxComputeWorkgroupStorageSize',
  'maxComputeWorkgroupsPerDimension',
] as const;

function infoOf({ adapter, caps, gpu }: Device) {
  const { software, ...rest } = adapter;
  const range = { min: caps.subgroupMinSize, max: caps.subgroupMaxSize };
  return {
    adapter: rest,
    software,
    subgroupSize: caps.subgroups ? range : null,
    features: [...gpu.features].sort(),
    limits: Object.fromEntries(LIMITS.map((name) => [name, gpu.limits[name]])),
    versions: {
      gabor: gaborVersion(),
      webgpu: webgpuVersion(),
      node: process.versions.node,
      platform: `${process.platform}-${process.arch}`,
    },
  };
}

const showLimit = (name: string, value: number): string => (/Size$/.test(name) ? bytes(value) : integer(value));

function lines({ adapter, software, subgroupSize, features, limits, versions }: ReturnType<typeof infoOf>): string[] {
  const rows: [string, string][] = [
    ['adapter', adapter.name],
    ['vendor', [adapter.vendor, adapter.architecture].filter(Boolean).join(', ') || 'unknown'],
    ['driver', adapter.driver || 'unknown'],
    ['kind', software ? 'software: computes on the CPU' : 'GPU'],
    ['subgroups', subgroupSize ? [...new Set(Object.values(subgroupSize))].join(' to ') : 'none'],
    ['features', features.join(', ') || 'none'],
    ...Object.entries(limits).map(([name, value]): [string, string] => [name, showLimit(name, value)]),
    ...Object.entries(versions).map(([name, value]): [string, string] => [name, value ?? 'not installed']),
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}

async function run(_: readonly string[], options: Options, io: Io): Promise<number> {
  return withDevice(io, async (device) => {
    const info = infoOf(device);
    if (options.flag('json')) io.print(JSON.stringify(info));
    else {
      io.print(lines(info).join('\n'));
      warnOfSoftware(device.adapter, io);
    }
    return 0;
  });
}

export const infoCommand: Command = {
  usage: 'info',
  text: 'the adapter, what it can do, and versions',
  options: [JSON_OPTION],
  examples: ['info --json'],
  run,
};
