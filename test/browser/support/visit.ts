/** A visit of the demo: a page whose errors and foreign requests are written down, and what is read off it. Imports playwright-core's types. */
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';

export interface Visit {
  readonly page: Page;
  /** Errors of the console and of scripts, requests that failed or left the site. */
  readonly problems: readonly string[];
  close(): Promise<void>;
}

interface VisitOptions extends BrowserContextOptions {
  readonly url: string;
  /** Before anything of the page runs. */
  prepare?(page: Page): Promise<void>;
}

/** Writes down from now on what must not happen on a page. */
export function watch(page: Page, origin: string): string[] {
  const problems: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') problems.push(`console: ${message.text()}`);
  });
  page.on('pageerror', (error) => problems.push(`error: ${error.message}`));
  page.on('requestfailed', (request) =>
    problems.push(`failed: ${request.url()} ${request.failure()?.errorText ?? ''}`),
  );
  page.on('request', (request) => {
    const { protocol, origin: asked } = new URL(request.url());
    if (protocol.startsWith('http') && asked !== origin) problems.push(`foreign: ${request.url()}`);
  });
  return problems;
}

export async function visit(browser: Browser, { url, prepare, ...options }: VisitOptions): Promise<Visit> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems = watch(page, new URL(url).origin);
  await prepare?.(page);
  await page.goto(url);
  return { page, problems, close: () => context.close() };
}

/** Until the network is there. */
export async function ready(page: Page): Promise<void> {
  await page.locator('header button.primary:not([disabled])').waitFor({ timeout: 90_000 });
}

/** Brings a panel onto the screen, and waits until its code is there. */
export async function goTo(page: Page, panel: string): Promise<void> {
  const section = page.locator(`#${panel}`);
  await section.evaluate((element) => element.scrollIntoView({ behavior: 'instant' }));
  await section.locator('details.code').waitFor({ timeout: 30_000 });
}

export const panelsOf = (page: Page): Promise<string[]> =>
  page.locator('main > section').evaluateAll((sections) => sections.map(({ id }) => id));

const numberIn = (text: string | null, pattern: RegExp): number => {
  const found = pattern.exec(text ?? '')?.[1];
  if (found === undefined) throw new Error(`There is no ${pattern} in "${text}".`);
  return Number(found.replaceAll(',', ''));
};

/** As the header says it. */
export const stepOf = async (page: Page): Promise<number> =>
  numberIn(await page.locator('header .status').textContent(), /step ([\d,]+)/);

/** Of the last test, in percent. */
export const accuracyOf = async (page: Page): Promise<number> =>
  numberIn(await page.locator('#train .numbers dd.big').textContent(), /([\d.]+) %/);

export const start = (page: Page): Promise<void> => page.locator('header button.primary', { hasText: 'Start' }).click();

export async function pause(page: Page): Promise<void> {
  await page.locator('header button.primary', { hasText: 'Pause' }).click();
  await page.locator('header button.primary', { hasText: 'Start' }).waitFor({ timeout: 30_000 });
}

/** Has the mountain measured, which is not there before somebody asks for it. */
export async function computeMountain(page: Page): Promise<void> {
  await goTo(page, 'mountain');
  const button = page.locator('#mountain button', { hasText: /^Compute/ });
  await button.press('Enter');
  await page.locator('#mountain button', { hasText: 'Compute again' }).waitFor({ timeout: 120_000 });
  await page.locator('#mountain .mountain-progress').waitFor({ state: 'detached', timeout: 120_000 });
}
