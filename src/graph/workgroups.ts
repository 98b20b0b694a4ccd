/** Numbers of workgroups. Imports util. */
import type { DeviceCaps } from '../util/caps.ts';
import { ceilDiv } from '../util/shape.ts';

/** The least maxComputeWorkgroupsPerDimension of any device. */
const MOST_PER_AXIS = 65535;

/**
 * Workgroups for `count` invocations, `perGroup` in each: along x as far as one axis may go, then a near-even grid. The
 * shader finds its number with `linear_group` (shaders/lib/linear-id.wgsl) and must check it against the count.
 */
export function linearGroups(count: number, perGroup: number): [number, number, number] {
  const groups = Math.max(1, ceilDiv(count, perGroup));
  const y = ceilDiv(groups, MOST_PER_AXIS);
  return [ceilDiv(groups, y), y, 1];
}

/** Vec4s that a workgroup of 64 takes at once, and most rows of them that it takes. */
const ROW = 64;
const MOST_ROWS = 16;

/**
 * Workgroups for a pass over `count4` vec4s, and how many each thread takes: several where that leaves enough workgroups
 * for every core. On lavapipe a relu gradient of 346,112 vec4s takes 0.70 ms with 16 each and 1.79 ms with one.
 */
export function rowGroups(
  count4: number,
  { software }: Pick<DeviceCaps, 'software'>,
): { each: number; workgroups: [number, number, number] } {
  const leastGroups = software ? 32 : 2048;
  const each = Math.max(1, Math.min(MOST_ROWS, Math.floor(count4 / (ROW * leastGroups))));
  return { each, workgroups: linearGroups(count4, ROW * each) };
}
