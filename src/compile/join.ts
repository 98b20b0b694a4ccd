/**
 * Neighbouring dispatches that do not depend on each other become one where both say that it pays: as the gradients of a
 * small layer's input and weight. Pure; imports graph, shader and util.
 */
import { linearGroups } from '../graph/workgroups.ts';
import { joinShaders } from '../shader/join.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { addUniform, type PlanDispatch, type UniformBlock } from './lower.ts';
import { type Place, refName } from './place.ts';

type Bound = PlanDispatch['bindings'][number];

const overlap = (a: Place, b: Place): boolean => a.offset < b.offset + b.bytes && b.offset < a.offset + a.bytes;

/** Whether one dispatch may bind both: a buffer is read or written in it, and no place is written twice. */
function mayMeet(a: Bound, b: Bound): boolean {
  const writes = [a, b].filter(({ access }) => access === 'read_write').length;
  if (writes === 0 || refName(a.place.buffer) !== refName(b.place.buffer)) return true;
  return writes === 2 && !overlap(a.place, b.place);
}

const storage = (bindings: readonly Bound[]): number => bindings.filter(({ access }) => access !== 'uniform').length;

function joined(a: PlanDispatch, b: PlanDispatch, caps: DeviceCaps, uniforms: UniformBlock): PlanDispatch | null {
  if (!a.joins || !b.joins || storage(a.bindings) + storage(b.bindings) > caps.maxStorageBuffers) return null;
  if (!a.bindings.every((one) => b.bindings.every((other) => mayMeet(one, other)))) return null;
  const whole = joinShaders(a, b);
  if (!whole) return null;
  const place = addUniform(uniforms, Uint32Array.of(...a.workgroups, 0, ...b.workgroups, 0));
  const total = [a, b].reduce((sum, { workgroups: [x, y, z] }) => sum + x * y * z, 0);
  return {
    ...a,
    label: `${a.label} & ${b.label}`,
    variant: `${a.variant} & ${b.variant}`,
    candidates: [...new Set([...a.candidates, ...b.candidates])],
    shader: whole.shader,
    bindings: [
      ...a.bindings,
      ...b.bindings.map((binding) => ({ ...binding, index: binding.index + whole.offset })),
      { ...whole.parts, place },
    ],
    workgroups: linearGroups(total, 1),
    flops: a.flops + b.flops,
    joins: false,
  };
}

/** The dispatches, two in one where that is possible. */
export function joinDispatches(
  dispatches: readonly PlanDispatch[],
  caps: DeviceCaps,
  uniforms: UniformBlock,
): PlanDispatch[] {
  const out: PlanDispatch[] = [];
  for (const dispatch of dispatches) {
    const last = out.at(-1);
    const both = last && joined(last, dispatch, caps, uniforms);
    if (both) out[out.length - 1] = both;
    else out.push(dispatch);
  }
  return out;
}
