/** What canvases show. Imports playwright-core's types. */
import type { Locator } from 'playwright-core';

/** More colours than these are not counted. */
const MOST = 16;

/**
 * Colours that a canvas itself holds, whoever draws into it: the page with 2D, or the worker with WebGPU. Not those of what lies over
 * it or around it.
 */
export const colorsOn = (canvas: Locator): Promise<number> =>
  canvas.evaluate((element, most) => {
    const source = element as HTMLCanvasElement;
    source.scrollIntoView({ block: 'center', behavior: 'instant' });
    const copy = new OffscreenCanvas(Math.max(1, source.width), Math.max(1, source.height));
    const context = copy.getContext('2d')!;
    context.drawImage(source, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer);
    const seen = new Set<number>();
    for (let i = 0; i < pixels.length && seen.size < most; i++) seen.add(pixels[i]!);
    return seen.size;
  }, MOST);
