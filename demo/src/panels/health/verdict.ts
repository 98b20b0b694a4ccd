/** What the comparison of two losses says. Pure; imports format. */
import { percent, short } from '../../ui/format.ts';
import type { Duel, DuelPoint } from './protocol.ts';

/** Points that an accuracy is the mean of. */
const LAST = 3;
/** So far apart, one has won. */
const APART = 0.1;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);

/** Null before there is anything to say. */
export function verdict(points: readonly DuelPoint[], { output, start }: Duel): string | null {
  const [first, last] = [points[0], points.at(-1)];
  if (!first || !last) return null;
  const late = points.slice(-LAST);
  const cross = mean(late.map(({ accuracy }) => accuracy.crossEntropy));
  const squared = mean(late.map(({ accuracy }) => accuracy.squared));
  const now = `After ${last.step} steps cross-entropy reads ${percent(cross, 0)} of its images, squared error ${percent(squared, 0)}.`;
  const factor = `With p for an output of ${output}, squared error's gradient carries the factor p(1 − p)`;
  if (cross - squared >= APART) {
    const { crossEntropy, squared: other } = first.gradientNorm;
    const measured =
      crossEntropy !== null && other !== null && other > 0
        ? ` (at step ${first.step} its norm was ${short(other)}, cross-entropy's ${short(crossEntropy)})`
        : '';
    return `${now} ${factor}: where the net is wrong and sure of it, p is near 0 or 1 and almost nothing is left${measured}. Cross-entropy's gradient is p − y, without that factor.`;
  }
  if (squared - cross >= APART)
    return `${now} Cross-entropy's gradient p − y makes larger steps, here too large ones; squared error's carries the factor p(1 − p), which kept them small. Try a lower learning rate.`;
  return start === 'usual'
    ? `${now} ${factor}, which is far from 0 as long as the net is unsure: it is not much behind. Try saturated first weights.`
    : `${now} ${factor}, close to 0 where the net is wrong and sure of it.`;
}
