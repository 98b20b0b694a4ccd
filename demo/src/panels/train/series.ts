/** Rows of the charts: batches and tests on one axis of steps. Pure. */
import type { BatchPoint, TestPoint } from '../../engine/protocol.ts';

export interface Rows {
  readonly steps: number[];
  readonly train: (number | null)[];
  readonly test: (number | null)[];
}

/** More points than a chart has pixels are averaged in groups. */
const MOST = 800;

export function joined(batches: readonly BatchPoint[], tests: readonly TestPoint[], of: 'loss' | 'accuracy'): Rows {
  const group = Math.max(1, Math.ceil(batches.length / MOST));
  const at = new Map<number, { train: number | null; test: number | null }>();
  for (let i = 0; i < batches.length; i += group) {
    const part = batches.slice(i, i + group);
    const mean = part.reduce((sum, point) => sum + (point[of] ?? Number.NaN), 0) / part.length;
    at.set(part.at(-1)!.step, { train: Number.isFinite(mean) ? mean : null, test: null });
  }
  for (const { step, [of]: value } of tests) at.set(step, { train: at.get(step)?.train ?? null, test: value });
  const steps = [...at.keys()].sort((a, b) => a - b);
  return { steps, train: steps.map((step) => at.get(step)!.train), test: steps.map((step) => at.get(step)!.test) };
}

/** Exponential moving average; `keep` of the old value stays. Gaps are left out. */
export function smoothed(values: readonly (number | null)[], keep = 0.9): (number | null)[] {
  let mean = 0;
  let weight = 0;
  return values.map((value) => {
    if (value === null) return null;
    mean = keep * mean + (1 - keep) * value;
    weight = keep * weight + (1 - keep);
    return mean / weight;
  });
}
