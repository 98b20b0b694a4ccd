/**
 * Whether Winograd's convolution is faster than the other kernels for software adapters, in estimated instructions as
 * conv2d-block.ts counts them. Pure; imports util, conv2d-geometry, conv2d-block, conv2d-subgroup.
 */
import { ceilDiv } from '../util/shape.ts';
import { convolutionTime, turned } from './conv2d-block.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import { ENOUGH_GROUPS, GATHER, MULTIPLY, weightTime } from './conv2d-subgroup.ts';
import { isWinograd, multiplyTile, POSITIONS, tilesOf } from './conv2d-winograd-tiles.ts';

/** A vec4 loaded or stored by the kernels around the products, whose texts are long; stored by the products; a dispatch. */
const PASS = 430;
const STORE = 520;
const DISPATCH = 1_500_000;

/** Vec4s that are loaded and stored for one of: a tile of the input, of the gradient, of the result; a filter's tile there and back. */
const INPUT = 60;
const GRADIENT = 52;
const OUTPUT = 52;
const FILTER = 45;

/** The estimate must be so much better: it leaves out what more memory costs. */
const MARGIN = 0.9;

const passes = (lanes: number, count: number, vectors: number): number =>
  Math.max(ceilDiv(count, lanes), ENOUGH_GROUPS) * vectors * PASS;

function productsTime(lanes: number, { rows, columns, k }: Record<'rows' | 'columns' | 'k', number>): number {
  const { rowVectors, vectors } = multiplyTile(lanes, { rows, columns });
  const groups = POSITIONS * ceilDiv(rows / 4, lanes * rowVectors) * ceilDiv(columns / 4, vectors);
  const step = (rowVectors + ceilDiv(vectors, lanes)) * GATHER + 4 * rowVectors * vectors * MULTIPLY;
  return groups * (k * step + 4 * rowVectors * vectors * STORE);
}

function forwardTime(g: ConvGeometry, lanes: number): number {
  const { cs, os } = g;
  const { count } = tilesOf(g);
  return (
    passes(lanes, (count * cs) / 4, INPUT) +
    passes(lanes, (cs * os) / 4, FILTER) +
    productsTime(lanes, { rows: count, columns: os, k: cs }) +
    passes(lanes, (count * os) / 4, OUTPUT) +
    3 * DISPATCH
  );
}

/** Faster than the convolution's other kernels. */
export const forwardWins = (g: ConvGeometry, lanes: number): boolean =>
  isWinograd(g) && forwardTime(g, lanes) < MARGIN * convolutionTime(g, lanes, { flipped: false });

export const inputWins = (g: ConvGeometry, lanes: number): boolean =>
  isWinograd(g) && forwardTime(turned(g), lanes) < MARGIN * convolutionTime(turned(g), lanes, { flipped: true });

export function weightWins(g: ConvGeometry, lanes: number): boolean {
  if (!isWinograd(g)) return false;
  const { cs, os } = g;
  const { count } = tilesOf(g);
  const time =
    passes(lanes, (count * cs) / 4, INPUT) +
    passes(lanes, (count * os) / 4, GRADIENT) +
    productsTime(lanes, { rows: cs, columns: os, k: count }) +
    passes(lanes, (cs * os) / 4, FILTER) +
    3 * DISPATCH;
  return time < MARGIN * weightTime(g, lanes);
}
