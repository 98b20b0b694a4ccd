/** Which faults a shader gets and which tests look at it. Imports mutations and Node's file system. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Mutation, mutationsOf, ordered } from './mutations.ts';

export interface ShaderPlan {
  /** `shaders/conv2d/taps.wgsl` */
  readonly file: string;
  readonly text: string;
  readonly mutations: readonly Mutation[];
  readonly barriers: readonly Mutation[];
  /** It has declarations and comments only. */
  readonly declares: boolean;
}

/** Tests of shaders that belong to no op, or to more than their folder's name says. */
const TESTS: { readonly [shader: string]: readonly string[] } = {
  'shaders/lib/broadcast.wgsl': ['test/ops/binary.test.ts', 'test/ops/where.test.ts', 'test/ops/arg-reduce.test.ts'],
  'shaders/lib/by-channel.wgsl': ['test/ops/epilogue.test.ts'],
  'shaders/lib/columns.wgsl': ['test/ops/binary-columns.test.ts', 'test/ops/where.test.ts'],
  'shaders/lib/divide.wgsl': ['test/ops/divide.test.ts'],
  'shaders/lib/image.wgsl': ['test/ops/upsample2d.test.ts', 'test/ops/pad.test.ts'],
  'shaders/lib/linear-id.wgsl': ['test/ops/own-shader.test.ts', 'test/ops/copy.test.ts', 'test/ops/pointwise.test.ts'],
  'shaders/lib/tree.wgsl': ['test/ops/reduce.test.ts', 'test/ops/arg-reduce.test.ts', 'test/ops/softmax.test.ts'],
  'shaders/lib/math.wgsl': ['test/ops/activations.test.ts', 'test/ops/pointwise.test.ts'],
  'shaders/lib/philox.wgsl': ['test/ops/dropout.test.ts'],
  'shaders/lib/pool-load.wgsl': ['test/ops/pool-plain.test.ts', 'test/ops/max-pool2d.test.ts'],
  'shaders/lib/pool-store.wgsl': ['test/ops/pool-plain.test.ts', 'test/ops/max-pool2d.test.ts'],
  'shaders/lib/pool-window.wgsl': ['test/ops/max-pool2d.test.ts', 'test/ops/avg-pool2d.test.ts'],
  'shaders/lib/step.wgsl': ['test/optim/optimizers.test.ts', 'test/optim/training.test.ts'],
  'shaders/lib/shuffle.wgsl': ['test/ops/gather-batch.test.ts'],
  'shaders/binary/': ['test/ops/binary.test.ts', 'test/ops/binary-columns.test.ts'],
  'shaders/channel-norm/finish.wgsl': ['test/ops/epilogue.test.ts', 'test/ops/batch-norm2d.test.ts'],
  'shaders/channel-norm/': [
    'test/ops/channel-norm.test.ts',
    'test/ops/batch-norm2d.test.ts',
    'test/ops/group-norm.test.ts',
  ],
  'shaders/conv2d/store.wgsl': ['test/ops/epilogue.test.ts', 'test/ops/conv2d.test.ts'],
  'shaders/conv2d/store-one.wgsl': ['test/ops/epilogue.test.ts', 'test/ops/conv2d.test.ts'],
  'shaders/conv2d/pool.wgsl': ['test/ops/conv2d-pool.test.ts'],
  'shaders/conv2d/forward-single-pool.wgsl': ['test/ops/conv2d-pool.test.ts'],
  'shaders/conv2d/backward-weight-few.wgsl': ['test/ops/conv2d-few.test.ts'],
  'shaders/conv2d/few-pixels.wgsl': ['test/ops/conv2d-few.test.ts'],
  'shaders/conv2d/forward-few.wgsl': ['test/ops/conv2d-few.test.ts', 'test/ops/epilogue.test.ts'],
  'shaders/conv2d/': [
    'test/ops/conv2d.test.ts',
    'test/ops/conv2d-shapes.test.ts',
    'test/ops/conv2d-pool.test.ts',
    'test/ops/conv2d-winograd.test.ts',
    'test/ops/conv2d-strip.test.ts',
    'test/ops/conv2d-few.test.ts',
    'test/ops/conv2d-block-pool.test.ts',
    'test/ops/conv-transpose2d.test.ts',
    'test/ops/epilogue.test.ts',
  ],
  'shaders/matmul/': ['test/ops/matmul.test.ts', 'test/ops/linear-backward.test.ts', 'test/ops/epilogue.test.ts'],
  'shaders/pointwise/': ['test/ops/pointwise.test.ts', 'test/ops/activations.test.ts'],
  'shaders/inspect/': ['test/inspect/monitor.test.ts'],
  'shaders/augment-images/': ['test/ops/augment-images.test.ts', 'test/train/augment.test.ts'],
  'shaders/mix-batch/': ['test/ops/mix-batch.test.ts', 'test/train/augment.test.ts'],
  'shaders/metrics/': ['test/train/metrics.test.ts', 'test/train/fit.test.ts', 'test/train/numbers.test.ts'],
  'shaders/optimizer/add-parts.wgsl': ['test/train/add-parts.test.ts'],
  'shaders/optimizer/': ['test/optim/optimizers.test.ts', 'test/optim/training.test.ts', 'test/optim/optim.test.ts'],
  'shaders/self-test/': ['test/gpu/self-test.test.ts'],
};

/** Families of the golden data, which are asked where a shader's own tests notice nothing. */
const GOLDENS: { readonly [folder: string]: string } = {
  'avg-pool2d': 'pool',
  binary: 'elementwise',
  'channel-norm': 'norm',
  concat: 'shape',
  conv2d: 'conv2d',
  'cross-entropy': 'losses',
  'layer-norm': 'norm',
  matmul: 'linear',
  'max-pool2d': 'pool',
  optimizer: 'optim',
  pad: 'shape',
  pointwise: 'activations',
  'pointwise-loss': 'losses',
  reduce: 'reductions',
  slice: 'shape',
  softmax: 'softmax',
  upsample2d: 'upsample',
};

/** Folders of shaders that compute nothing that anybody uses. */
export const LEFT_OUT: { readonly [folder: string]: string } = { bench: 'they measure a device' };

/** Test files that look at a shader, the nearest first. */
export function testsOf(root: string, file: string): string[] {
  const folder = file.split('/')[1]!;
  const own = TESTS[file] ?? TESTS[`shaders/${folder}/`] ?? [`test/ops/${folder}.test.ts`];
  return own.filter((path) => existsSync(join(root, path)));
}

/** The family of golden data that a shader's op belongs to; null where there is none. */
export const goldensOf = (file: string): string | null => GOLDENS[file.split('/')[1]!] ?? null;

/** All shaders with their faults. */
export function plansOf(root: string): ShaderPlan[] {
  return readdirSync(join(root, 'shaders'), { recursive: true, encoding: 'utf8' })
    .map((name) => `shaders/${name.replaceAll('\\', '/')}`)
    .filter((file) => basename(file).endsWith('.wgsl') && !Object.hasOwn(LEFT_OUT, file.split('/')[1]!))
    .sort()
    .map((file) => {
      const text = readFileSync(join(root, file), 'utf8');
      const all = mutationsOf(text);
      const barriers = all.filter(({ kind }) => kind === 'barrier');
      const declares = all.length === 0 && !/\bfn /.test(text);
      return { file, text, mutations: ordered(file, all), barriers, declares };
    });
}
