/**
 * `npm run demo:shots`: pictures of every panel after a little training, light and dark, on a wide screen and on a phone, and of the
 * page without WebGPU, into out/demo-shots/. To be looked at. Imports the support of the browser tests and Node's own modules.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { findChromium, launch } from '../test/browser/support/chromium.ts';
import { openSite } from '../test/browser/support/site.ts';
import { computeMountain, goTo, panelsOf, pause, ready, start, stepOf, visit } from '../test/browser/support/visit.ts';

const FOLDER = join(import.meta.dirname, '..', 'out', 'demo-shots');
const SCREENS = { wide: 1280, phone: 390 } as const;
const SCHEMES = ['light', 'dark'] as const;
const HASH = '#optimizer=adam&lr=0.002';
const TRAIN_MS = 12_000;
/** For a panel to follow a new width or theme, or to be computed at first. */
const SETTLE_MS = 800;
const FIRST_MS = 3000;

async function shootPanels(page: Page): Promise<void> {
  // It would lie over panels that are taller than the screen.
  await page.locator('header.top').evaluate((header) => header.style.setProperty('position', 'static'));
  const panels = await panelsOf(page);
  for (const panel of panels) {
    await goTo(page, panel);
    await page.waitForTimeout(FIRST_MS);
  }
  for (const [screen, width] of Object.entries(SCREENS)) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      for (const panel of panels) {
        await goTo(page, panel);
        await page.waitForTimeout(SETTLE_MS);
        // What is below the screen is drawn when it comes there.
        await page.locator(`#${panel} details.code`).scrollIntoViewIfNeeded();
        await page.waitForTimeout(SETTLE_MS);
        await page.locator(`#${panel}`).screenshot({ path: join(FOLDER, `${panel}-${screen}-${colorScheme}.png`) });
      }
    }
  }
}

async function shootWithoutGpu(browser: Browser, url: string): Promise<void> {
  const { page, close } = await visit(browser, {
    url,
    prepare: async (blank) => {
      await blank.addInitScript("Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined })");
    },
  });
  await page.locator('.recorded').waitFor();
  for (const [screen, width] of Object.entries(SCREENS)) {
    await page.setViewportSize({ width, height: 900 });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(FOLDER, `no-webgpu-${screen}-${colorScheme}.png`), fullPage: true });
    }
  }
  await close();
}

async function main(): Promise<void> {
  const executable = findChromium();
  if (!executable) throw new Error('No Chromium found. Install one, or set CHROMIUM_PATH.');
  mkdirSync(FOLDER, { recursive: true });
  const [site, browser] = await Promise.all([openSite(), launch(executable)]);
  try {
    const { page, problems, close } = await visit(browser, { url: `${site.url}${HASH}` });
    await ready(page);
    // Health is told what happens while it is shown.
    await goTo(page, 'health');
    await page.waitForTimeout(FIRST_MS);
    await start(page);
    await page.waitForTimeout(TRAIN_MS);
    await pause(page);
    console.log(`trained ${await stepOf(page)} steps`);
    await computeMountain(page);
    await shootPanels(page);
    await close();
    await shootWithoutGpu(browser, site.url);
    for (const problem of problems) console.error(problem);
    process.exitCode = problems.length > 0 ? 1 : 0;
    console.log(`pictures are in ${FOLDER}`);
  } finally {
    await browser.close();
    await site.close();
  }
}

await main();
