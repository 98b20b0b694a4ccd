/** What visitors without WebGPU see, in a real browser. Imports support. */
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findChromium, LEFT_OUT, launch } from './support/chromium.ts';
import { colorsOn } from './support/pixels.ts';
import { openSite, type Site } from './support/site.ts';
import { visit } from './support/visit.ts';

const executable = findChromium();

/** As in a browser that has no WebGPU. */
async function withoutGpu(page: Page): Promise<void> {
  await page.addInitScript(() => {
    Object.defineProperty(Navigator.prototype, 'gpu', { value: undefined });
  });
}

/** As where the driver is on a list of broken ones. */
async function withoutAdapter(page: Page): Promise<void> {
  await page.addInitScript(() => {
    Object.defineProperty(navigator.gpu, 'requestAdapter', { value: async () => null });
  });
}

/** It plays, pauses, can be led by hand, and its pictures are there. */
async function showsRecording(page: Page): Promise<void> {
  const canvases = page.locator('.recorded canvas');
  expect(await canvases.count()).toBe(7);
  for (let i = 0; i < 7; i++) expect(await colorsOn(canvases.nth(i))).toBeGreaterThan(1);
  const accuracy = page.locator('.recorded-big');
  const last = await accuracy.textContent();
  await expect.poll(() => accuracy.textContent(), { timeout: 15_000 }).not.toBe(last);
  await page.locator('.recorded button', { hasText: 'Pause' }).press('Enter');
  await page.locator('.recorded input[type=range]').press('Home');
  const text = page.locator('.recorded-controls label');
  expect(await text.textContent()).toBe('Step 0, 0 images learned from');
  await page.waitForTimeout(1000);
  expect(await text.textContent()).toBe('Step 0, 0 images learned from');
}

function story(path: string): void {
  let site: Site;
  let browser: Browser;
  beforeAll(async () => {
    [site, browser] = await Promise.all([openSite(), launch(path)]);
  });
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  });

  test.each([
    ['WebGPU', withoutGpu, 'has no WebGPU'],
    ['an adapter', withoutAdapter, 'finds no graphics adapter'],
  ] as const)('without %s the page says so, and how to get it in this browser', async (_, prepare, reason) => {
    const { page, problems, close } = await visit(browser, { url: site.url, prepare });
    try {
      const alert = page.locator('main [role=alert]');
      await alert.waitFor({ timeout: 15_000 });
      expect(await alert.textContent()).toContain(reason);
      expect(await page.locator('main').textContent()).toContain('In Chrome: Use Chrome 113 or newer');
      await showsRecording(page);
      expect(problems).toEqual([]);
    } finally {
      await close();
    }
  });
}

if (executable) describe('without WebGPU', () => story(executable));
else test(LEFT_OUT, () => expect(executable).toBeNull());
