/** Kernels where every input channel has outputs of its own, for any device. Imports graph, util, shaders, conv2d-shared, conv2d-strip. */
import inputText from '../../shaders/conv2d/backward-input-depthwise.wgsl?raw';
import weightText from '../../shaders/conv2d/backward-weight-depthwise.wgsl?raw';
import forwardText from '../../shaders/conv2d/forward-depthwise.wgsl?raw';
import type { Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ceilDiv } from '../util/shape.ts';
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
import { enoughThreads, forwardStrips, inputStrips, type On, weightStrips, windowOf } from './conv2d-strip.ts';

const forward = convShader('forward-depthwise', forwardText);
const backwardInput = convShader('backward-input-depthwise', inputText);
const backwardWeight = convShader('backward-weight-depthwise', weightText);

/** Columns of the image that the unrolled text names at most. */
const MOST_COLUMNS = 64;

export const isDepthwise = ({ groups, c, kw, dx }: ConvGeometry): boolean =>
  groups > 1 && groups === c && (kw - 1) * dx < MOST_COLUMNS;

interface Row {
  /** Pixels of a row, their distance in the columns that they see, and threads for each block of pixels. */
  readonly width: number;
  readonly stride: number;
  readonly others: number;
}

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

/** Measured on CPUs only: others keep their kernels, and may try these. */
const ordered = (strips: readonly Variant[], others: readonly Variant[], software: boolean): Variant[] =>
  software ? [...strips, ...others] : [...others, ...strips];

export function forwardDepthwise(g: ConvGeometry, { software, ...values }: On<ForwardValues>): Variant[] {
  const row = { width: g.ow, stride: g.sx, others: (g.n * g.oh * g.os) / 4 };
  const { defines, ...rest } = forwardKernel(values);
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
  return ordered(forwardStrips(g, { ...values, software }), pixelsOf(g, row, software).map(variant), software);
}

export function inputDepthwise(g: ConvGeometry, { software, ...values }: On<InputValues>): Variant[] {
  const row = { width: ceilDiv(g.w, g.sx), stride: 1, others: (g.n * g.h * g.sx * g.cs) / 4 };
  const { defines, ...rest } = inputKernel(values);
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
  return ordered(inputStrips(g, { ...values, software }), pixelsOf(g, row, software).map(variant), software);
}

/** Pixels that a thread of the weight gradient takes at a time, best first. */
const STEPS = [4, 1] as const;

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
