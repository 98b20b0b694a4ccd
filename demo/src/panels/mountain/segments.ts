/** Lines as the shader takes them: numbers, twelve a segment. Pure. */
import type { Point } from './camera.ts';
import type { Rgb } from './protocol.ts';

export const SEGMENT_FLOATS = 12;

export interface Pen {
  readonly color: Rgb;
  /** In pixels. */
  readonly width: number;
  /** 0..1; default 1. */
  readonly alpha?: number;
  /** Shows faintly through the surface; default: it is hidden. */
  readonly shines?: boolean;
}

export class Segments {
  #floats: number[] = [];
  #ratio: number;

  /** `ratio`: pixels of the canvas for one of the page. */
  constructor(ratio: number) {
    this.#ratio = ratio;
  }

  /** A line through points; those that are not finite part it. */
  line(points: readonly Point[], { color, width, alpha = 1, shines = false }: Pen): void {
    const half = (width * this.#ratio) / 2;
    for (const [i, end] of points.entries()) {
      const start = points[i - 1];
      if (!start || ![...start, ...end].every(Number.isFinite)) continue;
      this.#floats.push(...start, half, ...end, shines ? 1 : 0, ...color, alpha);
    }
  }

  dot(point: Point, pen: Pen): void {
    this.line([point, point], pen);
  }

  floats(): Float32Array<ArrayBuffer> {
    return Float32Array.from(this.#floats);
  }
}
