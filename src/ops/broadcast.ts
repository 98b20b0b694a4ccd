/** How operands lie beside the result that they are broadcast to: what kernels are told. Imports graph and util. */
import { memoryAxes, padChannels, physicalSize, sameMemory, stridesOf } from '../graph/layout.ts';
import type { Kernel, LaidOut, LayoutChoice, PlanValue } from '../graph/types.ts';
import { linearGroups, rowGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { broadcastShapes, ceilDiv, sameShape } from '../util/shape.ts';

/** Strides of an operand along the result's axes, 0 where it is broadcast. */
function broadcastStrides(operand: PlanValue, rank: number): number[] {
  const own = stridesOf(operand.shape, operand.layout);
  const lead = rank - operand.shape.length;
  return Array.from({ length: rank }, (_, axis) =>
    axis < lead || operand.shape[axis - lead] === 1 ? 0 : own[axis - lead]!,
  );
}

export interface Broadcast {
  readonly rank: number;
  readonly params: Record<string, number>;
}

const NAMES = ['a', 'b', 'c'] as const;

/** Up to three, by their names in the shaders. */
export type Operands = { readonly [name in (typeof NAMES)[number]]?: PlanValue };

/** Params of lib/broadcast.wgsl: axes of y in memory order, and strides of the operands, 0 where one is broadcast or absent. */
export function broadcastAxes(y: PlanValue, operands: Operands): Broadcast {
  const rank = y.shape.length;
  // A scalar result still needs one axis.
  const axes = rank === 0 ? [{ axis: 0, size: 1 }] : memoryAxes(y.shape, y.layout);
  const params: Record<string, number> = {};
  for (const [d, { axis, size }] of axes.entries()) {
    params[`size${d}`] = size;
    params[`real${d}`] = y.shape[axis] ?? 1;
  }
  for (const name of NAMES) {
    const operand = operands[name];
    const strides = operand ? broadcastStrides(operand, rank) : [];
    for (const [d, { axis }] of axes.entries()) params[`${name}${d}`] = strides[axis] ?? 0;
  }
  return { rank: axes.length, params };
}

/** It has y's shape and lies in memory as y does. */
export const liesAs = (y: PlanValue, operand: PlanValue): boolean =>
  sameShape(operand.shape, y.shape) && sameMemory(y.shape, operand.layout, y.layout);

/**
 * Defines, params and workgroups of a kernel by columns (lib/columns.wgsl): y is nhwc, and operands lie as it does or do not
 * change along rows and columns of the image. Null where that is not so.
 */
export function columnsOf(
  y: PlanValue,
  operands: Operands,
  caps: DeviceCaps,
): Required<Pick<Kernel, 'defines' | 'params' | 'workgroups'>> | null {
  const [n, channels, h, w] = y.shape as [number, number, number, number];
  if (y.layout !== 'nhwc' || channels === 1) return null;
  const defines: Record<string, boolean> = { MASK: channels !== padChannels(channels) };
  const strides: Record<string, number> = {};
  for (const name of NAMES) {
    const operand = operands[name];
    const same = operand !== undefined && liesAs(y, operand);
    const [sample = 0, channel = 0, ...pixel] = operand && !same ? broadcastStrides(operand, 4) : [];
    if (pixel.some((stride) => stride !== 0)) return null;
    defines[`${name.toUpperCase()}_SAME`] = same;
    strides[`${name}_sample`] = sample;
    strides[`${name}_channel`] = channel;
  }
  const samples = NAMES.some((name) => strides[`${name}_sample`] !== 0) ? n : 1;
  const rows = (n * h * w) / samples;
  const columns = padChannels(channels) / 4;
  const { each } = rowGroups(physicalSize(y.shape, y.layout) / 4, caps);
  const parts = ceilDiv(rows, each);
  return {
    defines,
    params: { samples, rows, columns, parts, channels, ...strides },
    workgroups: linearGroups(samples * columns * parts, 64),
  };
}

/** Operands keep their layouts; the result takes that of the first operand that has its shape. */
export function broadcastLayout(inputs: readonly LaidOut[]): LayoutChoice {
  const shape = inputs.map((operand) => operand.shape).reduce((a, b) => broadcastShapes(a, b, 'layout'));
  const like = inputs.find((operand) => sameShape(operand.shape, shape));
  return { inputs: inputs.map((operand) => operand.layout), outputs: [like?.layout ?? 'plain'] };
}
