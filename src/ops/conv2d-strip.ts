/**
 * Depthwise convolutions by strips, for CPUs: a thread goes down a strip of an image and loads each pixel once. Each function
 * gives no variant where the convolution is not for strips. Imports graph, util, shaders, conv2d-shared, conv2d-block.
 */
import inputStripText from '../../shaders/conv2d/backward-input-strip.wgsl?raw';
import weightStripText from '../../shaders/conv2d/backward-weight-strip.wgsl?raw';
import stripText from '../../shaders/conv2d/depthwise-strip.wgsl?raw';
import type { Kernel, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ceilDiv } from '../util/shape.ts';
import { turned } from './conv2d-block.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import {
  convParams,
  convShader,
  type ForwardValues,
  forwardKernel,
  type InputValues,
  inParts,
  inputKernel,
  type WeightValues,
} from './conv2d-shared.ts';

const strip = convShader('depthwise-strip', stripText);
const inputStrip = convShader('backward-input-strip', inputStripText);
const weightStrip = convShader('backward-weight-strip', weightStripText);

export type On<V> = V & { readonly software: boolean };

/** Threads that keep a device busy. */
export const enoughThreads = (software: boolean): number => (software ? 2048 : 32768);

/** Columns that T pixels see. */
export const windowOf = ({ kw, dx }: ConvGeometry, { stride }: { readonly stride: number }, pixels: number): number =>
  (pixels - 1) * stride + (kw - 1) * dx + 1;

/** Columns of a strip, the first that will do: a thread keeps so many vec4s of the image at most, or is slow to compile and to run. */
const STRIPS = [
  { pixels: 4, most: 48 },
  { pixels: 2, most: 56 },
  { pixels: 1, most: 56 },
] as const;

/** Columns of a strip of the result; 0 where no strip will do. */
function stripWidth(g: ConvGeometry): number {
  if (g.c !== g.o || g.dy !== 1) return 0;
  const kept = (pixels: number): number => g.kh * windowOf(g, { stride: g.sx }, pixels);
  return STRIPS.find(({ pixels, most }) => pixels <= g.ow && kept(pixels) <= most)?.pixels ?? 0;
}

/** The same for strips of dx, which keep gradients and results. */
const MOST_KEPT = 48;

/** Rows of dx that a row of dy completes, each with a text of its own. */
const MOST_STRIDE = 4;

/** What all strips share: which convolutions they are for, how images are cut, and in how many parts. */
function stripOf(g: ConvGeometry, software: boolean): { pixels: number; share: number; splits: number } | null {
  const pixels = stripWidth(g);
  if (pixels === 0) return null;
  const threads = (g.n * ceilDiv(g.ow, pixels) * g.os) / 4;
  const share = ceilDiv(g.oh, Math.min(g.oh, ceilDiv(enoughThreads(software), threads)));
  return { pixels, share, splits: ceilDiv(g.oh, share) };
}

/** The convolution of x, with the filter turned for the gradient of an input. */
function strips(
  g: ConvGeometry,
  { software, flipped, ...start }: On<Pick<Kernel, 'slots' | 'defines' | 'bind'>> & { readonly flipped: boolean },
): Variant[] {
  const cut = stripOf(g, software);
  if (!cut) return [];
  const { pixels, ...parts } = cut;
  const { kh, kw, sy, sx, dx, padding } = g;
  const tile = { T: pixels, KH: kh, KW: kw, SY: sy, SX: sx, DX: dx, WINDOW: windowOf(g, { stride: sx }, pixels) };
  const kernel = {
    ...start,
    shader: strip,
    uniform: ['weight', 'bias'],
    defines: { ...start.defines, ...tile, FLIP: flipped },
    // Paddings below 0 wrap, as the shader expects.
    params: { ...convParams(g, parts), top: padding[0] >>> 0, left: padding[1] >>> 0 },
    workgroups: linearGroups((g.n * ceilDiv(g.ow, pixels) * parts.splits * g.os) / 4, 64),
  };
  return [{ id: `strip${pixels}`, kernels: [kernel] }];
}

/** Columns of dy that a strip of dx is wide, for strides beyond 1. */
const INPUT_STRIP = 2;

/** The gradient of the input for any stride. */
function stridedInputStrips(g: ConvGeometry, { software, ...values }: On<InputValues>): Variant[] {
  const { n, h, w, cs, kh, kw, sy, sx, padding } = g;
  const [ROWS, COLUMNS] = [ceilDiv(kh, sy), ceilDiv(kw, sx)];
  const WINDOW = INPUT_STRIP + COLUMNS - 1;
  const most = Math.max(ROWS * WINDOW + INPUT_STRIP * sx, kh * kw);
  if (g.c !== g.o || g.dy !== 1 || most > MOST_KEPT || sy > MOST_STRIDE) return [];
  const blocks = ceilDiv(w + (padding[1] % sx), INPUT_STRIP * sx);
  const rows = Math.floor((h - 1 + padding[0]) / sy) - Math.floor(padding[0] / sy) + 1;
  const share = ceilDiv(rows, Math.min(rows, ceilDiv(enoughThreads(software), (n * blocks * cs) / 4)));
  const splits = ceilDiv(rows, share);
  const { defines, ...rest } = inputKernel(values);
  const kernel = {
    ...rest,
    shader: inputStrip,
    uniform: ['weight', 'bias'],
    defines: { ...defines, T: INPUT_STRIP, KH: kh, KW: kw, SY: sy, SX: sx, ROWS, COLUMNS, WINDOW },
    params: convParams(g, { share, splits }),
    workgroups: linearGroups((n * blocks * splits * cs) / 4, 64),
  };
  return [{ id: 'strip', kernels: [kernel] }];
}

export const forwardStrips = (g: ConvGeometry, { software, ...values }: On<ForwardValues>): Variant[] =>
  strips(g, { ...forwardKernel(values), software, flipped: false });

export function inputStrips(g: ConvGeometry, { software, ...values }: On<InputValues>): Variant[] {
  if (g.dx !== 1) return []; // columns of dy lie apart, and the image's border with them
  if (g.sy * g.sx > 1) return stridedInputStrips(g, { software, ...values });
  const { defines, slots, bind } = inputKernel(values);
  const { dy, weight, dx, ...others } = bind;
  const start = { defines, slots, bind: { x: dy!, weight: weight!, y: dx!, ...others } };
  return strips(turned(g), { ...start, software, flipped: true });
}

export function weightStrips(g: ConvGeometry, { software, x, dy, ...gradients }: On<WeightValues>): Variant[] {
  const { n, h, w, oh, ow, os, is, kh, kw, sy, sx, dx, padding } = g;
  const pixels = stripWidth(g);
  if (pixels === 0) return [];
  const WINDOW = windowOf(g, { stride: sx }, pixels);
  const columns = n * ceilDiv(ow, pixels);
  const wanted = ceilDiv(enoughThreads(software), os / 4);
  // Strips are cut below each other only where there are too few: each begins with kh - 1 rows that it shares.
  const rows = ceilDiv(oh, Math.min(oh, ceilDiv(wanted, columns)));
  const all = columns * ceilDiv(oh, rows);
  const share = ceilDiv(all, Math.min(all, wanted));
  const splits = ceilDiv(all, share);
  const computed = inParts(g, { ...gradients, splits }, ({ defines, bind }) => ({
    shader: weightStrip,
    defines: { ...defines, T: pixels, KH: kh, KW: kw, SY: sy, SX: sx, DX: dx, WINDOW, WIDTH: 4 },
    bind: { x, dy, ...bind },
    params: { n, h, w, oh, ow, os, is, kh, kw, top: padding[0], left: padding[1], splits, share, rows },
    workgroups: linearGroups((splits * os) / 4, 64),
  }));
  return [{ id: `strip${pixels}`, ...computed }];
}
