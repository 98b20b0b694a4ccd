/** How long the page's own thread was busy at a stretch, from Chromium's trace. Imports playwright-core's types. */
import type { Browser, Page } from 'playwright-core';

interface TraceEvent {
  readonly name: string;
  readonly pid: number;
  readonly tid: number;
  readonly args?: { readonly name?: string };
  /** Microseconds: by the clock, and of the processor's time that the thread had. */
  readonly dur?: number;
  readonly tdur?: number;
}

export interface Task {
  /** ms. */
  readonly clock: number;
  readonly processor: number;
}

/** Tasks of renderers' main threads: where there is one page, its own. */
export function tasksIn(events: readonly TraceEvent[]): Task[] {
  const main = new Set(
    events
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return events
    .filter(({ name, pid, tid }) => name === 'RunTask' && main.has(`${pid} ${tid}`))
    .map(({ dur = 0, tdur = dur }) => ({ clock: dur / 1000, processor: tdur / 1000 }));
}

export async function tasksWhile(
  { browser, page }: { readonly browser: Browser; readonly page: Page },
  work: () => Promise<void>,
): Promise<Task[]> {
  await browser.startTracing(page, { categories: ['disabled-by-default-devtools.timeline'] });
  await work();
  const trace = await browser.stopTracing();
  const { traceEvents }: { traceEvents: TraceEvent[] } = JSON.parse(trace.toString());
  return tasksIn(traceEvents);
}
