/** When the test images are to be read again. Pure. */

/** Between two readings while the network trains, ms: they take their share of the GPU. */
export const EVERY_MS = 20_000;

interface Situation {
  readonly generation: number;
  readonly step: number;
  readonly running: boolean;
  /** ms. */
  readonly now: number;
  readonly epochs: number;
}

/** When, and of which network, the last reading was made. */
export type LastReading = Omit<Situation, 'running'>;

/** Of another network: at once. While it trains: now and then, and when an epoch has ended. Paused: where it stands now. */
export function isDue(last: LastReading | null, { generation, step, running, now, epochs }: Situation): boolean {
  if (last?.generation !== generation) return true;
  if (last.step === step) return false;
  return !running || epochs !== last.epochs || now - last.now >= EVERY_MS;
}
