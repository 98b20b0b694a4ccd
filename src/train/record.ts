/** What a trainer writes about itself into a checkpoint. Imports checkpoint, options, updater, nn types. */
import type { Model } from '../nn/model.ts';
import type { Position, Totals, TrainingRecord } from './checkpoint.ts';
import type { CheckedOptions } from './options.ts';
import type { Updater } from './updater.ts';

/** The record of a training run as it is now. */
export function recordOf({
  model,
  options: { optimizer, loss, seed, batchSize },
  updater,
  position,
  totals,
  normalization,
}: {
  readonly model: Model;
  readonly options: CheckedOptions;
  readonly updater: Updater;
  readonly position: Position;
  readonly totals: Totals;
  readonly normalization: TrainingRecord['normalization'];
}): Omit<TrainingRecord, 'extra'> {
  return {
    model: model.describe(),
    position: { ...position },
    seed,
    batchSize,
    optimizer: { name: optimizer.name, config: optimizer.config },
    loss: { name: loss.name, config: loss.config },
    normalization,
    update: updater.describe(position),
    ...(position.batch > 0 && { totals }),
  };
}
