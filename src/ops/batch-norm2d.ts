/** Batch normalisation of images. Imports graph and channelNorm. */
import type { Value } from '../graph/types.ts';
import { ShapeError } from '../util/errors.ts';
import { show } from '../util/shape.ts';
import { type AffineOptions, channelNorm } from './channel-norm.ts';

export interface BatchNorm2dOptions extends AffineOptions {
  /** Mean of each channel over past batches: [c]; given together with the variance, or not. */
  readonly runningMean?: Value | null;
  /** Variance of each channel over past batches: [c]. */
  readonly runningVar?: Value | null;
  /** Normalise by the statistics of this batch (true) or by the running ones (false, the default). */
  readonly training?: boolean;
  /** Share of this batch in the new running statistics; default 0.1. */
  readonly momentum?: number;
}

export interface BatchNormed {
  readonly y: Value;
  /** (1 - momentum) * running + momentum * batch, with the unbiased variance; null where none are kept. */
  readonly runningMean: Value | null;
  readonly runningVar: Value | null;
}

/**
 * (x - mean) / sqrt(variance + eps) * weight + bias, mean and variance of each channel over the batch or from before;
 * x is [n, c, h, w]. A channel of a single value has no variance: y is bias, the running variance stays.
 * (torch.nn.functional.batch_norm, which returns y and changes the running statistics)
 *
 * @throws ShapeError for evaluation without running statistics, or shapes that do not fit.
 */
export function batchNorm2d(x: Value, options: BatchNorm2dOptions = {}): BatchNormed {
  const { runningMean, runningVar, training = false, ...rest } = options;
  const running = runningMean && runningVar ? ([runningMean, runningVar] as const) : null;
  if (!running && (runningMean || runningVar || !training))
    throw new ShapeError(
      `batchNorm2d: ${training ? 'one of runningMean and runningVar is missing' : 'evaluation needs runningMean and runningVar'} (x ${show(x.shape)}). ` +
        'Pass both, or training: true and neither.',
    );
  const statistics = training ? 'batch' : 'running';
  const { y, running: updated } = channelNorm(x, {
    ...rest,
    op: 'batchNorm2d',
    statistics,
    running,
    groups: x.shape[1] ?? 1,
  });
  return { y, runningMean: updated?.[0] ?? null, runningVar: updated?.[1] ?? null };
}
