/** What failures say, and whether the GPU is behind them. Imports types of gabor. */
import type { Device } from '../../../src/index.ts';

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether a device is lost now or in a moment. */
export async function lostSoon({ gpu }: Device): Promise<boolean> {
  const moment = new Promise<false>((resolve) => setTimeout(() => resolve(false), 500));
  return Promise.race([gpu.lost.then(() => true), moment]);
}
