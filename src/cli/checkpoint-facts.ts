/** What `gabor train` left in a checkpoint about the data. Imports train, cli/datasets. */
import type { Json } from '../graph/types.ts';
import type { Checkpoint } from '../train/checkpoint.ts';
import { DATASET_NAMES, type DatasetName } from './datasets.ts';

type Record = { readonly [key: string]: Json };

const isRecord = (json: Json | undefined): json is Record =>
  typeof json === 'object' && json !== null && !Array.isArray(json);

const extraOf = ({ training }: Checkpoint): Record => (isRecord(training?.extra) ? training.extra : {});

/** The data set that it was trained on; null where it does not say. */
export function datasetOf(checkpoint: Checkpoint): DatasetName | null {
  const { settings } = extraOf(checkpoint);
  return DATASET_NAMES.find((name) => isRecord(settings) && settings.dataset === name) ?? null;
}

/** Names of the classes; numbers where it has none. */
export function classesOf(checkpoint: Checkpoint, count: number): readonly string[] {
  const { classes } = extraOf(checkpoint);
  if (Array.isArray(classes) && classes.length === count) return classes.map(String);
  return Array.from({ length: count }, (_, label) => `${label}`);
}
