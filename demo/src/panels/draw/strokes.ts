/** Strokes of a pen and how they become a picture. Pure but for the 2D context that it draws into. */

export interface Point {
  /** 0..1 of the canvas. */
  readonly x: number;
  readonly y: number;
  /** 0..1; 0.5 where the device does not tell. */
  readonly pressure: number;
}

export type Stroke = readonly Point[];

/** Side of the canvas in its own pixels. */
export const SIDE = 280;

/** Width of a stroke in pixels of the canvas: MNIST's pens leave about 2 of 20 pixels. */
const WIDTH = 22;

/** White ink on black, as MNIST. */
export function paint(context: CanvasRenderingContext2D, strokes: readonly Stroke[]): void {
  context.fillStyle = '#000';
  context.fillRect(0, 0, SIDE, SIDE);
  context.strokeStyle = '#fff';
  context.lineCap = 'round';
  context.lineJoin = 'round';
  for (const stroke of strokes)
    for (const [i, to] of stroke.entries()) {
      const from = stroke[i - 1] ?? to;
      context.lineWidth = WIDTH * (0.6 + 0.8 * to.pressure);
      context.beginPath();
      context.moveTo(from.x * SIDE, from.y * SIDE);
      context.lineTo(to.x * SIDE, to.y * SIDE);
      context.stroke();
    }
}

/** Red of RGBA pixels as grey in 0..1. */
export const grayOf = (rgba: Uint8ClampedArray): Float32Array =>
  Float32Array.from({ length: rgba.length / 4 }, (_, i) => rgba[4 * i]! / 255);

/** 28 x 28 bytes as RGBA. */
export function rgbaOf(digit: Uint8Array): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(4 * digit.length);
  digit.forEach((value, i) => {
    rgba.set([value, value, value, 255], 4 * i);
  });
  return rgba;
}
