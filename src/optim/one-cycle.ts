/** The one-cycle policy. Imports schedules, optimizer. */
import { ArgumentError } from '../util/errors.ts';
import { checkRanges } from './optimizer.ts';
import { cosineBetween, type Per, type Schedule } from './schedules.ts';

export interface OneCycleOptions extends Per {
  /** Length of the cycle; the last values stay after it. */
  readonly totalSteps: number;
  /** The top; default: the learning rate of the optimizer or the group. */
  readonly maxLr?: number;
  /** Share of the cycle in which the rate rises; default 0.3. */
  readonly pctStart?: number;
  /** Default 'cos'. */
  readonly annealStrategy?: 'cos' | 'linear';
  /** Move the momentum (or beta1) against the rate; default true. */
  readonly cycleMomentum?: boolean;
  /** Momentum at the top of the rate; default 0.85. */
  readonly baseMomentum?: number;
  /** Momentum at both ends; default 0.95. */
  readonly maxMomentum?: number;
  /** The rate begins at maxLr / divFactor; default 25. */
  readonly divFactor?: number;
  /** It ends at that divided by finalDivFactor; default 1e4. */
  readonly finalDivFactor?: number;
  /** Down to where it began in as many steps as up, then on to the end; default false: down to the end at once. */
  readonly threePhase?: boolean;
}

interface Knot {
  readonly count: number;
  /** Of maxLr. */
  readonly share: number;
  readonly momentum: number;
}

/**
 * One cycle: the rate rises from maxLr / divFactor to maxLr and falls far below, while the momentum does the opposite
 * (Smith and Topin 2018). Counts steps by default. Source: torch.optim.lr_scheduler.OneCycleLR.
 *
 * @throws ArgumentError for a value out of range.
 */
export function oneCycleLR(options: OneCycleOptions): Schedule {
  const { totalSteps, maxLr, pctStart = 0.3, annealStrategy = 'cos', cycleMomentum = true } = options;
  const { baseMomentum = 0.85, maxMomentum = 0.95, divFactor = 25, finalDivFactor = 1e4 } = options;
  const { threePhase = false, per = 'step' } = options;
  checkRanges('oneCycleLR', {
    totalSteps: [totalSteps, 2, Infinity],
    maxLr: [maxLr ?? 0, 0, Infinity],
    pctStart: [pctStart, 0, threePhase ? 0.5 : 1],
    baseMomentum: [baseMomentum, 0, 1 - Number.EPSILON],
    maxMomentum: [maxMomentum, 0, 1 - Number.EPSILON],
    divFactor: [divFactor, Number.MIN_VALUE, Infinity],
    finalDivFactor: [finalDivFactor, Number.MIN_VALUE, Infinity],
  });
  if (!['cos', 'linear'].includes(annealStrategy))
    throw new ArgumentError(`oneCycleLR: annealStrategy is "${annealStrategy}". Use "cos" or "linear".`);
  const first = { count: 0, share: 1 / divFactor, momentum: maxMomentum };
  const top = { count: pctStart * totalSteps - 1, share: 1, momentum: baseMomentum };
  const back = { ...first, count: 2 * pctStart * totalSteps - 2 };
  const last = { count: totalSteps - 1, share: 1 / divFactor / finalDivFactor, momentum: maxMomentum };
  const knots: readonly Knot[] = threePhase ? [first, top, back, last] : [first, top, last];
  const between = (count: number, of: (knot: Knot) => number): number => {
    const at = Math.min(count, last.count);
    const to = Math.max(
      1,
      knots.findIndex((knot, i) => i > 0 && at <= knot.count),
    );
    const [a, b] = [knots[to - 1]!, knots[to]!];
    const share = b.count > a.count ? (at - a.count) / (b.count - a.count) : 1;
    return annealStrategy === 'cos' ? cosineBetween(of(a), of(b), share) : of(a) + (of(b) - of(a)) * share;
  };
  return {
    name: 'oneCycleLR',
    per,
    at: (count, lr) => between(count, ({ share }) => (maxLr ?? lr) * share),
    ...(cycleMomentum && { momentumAt: (count: number) => between(count, ({ momentum }) => momentum) }),
    config: {
      ...{ totalSteps, maxLr: maxLr ?? null, pctStart, annealStrategy, cycleMomentum, baseMomentum, maxMomentum },
      ...{ divFactor, finalDivFactor, threePhase, per },
    },
  };
}
