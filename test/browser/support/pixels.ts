/** What canvases show, read off screenshots. Imports fast-png and playwright-core's types. */
import { decode } from 'fast-png';
import type { Locator, Page } from 'playwright-core';

/** Colours of a picture, counted no further than `most`. */
export function colorsIn(png: Uint8Array, most = 16): number {
  const { data, channels } = decode(png);
  const seen = new Set<string>();
  for (let i = 0; i < data.length && seen.size < most; i += channels) seen.add(data.slice(i, i + 3).join());
  return seen.size;
}

/** Colours inside of a canvas, without its border and round corners. */
export async function colorsOn(page: Page, canvas: Locator): Promise<number> {
  await canvas.scrollIntoViewIfNeeded();
  const box = await canvas.boundingBox();
  if (!box) return 0;
  const margin = Math.min(6, box.width / 4, box.height / 4);
  const clip = {
    x: box.x + margin,
    y: box.y + margin,
    width: Math.max(1, box.width - 2 * margin),
    height: Math.max(1, box.height - 2 * margin),
  };
  return colorsIn(await page.screenshot({ clip }));
}
