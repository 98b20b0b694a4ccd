/** Kernels where every input channel has outputs of its own, for any device. Imports graph, util, shaders, conv2d-shared. */
import inputText from '../../shaders/conv2d/backward-input-depthwise.wgsl?raw';
import inputStripText from '../../shaders/conv2d/backward-input-strip.wgsl?raw';
import weightText from '../../shaders/conv2d/backward-weight-depthwise.wgsl?raw';
import weightStripText from '../../shaders/conv2d/backward-weight-strip.wgsl?raw';
import stripText from '../../shaders/conv2d/depthwise-strip.wgsl?raw';
import forwardText from '../../shaders/conv2d/forward-depthwise.wgsl?raw';
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
const forward = convShader('forward-depthwise', forwardText);
const inputStrip = convShader('backward-input-strip', inputStripText);
const backwardInput = convShader('backward-input-depthwise', inputText);
const weightStrip = convShader('backward-weight-strip', weightStripText);
const backwardWeight = convShader('backward-weight-depthwise', weightText);

/** Columns of the image that the unrolled text names at most. */
const MOST_COLUMNS = 64;

export const isDepthwise = ({ groups, c, kw, dx }: ConvGeometry): boolean =>
  groups > 1 && groups === c && (kw - 1) * dx < MOST_COLUMNS;

/** Threads that keep a device busy. */
const enoughThreads = (software: boolean): number => (software ? 2048 : 32768);

interface Row {
  /** Pixels of a row, their distance in the columns that they see, and threads for each block of pixels. */
  readonly width: number;
  readonly stride: number;
  readonly others: number;
}

/** Columns that T pixels see. */
const windowOf = ({ kw, dx }: ConvGeometry, { stride }: Pick<Row, 'stride'>, pixels: number): number =>
  (pixels - 1) * stride + (kw - 1) * dx + 1;

/** Pixels of a thread, best first: the fewest loads, where a device with too few threads waits for those it has. */
function pixelsOf(g: ConvGeometry, row: Row, software: boolean): number[] {
  const cost = (pixels: number): number => {
    const columns = Math.min(windowOf(g, row, pixels), pixels * g.kw);
    const threads = Math.max(ceilDiv(row.width, pixels) * row.others, enoughThreads(software));
    return threads * (g.kw + columns);
  };
  return [1, 2, 4, 8]
    .filter((pixels) => pixels === 1 || windowOf(g, row, pixels) <= MOST_COLUMNS)
    .sort((a, b) => cost(a) - cost(b));
}

const multiple = ({ c, o }: ConvGeometry): boolean => o > c;

type On<V> = V & { readonly software: boolean };

/** Columns of a strip at most, and vec4s of an image that a thread keeps: more are slow to reach and to compile. */
const STRIP = 4;
const MOST_KEPT = 32;

/** Rows of dx that a row of dy completes, each with a text of its own. */
const MOST_STRIDE = 4;

/** What all strips share: which convolutions they are for, how images are cut, and in how many parts. */
function stripOf(g: ConvGeometry, software: boolean): { pixels: number; share: number; splits: number } | null {
  const pixels = Math.min(STRIP, g.ow);
  if (g.c !== g.o || g.dy !== 1 || g.kh * windowOf(g, { stride: g.sx }, pixels) > MOST_KEPT) return null;
  const threads = (g.n * ceilDiv(g.ow, pixels) * g.os) / 4;
  const share = ceilDiv(g.oh, Math.min(g.oh, ceilDiv(enoughThreads(software), threads)));
  return { pixels, share, splits: ceilDiv(g.oh, share) };
}

/** The convolution of x, with the filter turned for the gradient of an input; empty where it is not for strips. */
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
    defines: { ...start.defines, ...tile, FLIP: flipped },
    // Paddings below 0 wrap, as the shader expects.
    params: { ...convParams(g, parts), top: padding[0] >>> 0, left: padding[1] >>> 0 },
    workgroups: linearGroups((g.n * ceilDiv(g.ow, pixels) * parts.splits * g.os) / 4, 64),
  };
  return [{ id: `strip${pixels}`, kernels: [kernel] }];
}

/** Columns of dy that a strip of dx is wide, for strides beyond 1. */
const INPUT_STRIP = 2;

/** The gradient of the input for any stride; empty where it is not for strips. */
function inputStrips(g: ConvGeometry, { software, ...values }: On<InputValues>): Variant[] {
  const { n, h, w, cs, kh, kw, sy, sx, padding } = g;
  const [ROWS, COLUMNS] = [ceilDiv(kh, sy), ceilDiv(kw, sx)];
  const WINDOW = INPUT_STRIP + COLUMNS - 1;
  const most = Math.max(ROWS * WINDOW + INPUT_STRIP * sx, kh * kw);
  if (g.c !== g.o || g.dy * g.dx !== 1 || most > MOST_KEPT || sy > MOST_STRIDE) return [];
  const blocks = ceilDiv(w + (padding[1] % sx), INPUT_STRIP * sx);
  const rows = Math.floor((h - 1 + padding[0]) / sy) - Math.floor(padding[0] / sy) + 1;
  const share = ceilDiv(rows, Math.min(rows, ceilDiv(enoughThreads(software), (n * blocks * cs) / 4)));
  const splits = ceilDiv(rows, share);
  const { defines, ...rest } = inputKernel(values);
  const kernel = {
    ...rest,
    shader: inputStrip,
    defines: { ...defines, T: INPUT_STRIP, KH: kh, KW: kw, SY: sy, SX: sx, ROWS, COLUMNS, WINDOW },
    params: convParams(g, { share, splits }),
    workgroups: linearGroups((n * blocks * splits * cs) / 4, 64),
  };
  return [{ id: 'strip', kernels: [kernel] }];
}

/** Measured on CPUs only: others keep their kernels, and may try these. */
const ordered = (strips: readonly Variant[], others: readonly Variant[], software: boolean): Variant[] =>
  software ? [...strips, ...others] : [...others, ...strips];

export function forwardDepthwise(g: ConvGeometry, { software, ...values }: On<ForwardValues>): Variant[] {
  const row = { width: g.ow, stride: g.sx, others: (g.n * g.oh * g.os) / 4 };
  const start = forwardKernel(values);
  const { defines, ...rest } = start;
  const variant = (pixels: number): Variant => {
    const tile = { T: pixels, KW: g.kw, SX: g.sx, DX: g.dx, WINDOW: windowOf(g, row, pixels) };
    const kernel = {
      ...rest,
      shader: forward,
      defines: { ...defines, ...tile, MULTIPLE: multiple(g) },
      params: convParams(g),
      workgroups: linearGroups(row.others * ceilDiv(row.width, pixels), 64),
    };
    return { id: `depthwise${pixels}`, kernels: [kernel] };
  };
  const own = strips(g, { ...start, software, flipped: false });
  return ordered(own, pixelsOf(g, row, software).map(variant), software);
}

export function inputDepthwise(g: ConvGeometry, { software, ...values }: On<InputValues>): Variant[] {
  const row = { width: ceilDiv(g.w, g.sx), stride: 1, others: (g.n * g.h * g.sx * g.cs) / 4 };
  const { defines, ...rest } = inputKernel(values);
  const { dy, weight, dx, ...others } = rest.bind;
  const start = { defines, slots: rest.slots, bind: { x: dy!, weight: weight!, y: dx!, ...others } };
  const own =
    g.sy * g.sx === 1
      ? strips(turned(g), { ...start, software, flipped: true })
      : inputStrips(g, { software, ...values });
  const variant = (pixels: number): Variant => {
    const tile = { T: pixels, KW: g.kw, DX: g.dx, WINDOW: windowOf(g, row, pixels) };
    const kernel = {
      ...rest,
      shader: backwardInput,
      defines: { ...defines, ...tile, WINDOWED: g.sx === 1, MULTIPLE: multiple(g) },
      params: convParams(g),
      workgroups: linearGroups(row.others * ceilDiv(row.width, pixels), 64),
    };
    return { id: `depthwise${pixels}`, kernels: [kernel] };
  };
  return ordered(own, pixelsOf(g, row, software).map(variant), software);
}

/** Pixels that a thread of the weight gradient takes at a time, best first. */
const STEPS = [4, 1] as const;

/** The gradient of the weight by strips; empty where it is not for them. */
function weightStrips(g: ConvGeometry, { software, x, dy, ...gradients }: On<WeightValues>): Variant[] {
  const { n, h, w, oh, ow, os, is, kh, kw, sy, sx, dx, padding } = g;
  const pixels = Math.min(STRIP, ow);
  const WINDOW = windowOf(g, { stride: sx }, pixels);
  if (g.c !== g.o || g.dy !== 1 || kh * WINDOW > MOST_KEPT) return [];
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

export function weightDepthwise(g: ConvGeometry, { software, ...values }: On<WeightValues>): Variant[] {
  const { x, dy, ...gradients } = values;
  const threads = (g.kh * g.os) / 4;
  const rows = g.n * g.oh;
  const share = ceilDiv(rows, Math.min(rows, ceilDiv(enoughThreads(software), threads)));
  const splits = ceilDiv(rows, share);
  const variant = (pixels: number): Variant => {
    const tile = { T: pixels, KW: g.kw, SX: g.sx, DX: g.dx, WINDOW: windowOf(g, { stride: g.sx }, pixels) };
    const computed = inParts(g, { ...gradients, splits }, ({ defines, bind }) => ({
      shader: backwardWeight,
      defines: { ...defines, ...tile, MULTIPLE: multiple(g), WIDTH: 4 },
      bind: { x, dy, ...bind },
      params: convParams(g, { splits, share }),
      workgroups: linearGroups(threads * splits, 64),
    }));
    return { id: `depthwise${pixels}`, ...computed };
  };
  const others = STEPS.filter((pixels) => pixels === 1 || windowOf(g, { stride: g.sx }, pixels) <= MOST_COLUMNS).map(
    variant,
  );
  return ordered(weightStrips(g, { software, ...values }), others, software);
}
