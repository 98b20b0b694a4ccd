/**
 * Winograd's convolution F(4x4, 3x3) for software adapters: 36 products of matrices take a quarter of the multiplications
 * of a 3x3 filter. Imports graph, util, shaders, conv2d-geometry, conv2d-shared, conv2d-subgroup, conv2d-winograd-*.
 */
import filterText from '../../shaders/conv2d/winograd-filter.wgsl?raw';
import multiplyText from '../../shaders/conv2d/winograd-multiply.wgsl?raw';
import outputText from '../../shaders/conv2d/winograd-output.wgsl?raw';
import tilesText from '../../shaders/conv2d/winograd-tiles.wgsl?raw';
import weightText from '../../shaders/conv2d/winograd-weight.wgsl?raw';
import type { Kernel, PlanValue, Scratch, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ceilDiv } from '../util/shape.ts';
import { turned } from './conv2d-block.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import {
  convShader,
  type ForwardValues,
  forwardKernel,
  type InputValues,
  inputKernel,
  sumOfParts,
  type WeightValues,
} from './conv2d-shared.ts';
import { ENOUGH_GROUPS } from './conv2d-subgroup.ts';
import {
  convolutionFits,
  convolutionOperands,
  type Operands,
  type Planes,
  weightChunks,
  weightFits,
  weightOperands,
} from './conv2d-winograd-operands.ts';
import { type Chunk, chunksOf, multiplyTile, POSITIONS, type Tiles } from './conv2d-winograd-tiles.ts';

const filterShader = convShader('winograd-filter', filterText);
const multiplyShader = convShader('winograd-multiply', multiplyText);
const outputShader = convShader('winograd-output', outputText);
const tilesShader = convShader('winograd-tiles', tilesText);
const weightShader = convShader('winograd-weight', weightText);

/** Threads of a workgroup of all kernels but the products. */
const GROUP = 16;

/** A software adapter with subgroups of so many lanes. */
export type Software = DeviceCaps & { readonly lanes: number };

interface Image {
  /** What arrives at a 2 x 2 max pool behind the image where there are codes, else the image itself. */
  readonly image: PlanValue;
  readonly codes?: PlanValue | null;
  readonly h: number;
  readonly w: number;
  /** Channels in memory. */
  readonly channels: number;
  /** Pixels that the first tile begins before the image. */
  readonly top: number;
  readonly left: number;
}

interface TilesPlan {
  readonly lanes: number;
  readonly chunk: Chunk;
  readonly tiles: Tiles;
  readonly side: 4 | 6;
  readonly order: 'tiles last' | 'channels last';
  readonly result: Planes;
  /** Where the sums of each thread's pixels go, and the number of the first. */
  readonly sums?: { readonly scratch: Scratch; readonly first: number } | null;
}

const imageOf = ({ h, w, cs, padding }: ConvGeometry, image: PlanValue): Image => ({
  ...{ image, h, w, channels: cs, top: padding[0], left: padding[1] },
});

/** The first of its strips, and the one after the last. */
const rangeOf = ({ first, count }: Chunk): { first: number; end: number } => ({ first, end: first + count });

/** Tiles of a lane, as many as leave enough lanes, and parts of a strip that follow from it. */
function cut({ across, strips }: Tiles, { lanes, c4 }: { lanes: number; c4: number }): { run: number; parts: number } {
  const run = ceilDiv(across, Math.min(across, ceilDiv(ENOUGH_GROUPS * lanes, strips * c4)));
  return { run, parts: ceilDiv(across, run) };
}

function tilesKernel({ image, codes = null, h, w, channels, top, left }: Image, plan: TilesPlan): Kernel {
  const { lanes, chunk, side, order, result, sums = null } = plan;
  const { down, across, strips } = plan.tiles;
  const c4 = channels / 4;
  const { run, parts } = cut(plan.tiles, { lanes, c4 });
  const tilesLast = order === 'tiles last';
  const windows = ceilDiv(side + (top & 1), 2);
  const [x, y] = tilesLast
    ? linearGroups(ceilDiv(strips, lanes) * c4 * parts, 1)
    : linearGroups(strips * c4 * parts, lanes);
  return {
    shader: tilesShader,
    defines: {
      ...{ SG: lanes, SIDE: side, ACROSS: tilesLast, SUMS: sums !== null },
      ...{ SPREAD: codes !== null, ODD: top & 1, WINDOWS: windows },
    },
    bind: { image, result, ...(sums && { sums: sums.scratch }), ...(codes && { codes }) },
    params: {
      ...{ ...rangeOf(chunk), h, w, c4, down, across, strips, run },
      // Below 0 they wrap, as the shader expects.
      top: top >>> 0,
      left: left >>> 0,
      plane4: result.plane,
      block4: result.block,
      lines: 6,
      ...(codes && { windows }),
      ...(sums && { first_part: sums.first }),
    },
    workgroups: [x, y, 1],
  };
}

/** Values of k that a step of the products takes; 4 do not fit the instruction cache. */
const STEP = 2;

interface Product {
  readonly left: Planes;
  readonly right: Planes;
  readonly result: Planes;
  /** Number of the part of the result that it is. */
  readonly part?: number;
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
}

function multiplyKernel(lanes: number, { rows, columns, k, left, right, result, part = 0 }: Product): Kernel {
  const [rows4, columns4] = [rows / 4, columns / 4];
  const { rowVectors, vectors } = multiplyTile(lanes, { rows, columns });
  return {
    shader: multiplyShader,
    defines: { SG: lanes, P: rowVectors, C4: vectors, K: STEP },
    bind: { left, right, result },
    params: {
      rows4,
      columns4,
      k,
      left_plane: left.plane,
      right_plane: right.plane,
      result_plane: result.plane,
      result_from: part * result.block,
      left_width: left.width,
      left_block: left.block,
      most: vectors,
    },
    workgroups: [ceilDiv(rows4, lanes * rowVectors), ceilDiv(columns4, vectors), POSITIONS],
  };
}

interface Convolution {
  readonly caps: Software;
  /** The geometry of the result, and the weight as it lies. */
  readonly g: ConvGeometry;
  readonly image: PlanValue;
  readonly codes?: PlanValue | null;
  readonly weight: PlanValue;
  readonly turned: boolean;
  readonly end: Pick<Kernel, 'slots' | 'defines' | 'bind'>;
}

function filterKernel({ g: { cs, os }, weight, turned }: Convolution, result: Planes): Kernel {
  // Of the weight as it lies.
  const [i, o] = turned ? [os, cs] : [cs, os];
  // Distances to the left and above wrap, as the shader expects.
  const taps = turned ? { first: 8, right: -1 >>> 0, below: -3 >>> 0 } : { first: 0, right: 1, below: 3 };
  const steps = turned ? { by_output: i, by_input: 1 } : { by_output: 1, by_input: o };
  return {
    shader: filterShader,
    defines: { GROUP },
    bind: { weight, result },
    params: { i, o4: o / 4, ...taps, ...steps, plane: 4 * result.plane, lines: 6 },
    workgroups: linearGroups((i * o) / 4, GROUP),
  };
}

/** Tiles, products and results of a chunk. */
function chunkKernels({ caps, g, image, codes, end }: Convolution, chunk: Chunk): Kernel[] {
  const { lanes } = caps;
  const { oh, ow, o, cs, os } = g;
  const { tiles, left, right, result } = convolutionOperands(g, chunk);
  const { down, strips, count } = tiles;
  return [
    tilesKernel({ ...imageOf(g, image), codes }, { lanes, chunk, tiles, side: 6, order: 'tiles last', result: left }),
    multiplyKernel(lanes, { left, right, result, rows: count, columns: os, k: cs }),
    {
      ...end,
      shader: outputShader,
      uniform: ['bias'],
      defines: { ...end.defines, GROUP },
      bind: { ...end.bind, products: result },
      params: { ...rangeOf(chunk), oh, ow, os, o, down, strips, plane4: result.plane, lines: 6, side: 4 },
      workgroups: linearGroups((count * os) / 4, GROUP),
    },
  ];
}

function convolution(given: Convolution): Variant[] {
  const { caps, g } = given;
  if (!convolutionFits(g, caps)) return [];
  const chunks = chunksOf(g);
  const { right } = convolutionOperands(g, chunks[0]!);
  const kernels = [filterKernel(given, right), ...chunks.flatMap((chunk) => chunkKernels(given, chunk))];
  return [{ id: 'winograd', rounds: true, kernels }];
}

export function forwardWinograd(g: ConvGeometry, caps: Software, values: ForwardValues): Variant[] {
  const { bind, ...end } = forwardKernel(values);
  const { x, weight, ...others } = bind;
  return convolution({ caps, g, image: values.x, weight: values.weight, turned: false, end: { ...end, bind: others } });
}

export function inputWinograd(g: ConvGeometry, caps: Software, values: InputValues): Variant[] {
  const { bind, defines, slots } = inputKernel(values);
  const { dy, weight, dx, ...others } = bind;
  const end = { slots, defines: { ...defines, POOL: false, CODES: false, PLAIN: false }, bind: { ...others, y: dx! } };
  const { dy: image, codes, weight: filter } = values;
  return convolution({ caps, g: turned(g), image, codes, weight: filter, turned: true, end });
}

interface WeightChunk {
  readonly lanes: number;
  readonly chunk: Chunk;
  /** Number of the part of the products that it makes. */
  readonly part: number;
  readonly operands: Operands;
  readonly sums: TilesPlan['sums'];
}

/** Tiles of the image and of the gradient, and products of a chunk. */
function weightKernels(
  g: ConvGeometry,
  { x, dy, codes }: WeightValues,
  { lanes, chunk, part, operands: { tiles, left, right, result }, sums }: WeightChunk,
): Kernel[] {
  const { oh: h, ow: w, cs, os } = g;
  const plan = { lanes, chunk, tiles, order: 'channels last' } as const;
  const gradient = { image: dy, codes, h, w, channels: os, top: 0, left: 0 };
  return [
    tilesKernel(imageOf(g, x), { ...plan, side: 6, result: left }),
    tilesKernel(gradient, { ...plan, side: 4, result: right, sums }),
    multiplyKernel(lanes, { left, right, result, part, rows: cs, columns: os, k: tiles.count }),
  ];
}

export function weightWinograd(g: ConvGeometry, caps: Software, values: WeightValues): Variant[] {
  if (!weightFits(g, caps)) return [];
  const { dweight, dbias } = values;
  const { lanes } = caps;
  const { cs, os } = g;
  const chunks = weightChunks(g);
  const operands = chunks.map((chunk) => weightOperands(g, chunk, chunks.length));
  // What the threads that transform the gradient add up of it, chunk after chunk.
  const firsts = [0];
  for (const { tiles } of operands)
    firsts.push(firsts.at(-1)! + tiles.strips * cut(tiles, { lanes, c4: os / 4 }).parts);
  const parts = firsts.at(-1)!;
  const sums = dbias && { scratch: 'sums', elements: parts * os };
  const { result } = operands[0]!;
  const kernels: Kernel[] = [
    ...operands.flatMap((of, part) =>
      weightKernels(g, values, {
        ...{ lanes, chunk: chunks[part]!, part, operands: of },
        sums: sums && { scratch: sums, first: firsts[part]! },
      }),
    ),
    {
      shader: weightShader,
      defines: { GROUP },
      bind: { products: result, dweight },
      params: { count: (cs * os) / 4, plane4: result.plane, parts: chunks.length, lines: 3 },
      workgroups: linearGroups((cs * os) / 4, GROUP),
    },
  ];
  const start = { id: 'winograd', rounds: true } as const;
  if (!sums || !dbias) return [{ ...start, kernels }];
  const sum = { output: dbias, scratch: sums.scratch, first: 0, elements: os, stride: os, parts };
  const whole = [...kernels, sumOfParts({ parts: sums, result: dbias, elements: os, splits: parts })];
  return [{ ...start, kernels: whole, deferred: { kernels, sums: [sum] } }];
}
