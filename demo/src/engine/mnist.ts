/** MNIST in the browser: fetched once with progress, kept in the browser's cache. Runs in the worker; imports gabor. */
import { type Dataset, decodeIdx, imageDataset } from '../../../src/index.ts';

export interface Mnist {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** Bytes that have arrived, of all; `total` is an estimate where the server does not tell. */
export interface Download {
  readonly loaded: number;
  readonly total: number;
}

const CACHE = 'gabor-mnist-1';

/** Name and size in bytes, in the order of their use. */
const FILES = [
  ['train-images', 9_840_000],
  ['train-labels', 28_600],
  ['test-images', 1_640_000],
  ['test-labels', 4_500],
] as const;

/** The cache of this browser; none where the page is not served securely. */
async function openCache(): Promise<Cache | null> {
  return typeof caches === 'undefined' ? null : caches.open(CACHE).catch(() => null);
}

/** A file's bytes as they are sent, from the cache where they are there. */
async function fetchBytes(url: string, onChunk: (bytes: number) => void): Promise<Uint8Array<ArrayBuffer>> {
  const cache = await openCache();
  const kept = await cache?.match(url);
  const response = kept ?? (await fetch(url));
  if (!response.ok || !response.body)
    throw new Error(`${url} cannot be loaded (status ${response.status}). Reload the page, or build the site again.`);
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    onChunk(value.length);
  }
  const blob = new Blob(chunks);
  // Storage may be full or forbidden: then it is fetched again next time.
  if (!kept) await cache?.put(url, new Response(blob)).catch(() => {});
  return new Uint8Array(await blob.arrayBuffer());
}

/** All of MNIST, normalised as the command line does. `base` is the address of the folder data/. */
export async function loadMnist(base: string, onProgress: (progress: Download) => void): Promise<Mnist> {
  const total = FILES.reduce((sum, [, bytes]) => sum + bytes, 0);
  let loaded = 0;
  const files = await Promise.all(
    FILES.map(async ([name]) => {
      const bytes = await fetchBytes(new URL(`${name}.gz`, base).href, (count) => {
        loaded += count;
        onProgress({ loaded: Math.min(loaded, total), total });
      });
      return decodeIdx(bytes, { name });
    }),
  );
  onProgress({ loaded: total, total });
  const make = (images: Uint8Array, labels: Uint8Array): Dataset =>
    imageDataset({ images, labels, shape: [1, 28, 28], classes: 10, mean: [0.1307], std: [0.3081] });
  const [trainImages, trainLabels, testImages, testLabels] = files.map(({ data }) => data);
  return { train: make(trainImages!, trainLabels!), test: make(testImages!, testLabels!) };
}
