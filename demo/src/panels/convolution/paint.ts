/** The image with its padding, and the output, on 2D canvases. Imports geometry, colors, text. */
import { cssOf, greyColor, inkOn, type Rgb, signedColor } from './colors.ts';
import { extentOf, isReached, startOf } from './geometry.ts';
import { cellText } from './text.ts';
import type { Place, Problem } from './window.ts';

export interface Colors {
  readonly dark: boolean;
  readonly card: string;
  readonly line: string;
  readonly soft: string;
  readonly mark: string;
}

export interface Brush {
  readonly context: CanvasRenderingContext2D;
  /** Side of a cell, and pixels of the screen for one of CSS; both in pixels of the screen. */
  readonly cell: number;
  readonly ratio: number;
  readonly colors: Colors;
}

/** From these sides on, in CSS pixels, cells have edges, and numbers. */
const EDGES_FROM = 8;
const NUMBERS_FROM = 24;

function hatch({ context, ratio, colors }: Brush): CanvasPattern {
  const side = Math.round(6 * ratio);
  const tile = document.createElement('canvas');
  [tile.width, tile.height] = [side, side];
  const lines = tile.getContext('2d')!;
  lines.strokeStyle = colors.soft;
  lines.globalAlpha = 0.45;
  lines.lineWidth = ratio;
  for (const shift of [-side, 0, side]) {
    lines.moveTo(shift - 1, side + 1);
    lines.lineTo(shift + side + 1, -1);
  }
  lines.stroke();
  return context.createPattern(tile, 'repeat')!;
}

function write({ context, cell }: Brush, { row, column }: Place, text: string): void {
  context.font = `${Math.round(cell * (text.length > 4 ? 0.32 : 0.4))}px system-ui, sans-serif`;
  context.textAlign = 'center';
  context.textBaseline = 'middle';
  context.fillText(text, (column + 0.5) * cell, (row + 0.54) * cell, cell * 0.94);
}

function fill({ context, cell }: Brush, { row, column }: Place): void {
  context.fillRect(column * cell, row * cell, cell, cell);
}

/** A cell in its colour, with its number where there is room. */
function paintCell(brush: Brush, at: Place, { color, value }: { color: Rgb; value: number }): void {
  const { context, cell, ratio } = brush;
  context.fillStyle = cssOf(color);
  fill(brush, at);
  if (cell < NUMBERS_FROM * ratio) return;
  context.fillStyle = inkOn(color);
  write(brush, at, cellText(value, 2));
}

function paintEdges({ context, cell, ratio }: Brush, [rows, columns]: readonly [number, number]): void {
  if (cell < EDGES_FROM * ratio) return;
  context.strokeStyle = 'rgb(128 128 128 / 0.35)';
  context.lineWidth = Math.max(1, Math.round(ratio / 2));
  context.beginPath();
  for (let row = 0; row <= rows; row++) {
    context.moveTo(0, row * cell);
    context.lineTo(columns * cell, row * cell);
  }
  for (let column = 0; column <= columns; column++) {
    context.moveTo(column * cell, 0);
    context.lineTo(column * cell, rows * cell);
  }
  context.stroke();
}

/** A frame that is seen on any colour. */
function outline({ context, cell, ratio, colors }: Brush, at: Place, [rows, columns]: readonly [number, number]): void {
  for (const [color, width] of [
    [colors.card, 5],
    [colors.mark, 2.5],
  ] as const) {
    context.strokeStyle = color;
    context.lineWidth = width * ratio;
    context.strokeRect(at.column * cell, at.row * cell, columns * cell, rows * cell);
  }
}

/** Rows and columns of the image with all that is around it. */
export const inputExtent = ({ axes: { rows, columns } }: Problem): readonly [number, number] => [
  extentOf(rows),
  extentOf(columns),
];

function paintOutside(brush: Brush, problem: Problem): void {
  const { context, cell, ratio, colors } = brush;
  const { rows, columns } = problem.axes;
  const [height, width] = [rows.before + rows.size + rows.after, columns.before + columns.size + columns.after];
  context.fillStyle = hatch(brush);
  context.fillRect(0, 0, width * cell, height * cell);
  if (cell < NUMBERS_FROM * ratio) return;
  context.fillStyle = colors.soft;
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++)
      write(brush, { row, column }, problem.operation === 'max' ? '−∞' : '0');
  }
}

/** A veil over cells that no window reaches. */
function paintUnreached(brush: Brush, { axes: { rows, columns } }: Problem): void {
  const { context, colors } = brush;
  context.fillStyle = colors.card;
  context.globalAlpha = 0.62;
  for (let row = 0; row < extentOf(rows); row++) {
    for (let column = 0; column < extentOf(columns); column++) {
      const reached = isReached(rows, row - rows.before) && isReached(columns, column - columns.before);
      if (!reached) fill(brush, { row, column });
    }
  }
  context.globalAlpha = 1;
}

export function paintInput(brush: Brush, problem: Problem, place: Place): void {
  const { context, cell, ratio, colors } = brush;
  const { image, axes } = problem;
  const { rows, columns } = axes;
  const extent = inputExtent(problem);
  paintOutside(brush, problem);
  for (let row = 0; row < rows.size; row++) {
    for (let column = 0; column < columns.size; column++) {
      const value = image.data[row * columns.size + column]!;
      const at = { row: row + rows.before, column: column + columns.before };
      paintCell(brush, at, { color: greyColor(value, image), value });
    }
  }
  paintEdges(brush, extent);
  paintUnreached(brush, problem);
  context.strokeStyle = colors.soft;
  context.lineWidth = 1.5 * ratio;
  context.strokeRect(columns.before * cell, rows.before * cell, columns.size * cell, rows.size * cell);
  const corner = {
    row: startOf(rows, place.row) + rows.before,
    column: startOf(columns, place.column) + columns.before,
  };
  outline(brush, corner, [rows.kernel, columns.kernel]);
}

/** Colours of the output: those of images where it is made of their values, blue and orange where it is computed. */
export function outputColor(
  problem: Problem,
  most: number,
  { dark }: { readonly dark: boolean },
): (value: number) => Rgb {
  if (problem.operation !== 'conv') return (value) => greyColor(value, problem.image);
  return (value) => signedColor(value, most, { dark });
}

export const largestOf = (values: Iterable<number>): number => {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most;
};

export interface OutputPicture {
  readonly output: Float32Array | null;
  readonly place: Place;
  /** Only what the window has passed; all of it otherwise. */
  readonly upTo: number;
}

export function paintOutput(brush: Brush, problem: Problem, { output, place, upTo }: OutputPicture): void {
  const { context, colors } = brush;
  const { rows, columns } = problem.axes;
  const colorOf = outputColor(problem, largestOf(output ?? []), colors);
  for (let i = 0; i < rows.outputs * columns.outputs; i++) {
    const at = { row: Math.floor(i / columns.outputs), column: i % columns.outputs };
    const value = output?.[i];
    if (value !== undefined && i <= upTo) paintCell(brush, at, { color: colorOf(value), value });
    else {
      context.fillStyle = colors.line;
      fill(brush, at);
    }
  }
  paintEdges(brush, [rows.outputs, columns.outputs]);
  outline(brush, place, [1, 1]);
}
