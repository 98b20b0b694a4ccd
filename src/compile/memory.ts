/**
 * Where each value lives. Activations share slabs, whole buffers reused by lifetime: one dispatch may not bind two ranges
 * of one GPUBuffer as read and read_write (https://www.w3.org/TR/webgpu/#programming-model-resource-usages), so no two
 * values that are alive together share a buffer. Pure; imports graph and util.
 */
import { physicalSize } from '../graph/layout.ts';
import type { Kernel, PlanValue } from '../graph/types.ts';
import { roundUp } from '../util/shape.ts';
import type { Deferral } from './defer.ts';
import type { Ir } from './ir.ts';
import { ALIGNMENT, type Arena, type BufferRef, bytesFor, type Place } from './place.ts';
import type { Schedule } from './schedule.ts';

export interface Memory {
  readonly places: ReadonlyMap<number, Place>;
  /** By node index and scratch name. */
  readonly scratch: ReadonlyMap<string, Place>;
  readonly slabs: readonly number[];
  readonly constants: readonly { readonly value: number | readonly number[]; readonly elements: number }[];
  /** Sum of all slab values as if nothing were shared, and the most that is alive at a time: what sharing achieves. */
  readonly unsharedBytes: number;
  readonly peakBytes: number;
}

export interface Arenas {
  readonly parameters: Arena;
  readonly state: Arena;
}

interface Request {
  readonly key: number | string;
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

interface Assignment {
  readonly slabs: number[];
  readonly slabOf: Map<number | string, number>;
}

const overlap = (a: Request, b: Request): boolean => a.first <= b.last && b.first <= a.last;

/** Best fit, one request after another: the smallest free slab that holds it, else the largest free one grows, else a new one. */
function bestFit(requests: readonly Request[]): Assignment {
  const slabs: number[] = [];
  const holds: Request[][] = [];
  const slabOf = new Map<number | string, number>();
  for (const request of requests) {
    const { key, bytes } = request;
    let best = -1;
    for (let i = 0; i < slabs.length; i++) {
      if (holds[i]!.some((other) => overlap(request, other))) continue;
      const fits = slabs[i]! >= bytes;
      const bestFits = best >= 0 && slabs[best]! >= bytes;
      if (
        best < 0 ||
        (fits && (!bestFits || slabs[i]! < slabs[best]!)) ||
        (!fits && !bestFits && slabs[i]! > slabs[best]!)
      )
        best = i;
    }
    const index = best < 0 ? slabs.length : best;
    slabs[index] = Math.max(slabs[index] ?? 0, bytes);
    holds[index] = [...(holds[index] ?? []), request];
    slabOf.set(key, index);
  }
  return { slabs, slabOf };
}

/** In the order in which values are made, or the largest first, whichever takes less memory: neither always does. */
export function assignSlabs(requests: readonly Request[]): Assignment {
  const size = ({ slabs }: Assignment): number => slabs.reduce((a, b) => a + b, 0);
  const inTime = bestFit([...requests].sort((a, b) => a.first - b.first || b.bytes - a.bytes));
  const bySize = bestFit([...requests].sort((a, b) => b.bytes - a.bytes || a.first - b.first));
  return size(bySize) < size(inTime) ? bySize : inTime;
}

function arenaPlaces({ parameters, state }: Arenas) {
  const place = (arena: Arena, ref: (shard: number) => BufferRef) =>
    new Map(
      arena.entries.map((e): [string, Place] => [e.name, { buffer: ref(e.shard), offset: e.offset, bytes: e.bytes }]),
    );
  return {
    parameter: place(parameters, (shard) => ({ kind: 'parameters', shard })),
    gradient: place(parameters, (shard) => ({ kind: 'gradients', shard })),
    state: place(state, () => ({ kind: 'state' })),
  };
}

/** The scratch of a node's kernels, each once, as large as the kernel needs it that needs most of it. */
export function scratchOf(kernels: readonly Kernel[], node: number): { key: string; name: string; bytes: number }[] {
  const found = new Map<string, number>();
  for (const { bind } of kernels)
    for (const target of Object.values(bind))
      if ('scratch' in target)
        found.set(target.scratch, Math.max(found.get(target.scratch) ?? 0, bytesFor(target.elements)));
  return [...found].map(([name, bytes]) => ({ key: `${node}:${name}`, name, bytes }));
}

/** Key of the buffer of parts that are added at the end of the plan. */
const PARTS = 'parts';

/** The values that need slab memory: what nodes make, unless it goes to an arena, and scratch. */
function slabRequests(
  ir: Ir,
  plan: Schedule,
  { deferral, fixed }: { readonly deferral: Deferral; readonly fixed: ReadonlyMap<number, Place> },
): Request[] {
  const { selection, ranges, bytes: partBytes, first } = deferral;
  const requests: Request[] = partBytes > 0 ? [{ key: PARTS, bytes: partBytes, first, last: plan.nodes.length }] : [];
  for (const [i, selected] of selection.entries()) {
    if (!selected) continue;
    const { kernels } = selected.variant;
    const targets = kernels.flatMap(({ bind }) => Object.values(bind));
    const bound = new Set(targets.flatMap((target) => ('scratch' in target ? [] : [target.id])));
    for (const { key, bytes } of scratchOf(kernels, i))
      if (!ranges.has(key)) requests.push({ key, bytes, first: i, last: i });
    for (const id of selected.node.outputs) {
      if (fixed.has(id) || !(bound.has(id) || plan.used.has(id))) continue;
      const value = ir.values.get(id)!;
      requests.push({
        key: id,
        bytes: bytesFor(physicalSize(value.shape, value.layout)),
        first: i,
        last: plan.lifetimes.get(id)!.last,
      });
    }
  }
  return requests;
}

function peak(requests: readonly Request[], steps: number): number {
  let most = 0;
  for (let i = 0; i < steps; i++) {
    most = Math.max(
      most,
      requests.reduce((sum, r) => (r.first <= i && i <= r.last ? sum + r.bytes : sum), 0),
    );
  }
  return most;
}

/** Places for all values of a plan. */
export function planMemory(ir: Ir, plan: Schedule, deferral: Deferral, arenas: Arenas): Memory {
  const arena = arenaPlaces(arenas);
  const places = new Map<number, Place>();
  const constants: { value: number | readonly number[]; elements: number }[] = [];
  const leafPlace = (value: PlanValue): Place | undefined => {
    const elements = physicalSize(value.shape, value.layout);
    const bytes = bytesFor(elements);
    switch (value.source.kind) {
      case 'parameter':
        return arena.parameter.get(value.source.name);
      case 'state':
        return arena.state.get(value.source.name);
      case 'input':
      case 'external':
        return { buffer: { kind: value.source.kind, name: value.source.name }, offset: 0, bytes };
      case 'constant':
        constants.push({ value: value.source.value, elements });
        return { buffer: { kind: 'constant', index: constants.length - 1 }, offset: 0, bytes };
      default:
        return undefined;
    }
  };
  for (const id of plan.used) {
    const place = leafPlace(ir.values.get(id)!);
    if (place) places.set(id, place);
  }
  for (const { value, sink } of ir.outputs) {
    if (sink.kind === 'gradient') places.set(value, arena.gradient.get(sink.parameter)!);
    if (sink.kind === 'state') places.set(value, arena.state.get(sink.name)!);
  }
  const requests = slabRequests(ir, plan, { deferral, fixed: places });
  const { slabs, slabOf } = assignSlabs(requests);
  const scratch = new Map<string, Place>();
  for (const { key, bytes } of requests) {
    const place: Place = { buffer: { kind: 'slab', index: slabOf.get(key)! }, offset: 0, bytes };
    if (typeof key === 'string') scratch.set(key, place);
    else places.set(key, place);
  }
  for (const [key, range] of deferral.ranges) scratch.set(key, { ...scratch.get(PARTS)!, ...range });
  for (const [id, owner] of plan.base) if (id !== owner && places.has(owner)) places.set(id, places.get(owner)!);
  return {
    places,
    scratch,
    slabs: slabs.map((bytes) => roundUp(bytes, ALIGNMENT)),
    constants,
    unsharedBytes: requests.reduce((sum, r) => sum + r.bytes, 0),
    peakBytes: peak(requests, plan.nodes.length),
  };
}
