/**
 * Sums that may wait: where kernels leave a gradient in parts and nobody reads it before the end of the plan, the parts of all
 * such nodes are added in one dispatch at the end instead of one each. Pure; imports graph and util.
 */
import type { PartSum } from '../graph/types.ts';
import { roundUp } from '../util/shape.ts';
import { type Ir, useCounts } from './ir.ts';
import { scratchOf } from './memory.ts';
import { ALIGNMENT, type Place } from './place.ts';
import type { Schedule } from './schedule.ts';
import type { Selection } from './select.ts';

/** Scratch that lives until the end of the plan, all of it in one buffer. */
export interface Deferral {
  readonly selection: Selection;
  /** Where each scratch lies in the common buffer, by node index and name as in `Memory.scratch`. */
  readonly ranges: ReadonlyMap<string, { readonly offset: number; readonly bytes: number }>;
  readonly bytes: number;
  /** Index of the first node that writes there. */
  readonly first: number;
  readonly sums: readonly DeferredSum[];
}

/** A sum to be made at the end, with the node that left the parts. */
export interface DeferredSum extends PartSum {
  readonly node: number;
}

/** What the dispatch at the end is to do: places of parts in one buffer, results in the gradient arena. */
export interface PartJob extends Omit<PartSum, 'output' | 'scratch'> {
  readonly from: Place;
  readonly to: Place;
}

/** One node alone gains nothing. */
const FEWEST = 2;

/** Values that only the end of the plan reads, as the gradient of a parameter. */
function lateGradients(ir: Ir): ReadonlySet<number> {
  const uses = useCounts(ir);
  const gradients = ir.outputs.filter(({ value, sink }) => sink.kind === 'gradient' && uses.get(value) === 1);
  return new Set(gradients.map(({ value }) => value));
}

/** Takes the variants that leave parts, where that is allowed, as far as `mostBytes` go. */
export function deferSums(
  { ir, order }: { readonly ir: Ir; readonly order: Schedule },
  selection: Selection,
  mostBytes: number,
): Deferral {
  const none: Deferral = { selection, ranges: new Map(), bytes: 0, first: 0, sums: [] };
  const late = lateGradients(ir);
  const ranges = new Map<string, { offset: number; bytes: number }>();
  const sums: DeferredSum[] = [];
  const chosen = [...selection];
  let [bytes, nodes, first] = [0, 0, order.nodes.length];
  for (const [i, selected] of selection.entries()) {
    const deferred = selected?.variant.deferred;
    if (!selected || !deferred?.sums.every(({ output }) => late.has(output.id))) continue;
    const names = new Set(deferred.sums.map(({ scratch }) => scratch));
    const own = scratchOf(deferred.kernels, i).filter(({ name }) => names.has(name));
    const size = own.reduce((sum, request) => sum + roundUp(request.bytes, ALIGNMENT), 0);
    if (bytes + size > mostBytes) continue;
    for (const request of own) {
      ranges.set(request.key, { offset: bytes, bytes: request.bytes });
      bytes += roundUp(request.bytes, ALIGNMENT);
    }
    chosen[i] = { ...selected, variant: { ...selected.variant, kernels: deferred.kernels } };
    sums.push(...deferred.sums.map((sum) => ({ ...sum, node: i })));
    nodes++;
    first = Math.min(first, i);
  }
  return nodes < FEWEST ? none : { selection: chosen, ranges, bytes, first, sums };
}
