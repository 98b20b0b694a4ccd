/** Numbers of workgroups. Imports util. */
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
