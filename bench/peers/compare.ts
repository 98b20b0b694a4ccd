/** Whether peers compute the same, and how their speeds compare. Pure; imports nothing. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Null of nothing. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = [...values].sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/**
 * How many times as fast as another, round by round: two rates of one round were measured one shortly after the other, so
 * that the machine's mood cancels out.
 */
export function ratioOf(ours: readonly number[], theirs: readonly number[]): Spread | null {
  const rounds = Math.min(ours.length, theirs.length);
  return spreadOf(Array.from({ length: rounds }, (_, i) => ours[i]! / theirs[i]!));
}

/** Values of every peer by its name. */
type ByPeer = ReadonlyMap<string, readonly number[]>;

export interface LossOptions {
  /** Greatest distance from the median of all peers, as a share of it; default 0.02. */
  readonly tolerance?: number;
}

const medianAt = (curves: ByPeer, i: number): number =>
  spreadOf([...curves.values()].map((curve) => curve[i] ?? Number.NaN).filter(Number.isFinite))?.median ?? Number.NaN;

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length;

/**
 * Losses of the first steps, from the same weights on the same data: for each peer, null or why it does not train as the
 * others do. Peers are compared with the median of them all, so that one that is wrong does not speak against the others.
 */
export function compareLosses(curves: ByPeer, { tolerance = 0.02 }: LossOptions = {}): Map<string, string | null> {
  const verdict = (curve: readonly number[]): string | null => {
    if (curve.length === 0) return 'no losses';
    for (const [i, loss] of curve.entries()) {
      const usual = medianAt(curves, i);
      if (!Number.isFinite(loss)) return `the loss of step ${i + 1} is ${loss}`;
      if (Math.abs(loss - usual) > tolerance * Math.max(0.05, usual))
        return `the loss of step ${i + 1} is ${loss.toFixed(4)}, the peers' median ${usual.toFixed(4)}`;
    }
    const half = curve.length >> 1;
    const [before, after] = [mean(curve.slice(0, half)), mean(curve.slice(-half))];
    return after < before
      ? null
      : `the loss does not fall: from ${before.toFixed(4)} to ${after.toFixed(4)} (means of both halves of the first ${curve.length} steps)`;
  };
  return new Map([...curves].map(([peer, curve]) => [peer, verdict(curve)]));
}

/** The same for probabilities of the first batch, before training. */
export function compareOutputs(outputs: ByPeer, tolerance = 2e-3): Map<string, string | null> {
  const verdict = (values: readonly number[]): string | null => {
    for (const [i, value] of values.entries()) {
      const usual = medianAt(outputs, i);
      if (!(Math.abs(value - usual) <= tolerance))
        return `probability ${i} is ${value.toFixed(4)}, the peers' median ${usual.toFixed(4)}`;
    }
    return values.length > 0 ? null : 'no outputs';
  };
  return new Map([...outputs].map(([peer, values]) => [peer, verdict(values)]));
}
