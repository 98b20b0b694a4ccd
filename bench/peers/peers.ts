/** Who is measured, and how each is started. Imports child and Node's own modules. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import type { ChildCommand } from './child.ts';

export interface Peer {
  readonly name: string;
  /** Comes from bench/peers/package.json. */
  readonly installed: boolean;
  /** Null where it cannot run here; `skip` says why. */
  start(folder: string): ChildCommand | null;
  readonly skip?: string;
}

export interface PeerSettings {
  /** Folder of the build of gabor. */
  readonly build: string;
  readonly gaborVersion: string;
  readonly threads: number;
}

const CHILDREN = join(import.meta.dirname, 'children');

/** A Python that can import torch. */
function findTorch(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => spawnSync(python, ['-c', 'import torch']).status === 0);
}

export const PEERS = ['gabor', 'tfjs-webgpu', 'tfjs-wasm', 'jax-js', 'pytorch'] as const;

export function peersOf(names: readonly string[], { build, gaborVersion, threads }: PeerSettings): Peer[] {
  const node = (file: string, backend = ''): Peer['start'] => {
    const env = { GABOR_BUILD: build, GABOR_VERSION: gaborVersion, PEER_BACKEND: backend };
    return (folder) => ({ command: process.execPath, args: [join(CHILDREN, file), folder], env });
  };
  const torch = (): Peer => {
    const python = findTorch();
    const start = (folder: string): ChildCommand => ({
      command: python ?? '',
      args: [join(CHILDREN, 'pytorch.py'), folder],
      env: { PEER_THREADS: `${threads}`, OMP_NUM_THREADS: `${threads}` },
    });
    return python
      ? { name: 'pytorch', installed: false, start }
      : { name: 'pytorch', installed: false, start: () => null, skip: 'no python3 that can import torch' };
  };
  const make: { readonly [name: string]: () => Peer } = {
    gabor: () => ({ name: 'gabor', installed: false, start: node('gabor.mjs') }),
    'tfjs-webgpu': () => ({ name: 'tfjs-webgpu', installed: true, start: node('tfjs.mjs', 'webgpu') }),
    'tfjs-wasm': () => ({ name: 'tfjs-wasm', installed: true, start: node('tfjs.mjs', 'wasm') }),
    'jax-js': () => ({ name: 'jax-js', installed: true, start: node('jax.mjs') }),
    pytorch: torch,
  };
  return names.map((name) => make[name]!());
}
