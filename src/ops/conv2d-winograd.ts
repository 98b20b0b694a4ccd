/**
 * Winograd's convolution F(4x4, 3x3) for software adapters: 36 products of matrices take a quarter of the multiplications
 * of a 3x3 filter. Imports graph, util, shaders, conv2d-geometry, conv2d-shared, conv2d-subgroup.
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
import { isWinograd, multiplyTile, POSITIONS, type Tiles, tilesOf } from './conv2d-winograd-tiles.ts';

const filterShader = convShader('winograd-filter', filterText);
const multiplyShader = convShader('winograd-multiply', multiplyText);
const outputShader = convShader('winograd-output', outputText);
const tilesShader = convShader('winograd-tiles', tilesText);
const weightShader = convShader('winograd-weight', weightText);

/** Threads of a workgroup of all kernels but the products. */
const GROUP = 16;

/** A software adapter with subgroups of so many lanes. */
export type Software = DeviceCaps & { readonly lanes: number };

/** Vec4s of at least `count`, an odd number of cache lines: 36 planes at a power of two would share a few places of a cache. */
const oddLines = (count: number): number => 4 * (ceilDiv(count, 4) | 1);

/** Scratch for 36 matrices of vec4s, whole or in blocks of `width` vec4s of each row. */
interface Planes extends Scratch {
  readonly width: number;
  /** Vec4s between matrices, and between blocks. */
  readonly plane: number;
  readonly block: number;
}

function planes(
  scratch: string,
  { rows, width, blocks = 1 }: Record<'rows' | 'width', number> & { blocks?: number },
): Planes {
  const plane = oddLines(rows * width);
  const block = POSITIONS * plane;
  return { scratch, elements: 4 * blocks * block, width, plane, block };
}

/** Vec4s of a block where tiles come last: a cache line, so that a thread's stores are close to each other. */
const BLOCK = 4;

interface Image {
  /** What arrives at a 2 x 2 max pool behind the image where there are codes, else the image itself. */
  readonly image: PlanValue;
  readonly codes?: PlanValue | null;
  readonly n: number;
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
  readonly tiles: Tiles;
  readonly side: 4 | 6;
  readonly order: 'tiles last' | 'channels last';
  readonly result: Planes;
  readonly sums?: Scratch | null;
}

const imageOf = ({ n, h, w, cs, padding }: ConvGeometry, image: PlanValue): Image => ({
  ...{ image, n, h, w, channels: cs, top: padding[0], left: padding[1] },
});

/** Tiles of a lane, as many as leave enough lanes, and parts of a strip that follow from it. */
function cut({ across, strips }: Tiles, { lanes, c4 }: { lanes: number; c4: number }): { run: number; parts: number } {
  const run = ceilDiv(across, Math.min(across, ceilDiv(ENOUGH_GROUPS * lanes, strips * c4)));
  return { run, parts: ceilDiv(across, run) };
}

function tilesKernel({ image, codes = null, n, h, w, channels, top, left }: Image, plan: TilesPlan): Kernel {
  const { lanes, side, order, result, sums = null } = plan;
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
    bind: { image, result, ...(sums && { sums }), ...(codes && { codes }) },
    params: {
      ...{ n, h, w, c4, down, across, strips, run },
      // Below 0 they wrap, as the shader expects.
      top: top >>> 0,
      left: left >>> 0,
      plane4: result.plane,
      block4: result.block,
      lines: 6,
      ...(codes && { windows }),
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
  readonly rows: number;
  readonly columns: number;
  readonly k: number;
}

function multiplyKernel(lanes: number, { rows, columns, k, left, right, result }: Product): Kernel {
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
      left_width: left.width,
      left_block: left.block,
      most: vectors,
    },
    workgroups: [ceilDiv(rows4, lanes * rowVectors), ceilDiv(columns4, vectors), POSITIONS],
  };
}

/** The matrices of a Winograd convolution. */
interface Operands {
  readonly tiles: Tiles;
  readonly left: Planes;
  readonly right: Planes;
  readonly result: Planes;
}

/** Whether the device can bind them. */
const fits = ({ left, right, result }: Operands, { maxBindingBytes }: DeviceCaps): boolean =>
  [left, right, result].every(({ elements }) => 4 * elements <= maxBindingBytes);

function convolutionOperands({ n, oh, ow, cs, os }: ConvGeometry): Operands {
  const tiles = tilesOf(n, oh, ow);
  return {
    tiles,
    left: planes('tiles', { rows: cs, width: BLOCK, blocks: ceilDiv(tiles.count / 4, BLOCK) }),
    right: planes('filter', { rows: cs, width: os / 4 }),
    result: planes('products', { rows: tiles.count, width: os / 4 }),
  };
}

function weightOperands({ n, oh, ow, cs, os }: ConvGeometry): Operands {
  const tiles = tilesOf(n, oh, ow);
  return {
    tiles,
    left: planes('tiles', { rows: tiles.count, width: cs / 4 }),
    right: planes('filter', { rows: tiles.count, width: os / 4 }),
    result: planes('products', { rows: cs, width: os / 4 }),
  };
}

/** Whether there are kernels for the convolution, or the gradient of its weight, on a device with these limits. */
export const convolutionFits = (g: ConvGeometry, caps: DeviceCaps): boolean =>
  isWinograd(g) && fits(convolutionOperands(g), caps);
export const weightFits = (g: ConvGeometry, caps: DeviceCaps): boolean =>
  isWinograd(g) && fits(weightOperands(g), caps);

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

function convolution({ caps, g, image, codes, weight, turned, end }: Convolution): Variant[] {
  if (!convolutionFits(g, caps)) return [];
  const { lanes } = caps;
  const { n, oh, ow, o, cs, os } = g;
  const { tiles, left, right, result } = convolutionOperands(g);
  const [i, o4] = turned ? [os, cs / 4] : [cs, os / 4];
  return [
    {
      id: 'winograd',
      rounds: true,
      kernels: [
        {
          shader: filterShader,
          defines: { GROUP, FLIP: turned },
          bind: { weight, result: right },
          params: { i, o4, plane4: right.plane, lines: 6 },
          workgroups: linearGroups(i * o4, GROUP),
        },
        tilesKernel({ ...imageOf(g, image), codes }, { lanes, tiles, side: 6, order: 'tiles last', result: left }),
        multiplyKernel(lanes, { left, right, result, rows: tiles.count, columns: os, k: cs }),
        {
          ...end,
          shader: outputShader,
          uniform: ['bias'],
          defines: { ...end.defines, GROUP },
          bind: { ...end.bind, products: result },
          params: { n, oh, ow, os, o, down: tiles.down, strips: tiles.strips, plane4: result.plane, lines: 6, side: 4 },
          workgroups: linearGroups((tiles.count * os) / 4, GROUP),
        },
      ],
    },
  ];
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

export function weightWinograd(g: ConvGeometry, caps: Software, values: WeightValues): Variant[] {
  if (!weightFits(g, caps)) return [];
  const { x, dy, codes, dweight, dbias } = values;
  const { lanes } = caps;
  const { n, oh, ow, cs, os } = g;
  const { tiles, left, right, result } = weightOperands(g);
  const gradient = { image: dy, codes, n, h: oh, w: ow, channels: os, top: 0, left: 0 };
  const parts = tiles.strips * cut(tiles, { lanes, c4: os / 4 }).parts;
  const sums = dbias && { scratch: 'sums', elements: parts * os };
  const order = 'channels last';
  const kernels = [
    tilesKernel(imageOf(g, x), { lanes, tiles, side: 6, order, result: left }),
    tilesKernel(gradient, { lanes, tiles, side: 4, order, result: right, sums }),
    multiplyKernel(lanes, { left, right, result, rows: cs, columns: os, k: tiles.count }),
    {
      shader: weightShader,
      defines: { GROUP },
      bind: { products: result, dweight },
      params: { count: (cs * os) / 4, plane4: result.plane, lines: 3 },
      workgroups: linearGroups((cs * os) / 4, GROUP),
    },
  ];
  const start = { id: 'winograd', rounds: true } as const;
  if (!sums || !dbias) return [{ ...start, kernels }];
  const sum = { output: dbias, scratch: sums.scratch, first: 0, elements: os, stride: os, parts };
  const whole = [...kernels, sumOfParts({ parts: sums, result: dbias, elements: os, splits: parts })];
  return [{ ...start, kernels: whole, deferred: { kernels, sums: [sum] } }];
}
