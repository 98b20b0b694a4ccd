/** Digits drawn with the mouse on the pad. Imports playwright-core's types. */
import type { Page } from 'playwright-core';

/** Places of the pad, 0..1 each way, that the mouse is led along. */
type Path = readonly (readonly [x: number, y: number])[];

const ellipse: Path = Array.from({ length: 33 }, (_, i) => {
  const angle = (2 * Math.PI * i) / 32 - Math.PI / 2;
  return [0.5 + 0.2 * Math.cos(angle), 0.5 + 0.3 * Math.sin(angle)] as const;
});

export const STROKES: { readonly [digit: string]: Path } = {
  0: ellipse,
  1: [
    [0.5, 0.18],
    [0.5, 0.82],
  ],
  7: [
    [0.28, 0.22],
    [0.72, 0.22],
    [0.45, 0.82],
  ],
};

/** Draws on the wiped pad. */
export async function draw(page: Page, path: Path): Promise<void> {
  const clear = page.locator('#draw button', { hasText: 'Clear' });
  if (await clear.isEnabled()) await clear.click();
  const pad = page.locator('#draw canvas.pad');
  await pad.scrollIntoViewIfNeeded();
  const box = await pad.boundingBox();
  if (!box) throw new Error('The pad is not on the screen.');
  const at = ([x, y]: Path[number]): [number, number] => [box.x + x * box.width, box.y + y * box.height];
  await page.mouse.move(...at(path[0]!));
  await page.mouse.down();
  for (const place of path.slice(1)) await page.mouse.move(...at(place), { steps: 6 });
  await page.mouse.up();
}
