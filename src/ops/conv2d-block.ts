/**
 * Kernels for software adapters that compute a block of neighbouring pixels in each lane and keep the columns of the input
 * that these see together, for stride 1 and dilation 1. Imports graph, util, shaders, conv2d-shared, conv2d-subgroup.
 */
import blockText from '../../shaders/conv2d/block.wgsl?raw';
import type { Kernel, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ceilDiv } from '../util/shape.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import {
  convParams,
  convShader,
  type ForwardValues,
  forwardKernel,
  type InputValues,
  inputKernel,
  wideBorder,
} from './conv2d-shared.ts';
import { chooseTile, ENOUGH_GROUPS, GATHER, MULTIPLY, weightGather } from './conv2d-subgroup.ts';

const shader = convShader('block', blockText);

/** Instructions to hand 16 weights to all lanes, to store a vec4, to go from one tap or column to the next, to move a vec4 over by a column. */
const BROADCAST = 48;
export const STORE = 230;
const STEP = 100;
const SHIFT = 24;

const ROWS = [1, 2] as const;
const COLUMNS = [2, 3, 4, 5, 6, 7, 8, 10] as const;
/** vec4s of results in a lane, and of channels among them. */
const MOST_RESULTS = 40;
const MOST_VECTORS = 8;

/** What a lane computes, and whether neighbouring lanes are the same place of neighbouring images. */
interface Block {
  readonly rows: number;
  readonly columns: number;
  readonly vectors: number;
  readonly byImage: boolean;
  /** The maximum of each 2 x 2 window of it is stored. */
  readonly pooled: boolean;
}

/** Stores of a pooled block for each of its results: a vec4 and codes for four. */
const POOLED_STORES = 3 / 8;
/** Instructions for a vec4 in each lane of a pooling kernel, codes included (measured on lavapipe). */
const POOLING = 4000;
/** Where they are equal, one kernel is a dispatch and the memory of the results less than two. */
const NO_LOSS = 1.06;

/** The gradient of the input as the convolution of dy with the filter turned round. */
export function turned(g: ConvGeometry): ConvGeometry {
  const { h, w, c, cs, oh, ow, o, os, kh, kw, padding } = g;
  const [top, left, bottom, right] = padding;
  const sides = [kh - 1 - top, kw - 1 - left, kh - 1 - bottom, kw - 1 - right] as const;
  return { ...g, h: oh, w: ow, c: o, cs: os, oh: h, ow: w, o: c, os: cs, i: o, is: os, padding: sides };
}

/** Taps along one axis that reach the image, added up over blocks: what the shader's `taps` gives. */
function tapsOf(
  size: number,
  { results, kernel, extent, before }: Record<'results' | 'kernel' | 'extent' | 'before', number>,
): number {
  let sum = 0;
  for (let at = -before; at < results - before; at += size) {
    const first = Math.min(Math.max(1 - size - at, 0), kernel - 1);
    sum += Math.min(Math.max(extent - at, first + 1), kernel) - first;
  }
  return sum;
}

/** Instructions of a step of the loop that multiplies `pixels` by `vectors` of a lane. */
const products = (pixels: number, vectors: number): number => vectors * (BROADCAST + 4 * MULTIPLY * pixels) + STEP;

/** Estimated instructions of all workgroups: what they do for 4 channels of one tap or row of taps, how often, and the stores. */
function total(groups: number, { each, times, results }: Record<'each' | 'times' | 'results', number>): number {
  return Math.max(groups, ENOUGH_GROUPS) * (each * times + STORE * results);
}

function blockTime(g: ConvGeometry, lanes: number, { rows, columns, vectors, byImage, pooled }: Block): number {
  const [down, across] = [ceilDiv(g.oh, rows), ceilDiv(g.ow, columns)];
  const groups = ceilDiv(g.n * down * across, lanes) * ceilDiv(g.os / 4, vectors);
  const [top, left] = g.padding;
  const ys = byImage ? tapsOf(rows, { results: g.oh, kernel: g.kh, extent: g.h, before: top }) / down : g.kh;
  const xs = byImage ? tapsOf(columns, { results: g.ow, kernel: g.kw, extent: g.w, before: left }) / across : g.kw;
  const column = rows * (GATHER + SHIFT * columns) + STEP;
  const tap = ceilDiv(4 * vectors, lanes) * weightGather(g, lanes) + products(rows * columns, vectors);
  const each = (xs + columns - 1) * column + xs * tap;
  const results = rows * columns * vectors * (pooled ? POOLED_STORES : 1);
  return total(groups, { each, times: (ys * g.cs) / 4, results });
}

/** The same for the tiles of conv2d-subgroup.ts; `trimmed`: taps beside the image are left out. */
function tileTime(g: ConvGeometry, lanes: number, { trimmed }: { trimmed: boolean }): number {
  const [count, channels] = [g.n * g.oh * g.ow, g.os / 4];
  const { pixels, vectors } = chooseTile(lanes, { pixels: count, vectors: channels, weights: weightGather(g, lanes) });
  const groups = ceilDiv(count, lanes * pixels) * ceilDiv(channels, vectors);
  const taps = g.kh * g.kw * (trimmed ? (g.h * g.w) / (g.oh * g.ow) : 1);
  const each = pixels * GATHER + ceilDiv(4 * vectors, lanes) * weightGather(g, lanes) + products(pixels, vectors);
  return total(groups, { each, times: (taps * g.cs) / 4, results: pixels * vectors });
}

interface Choice {
  readonly block: Block;
  readonly time: number;
}

/** The block with the least estimated time; one that is pooled is made of 2 x 2 windows. */
function chooseBlock(g: ConvGeometry, lanes: number, { pooled }: { pooled: boolean }): Choice {
  let best: Choice | null = null;
  // Places of one image are skipped together only where all lanes can be at one place.
  for (const byImage of g.n >= lanes ? [false, true] : [false])
    for (const rows of ROWS)
      for (const columns of COLUMNS)
        for (let vectors = 1; vectors <= Math.min(MOST_VECTORS, g.os / 4); vectors++) {
          if (rows * columns * vectors > MOST_RESULTS || (pooled && (rows % 2 > 0 || columns % 2 > 0))) continue;
          const block = { rows, columns, vectors, byImage, pooled };
          const time = blockTime(g, lanes, block);
          if (!best || time < best.time) best = { block, time };
        }
  return best!;
}

/** The estimate must be so much better than that of tiles: it leaves out what large blocks lose. */
const MARGIN = 0.95;

/** A kernel for some convolutions, beside those for any. */
export interface Weighed {
  readonly variant: Variant;
  /** Faster than the others, by all that is known. */
  readonly first: boolean;
}

/** The results that are in some window. */
const cropped = (g: ConvGeometry): ConvGeometry => ({ ...g, oh: g.oh & ~1, ow: g.ow & ~1 });

interface Start {
  readonly lanes: number;
  readonly flipped: boolean;
  readonly pooled: boolean;
  /** Slots, bindings and defines of the results' ends. */
  readonly start: Pick<Kernel, 'slots' | 'bind' | 'defines'>;
}

function blockVariant(g: ConvGeometry, { lanes, flipped, pooled, start }: Start): Weighed {
  const computed = pooled ? cropped(g) : g;
  const { block, time } = chooseBlock(computed, lanes, { pooled });
  const { rows, columns, vectors, byImage } = block;
  const [x, y] = linearGroups(g.n * ceilDiv(computed.oh, rows) * ceilDiv(computed.ow, columns), lanes);
  // Padding below 0 wraps, as it does in the shader.
  const { top, left, ...params } = convParams(g);
  const kernel: Kernel = {
    ...start,
    shader,
    uniform: ['weight', 'bias'],
    defines: { ...start.defines, SG: lanes, R: rows, C: columns, O4: vectors, BY_IMAGE: byImage, FLIPPED: flipped },
    params: { ...params, top: top >>> 0, left: left >>> 0 },
    workgroups: [x, y, ceilDiv(g.os / 4, vectors)],
  };
  const trimmed = flipped && wideBorder(turned(g));
  return {
    variant: { id: `block${rows}x${columns}x${vectors}`, kernels: [kernel] },
    first: time < MARGIN * tileTime(g, lanes, { trimmed }),
  };
}

/** Whether blocks that pool their results are no slower than the best kernel that does not and one that pools. */
export function blocksPool(g: ConvGeometry, lanes: number): boolean {
  const pooled = chooseBlock(cropped(g), lanes, { pooled: true }).time;
  const whole = Math.min(chooseBlock(g, lanes, { pooled: false }).time, tileTime(g, lanes, { trimmed: false }));
  const windows = ceilDiv(g.n * (g.oh >> 1) * (g.ow >> 1) * (g.os / 4), lanes);
  return pooled < NO_LOSS * (whole + windows * POOLING);
}

/** Estimated instructions of the faster one of blocks and tiles; `flipped`: for the gradient of the input. */
export const convolutionTime = (g: ConvGeometry, lanes: number, { flipped }: { flipped: boolean }): number =>
  Math.min(
    chooseBlock(g, lanes, { pooled: false }).time,
    tileTime(g, lanes, { trimmed: flipped && wideBorder(turned(g)) }),
  );

/** Several taps in a row, so that pixels next to each other share what they see. */
export const hasBlocks = ({ groups, sy, sx, dy, dx, kw, cs, os }: ConvGeometry): boolean =>
  groups === 1 && sy * sx * dy * dx === 1 && kw > 1 && cs % 4 === 0 && os % 4 === 0;

export const forwardBlock = (g: ConvGeometry, { lanes, ...values }: ForwardValues & { lanes: number }): Weighed =>
  blockVariant(g, { lanes, flipped: false, pooled: values.window !== null, start: forwardKernel(values) });

export function inputBlock(g: ConvGeometry, { lanes, ...values }: InputValues & { lanes: number }): Weighed {
  const { slots, defines, bind } = inputKernel(values);
  const { dy, dx, ...others } = bind;
  const start = {
    slots,
    defines: { ...defines, POOL: false, PLAIN: false, CODES: false },
    bind: { ...others, x: dy!, y: dx! },
  };
  return blockVariant(turned(g), { lanes, flipped: true, pooled: false, start });
}
