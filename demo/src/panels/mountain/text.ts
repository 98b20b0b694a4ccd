/** What is said about a mountain. Pure. */
import { percent, short, whole } from '../../ui/format.ts';
import { RUNNER_NAMES } from './names.ts';
import type { RunnerResult, Summary, Wish } from './protocol.ts';

/** For those who do not see the picture. */
export function described(
  summary: Summary | null,
  scale: { readonly low: number; readonly high: number } | null,
): string {
  if (!summary || !scale) return 'The loss surface, not yet computed';
  const ends = summary.runners.flatMap(({ id, loss }) => (loss === null ? [] : `${RUNNER_NAMES[id]} ${short(loss)}`));
  return `Loss surface of ${summary.wish.grid} by ${summary.wish.grid} points, loss from ${short(scale.low)} to ${short(scale.high)}, with five paths from one start${ends.length > 0 ? `, which end at losses: ${ends.join(', ')}` : ''}. Arrow keys turn it, plus and minus zoom.`;
}

/** What the plane holds of all the ways together: squared distances, each optimizer counted alike. */
export const planeShare = (runners: readonly RunnerResult[]): number =>
  runners.reduce((sum, { share }) => sum + share, 0) / Math.max(1, runners.length);

const PLANES: { readonly [plane in Wish['plane']]: string } = {
  principal: 'The plane through the start that is nearest to all five paths (PCA, each path counted alike)',
  random: 'Two random directions, each filter scaled to the length of its weights (Li et al. 2018); 1 is that length',
};

/** What exactly was measured, in sentences. */
export function explained(summary: Summary): string[] {
  const { wish, runners, network, parameters, replaced, batchStatistics, holes } = summary;
  const share = planeShare(runners);
  const sentences = [
    `${network}, ${whole(parameters)} weights: a point of the surface is the loss of all of them together, measured on ${whole(wish.images)} training images.`,
    `${PLANES[wish.plane]}. It holds ${share < 0.001 ? 'less than 0.1 %' : percent(share)} of the squared distances travelled.`,
    `Each step takes the same ${wish.batch} images for all five.`,
  ];
  if (replaced)
    sentences.unshift(
      'The network has more than 400,000 weights, too many for this: LeNet-5 from new weights takes its place.',
    );
  if (batchStatistics)
    sentences.push(
      'Batch norm uses the statistics of each batch of 128 images, since running ones belong to other weights.',
    );
  if (holes > 0) sentences.push(`${whole(holes)} points have no finite loss and are left out.`);
  if (wish.plane === 'random')
    sentences.push(
      'The paths hardly move here: in so many dimensions a random plane misses almost everything that training does.',
    );
  return sentences;
}
