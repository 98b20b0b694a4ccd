/** What is kept between visits: the network's checkpoint with its configuration and history, in this browser alone. Imports config. */
import { del, get, set } from 'idb-keyval';
import { type Config, configFrom } from './engine/config.ts';
import type { BatchPoint, Kept, TestPoint } from './engine/protocol.ts';

interface Visit extends Kept {
  readonly bytes: Uint8Array<ArrayBuffer>;
}

const KEY = 'gabor-visit-1';

/** All of it fails silently: a browser may forbid storage, and the demo works without. */
export const keptVisit = {
  /** The last visit; null where there is none, or a link asks for another configuration. */
  async read(linked: Config | null): Promise<Visit | null> {
    const visit = await get<Visit>(KEY).catch(() => undefined);
    if (!visit?.bytes) return null;
    const config = configFrom(visit.config);
    if (linked && JSON.stringify(linked) !== JSON.stringify(config)) return null;
    return { ...visit, config };
  },

  async write(visit: {
    config: Config;
    batches: BatchPoint[];
    tests: TestPoint[];
    bytes: Uint8Array<ArrayBuffer>;
  }): Promise<void> {
    await set(KEY, visit).catch(() => {});
  },

  async forget(): Promise<void> {
    await del(KEY).catch(() => {});
  },
};
