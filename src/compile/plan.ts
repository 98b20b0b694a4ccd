/** The plan of a graph: `compilePlan` runs the passes, `printPlan` shows the result as a table. Pure; imports graph, shader, util. */
import type { Layout } from '../graph/layout.ts';
import type { DType, Value } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { GaborError } from '../util/errors.ts';
import type { Shape } from '../util/shape.ts';
import { commute } from './commute.ts';
import { type Deferral, deferSums, type PartJob } from './defer.ts';
import { fuse } from './fuse.ts';
import { capture, type Ir, type IrNode, type Relayout, type Sink } from './ir.ts';
import { joinDispatches } from './join.ts';
import { assignLayouts } from './layout.ts';
import {
  boundValues,
  emptyUniforms,
  joinUniforms,
  type KernelOf,
  type LowerOptions,
  lowerKernel,
  type PlanDispatch,
  type UniformBlock,
  windowsOf,
} from './lower.ts';
import { type Arenas, type Memory, planMemory } from './memory.ts';
import { type BufferRef, type Place, refName } from './place.ts';
import { type Schedule, schedule } from './schedule.ts';
import { type Chooser, type Selection, select } from './select.ts';

export interface PlanTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly dtype: DType;
  readonly layout: Layout;
  readonly place: Place;
}

/** Everything a session needs to run a graph, and nothing that belongs to a device. */
export interface Plan {
  readonly dispatches: readonly PlanDispatch[];
  readonly inputs: readonly PlanTensor[];
  readonly outputs: readonly PlanTensor[];
  readonly externals: readonly PlanTensor[];
  readonly constants: Memory['constants'];
  /** Words of the buffers that kernels on arenas look things up in. */
  readonly tables: readonly Uint32Array<ArrayBuffer>[];
  readonly slabs: readonly number[];
  readonly uniforms: Uint32Array<ArrayBuffer>;
  readonly memory: { readonly slabBytes: number; readonly unsharedBytes: number; readonly peakBytes: number };
  readonly flops: number;
}

/** A kernel that is no op: it works on whole arenas (optimizers) or for its effect (metrics). */
export interface Tail {
  readonly label: string;
  readonly kernel: KernelOf<Place>;
}

export interface PlanRequest {
  readonly outputs: readonly { readonly value: Value; readonly sink: Sink }[];
  readonly arenas: Arenas;
  readonly caps: DeviceCaps;
  readonly relayout: Relayout;
  readonly choose?: Chooser;
  /** Kernels to run at the end, given where the readable outputs lie and how many tables there are before theirs. */
  readonly tail?: (outputs: readonly PlanTensor[], tables: number) => readonly Tail[];
  /** Adds the parts of all nodes at once; without it each node does. */
  readonly addParts?: AddParts;
  /**
   * How many times as large the largest batch is that the model is used with: what a text reads as a uniform buffer does not
   * depend on the batch then. Default 1.
   */
  readonly growth?: number;
  /** Small neighbours share a dispatch (join.ts). Default false: each kernel has its own, as where variants are compared. */
  readonly join?: boolean;
}

/** Kernels that do jobs, with the words of table 0, 1, ... that they look them up in. */
export type AddParts = (
  jobs: readonly PartJob[],
  caps: DeviceCaps,
) => { readonly tails: readonly Tail[]; readonly tables: readonly Uint32Array<ArrayBuffer>[] };

function jobsOf({ sums }: Deferral, { scratch, places }: Memory): PartJob[] {
  return sums.map(({ node, output, scratch: name, ...rest }) => ({
    ...rest,
    from: scratch.get(`${node}:${name}`)!,
    to: places.get(output.id)!,
  }));
}

/** `conv1.conv2d+max+relu`: layer, what is done while loading, op, the window and the functions in its kernels. */
const labelOf = ({ scope, op, window, spread, epilogue }: IrNode): string =>
  `${scope && `${scope}.`}${[...(spread === null ? [] : ['spread']), op, ...(window ? [window.kind] : []), ...(epilogue ? [epilogue.name] : [])].join('+')}`;

function lowerAll(
  ir: Ir,
  memory: Memory,
  selection: Selection,
  common: Pick<LowerOptions<never>, 'caps' | 'uniforms' | 'growth'>,
): PlanDispatch[] {
  return selection.flatMap((selected, index) => {
    if (!selected) return [];
    const { node, variant, candidates } = selected;
    const of = (ids: readonly number[]) => ids.map((id) => ir.values.get(id)!);
    const flops = node.impl.flops(of(node.inputs), of(node.outputs));
    return variant.kernels.map((kernel, k) =>
      lowerKernel(kernel, {
        label: labelOf(node),
        variant: variant.id,
        candidates,
        flops: k === 0 ? flops : 0,
        ...common,
        placeOf: (target) => {
          const place =
            'scratch' in target ? memory.scratch.get(`${index}:${target.scratch}`) : memory.places.get(target.id);
          if (!place)
            throw new GaborError(
              `${node.op} "${node.scope}": a bound value has no place. Bind only inputs, outputs and scratch of the node.`,
            );
          return place;
        },
      }),
    );
  });
}

/** The leaves of a kind that the plan reads, each once. */
function leaves(ir: Ir, plan: Schedule, memory: Memory, kind: 'input' | 'external'): PlanTensor[] {
  return [...ir.values.values()].flatMap((value) => {
    if (value.source.kind !== kind || !plan.used.has(value.id)) return [];
    return [
      {
        name: value.source.name,
        shape: value.shape,
        dtype: value.dtype,
        layout: value.layout,
        place: memory.places.get(value.id)!,
      },
    ];
  });
}

const lowerTail = (tail: readonly Tail[], caps: DeviceCaps, uniforms: UniformBlock): PlanDispatch[] =>
  tail.map(({ label, kernel }) =>
    lowerKernel(kernel, {
      label,
      variant: 'only',
      candidates: ['only'],
      flops: 0,
      caps,
      uniforms,
      placeOf: (place) => place,
    }),
  );

/** Memory that kernels on arenas need besides: slabs by their bytes, tables by their words. */
export interface TailMemory {
  readonly slabs?: readonly number[];
  readonly tables?: readonly Uint32Array<ArrayBuffer>[];
}

/** The plan with buffers of its own that are as large as what kernels bind of them. */
export function withRoom(plan: Plan): Plan {
  const windows = windowsOf(plan.dispatches);
  const room = (buffer: BufferRef, bytes: number): number => Math.max(bytes, windows.get(refName(buffer)) ?? 0);
  const slabs = plan.slabs.map((bytes, index) => room({ kind: 'slab', index }, bytes));
  return {
    ...plan,
    slabs,
    inputs: plan.inputs.map((t) => ({ ...t, place: { ...t.place, bytes: room(t.place.buffer, t.place.bytes) } })),
    constants: plan.constants.map(({ value, elements }, index) => ({
      ...{ value, elements: room({ kind: 'constant', index }, 4 * elements) / 4 },
    })),
    memory: { ...plan.memory, slabBytes: slabs.reduce((a, b) => a + b, 0) },
  };
}

/** A plan of kernels that work on arenas alone. */
export function planTail(tail: readonly Tail[], caps: DeviceCaps, { slabs = [], tables = [] }: TailMemory = {}): Plan {
  const slabBytes = slabs.reduce((a, b) => a + b, 0);
  const uniforms = emptyUniforms();
  return {
    dispatches: lowerTail(tail, caps, uniforms),
    inputs: [],
    outputs: [],
    externals: [],
    constants: [],
    tables,
    slabs,
    uniforms: joinUniforms(uniforms),
    memory: { slabBytes, unsharedBytes: slabBytes, peakBytes: slabBytes },
    flops: 0,
  };
}

/** autodiff has happened; commute -> fuse -> layout -> schedule -> select -> defer -> memory -> lower -> join. */
export function compilePlan(request: PlanRequest): Plan {
  const { outputs, arenas, caps, relayout, choose, tail, addParts, growth = 1, join = false } = request;
  const ir = assignLayouts(fuse(capture(commute(outputs)), caps), relayout);
  const order = schedule(ir);
  const deferral = deferSums({ ir, order }, select(ir, order, caps, choose), addParts ? caps.maxBindingBytes : 0);
  const memory = planMemory(ir, order, deferral, arenas);
  const uniforms = emptyUniforms();
  const readable = ir.outputs.flatMap(({ value, sink }): PlanTensor[] => {
    if (sink.kind !== 'read') return [];
    const { shape, dtype, layout } = ir.values.get(value)!;
    return [{ name: sink.name, shape, dtype, layout, place: memory.places.get(value)! }];
  });
  const jobs = jobsOf(deferral, memory);
  const { tails = [], tables = [] } = (jobs.length > 0 && addParts?.(jobs, caps)) || {};
  const own = lowerAll(ir, memory, deferral.selection, { caps, uniforms, growth });
  const dispatches = [
    ...(join ? joinDispatches(own, caps, uniforms) : own),
    ...lowerTail([...tails, ...(tail?.(readable, tables.length) ?? [])], caps, uniforms),
  ];
  return withRoom({
    dispatches,
    inputs: leaves(ir, order, memory, 'input'),
    externals: leaves(ir, order, memory, 'external'),
    outputs: readable,
    constants: memory.constants,
    tables,
    slabs: memory.slabs,
    uniforms: joinUniforms(uniforms),
    memory: {
      slabBytes: memory.slabs.reduce((a, b) => a + b, 0),
      unsharedBytes: memory.unsharedBytes,
      peakBytes: memory.peakBytes,
    },
    flops: dispatches.reduce((sum, d) => sum + d.flops, 0),
  });
}

/** The plan as a readable table, one dispatch a line: what runs, which variant, how many workgroups, what it reads and writes. */
export function printPlan(plan: Plan): string {
  const place = ({ buffer, offset, bytes }: Place): string =>
    `${refName(buffer)}${offset > 0 ? `+${offset}` : ''}:${bytes}`;
  const rows = plan.dispatches.map((d, i) => {
    const bound = boundValues(d);
    const list = (write: boolean): string =>
      bound
        .filter((b) => (b.access === 'read_write') === write)
        .map((b) => `${b.name}=${place(b.place)}`)
        .join(' ');
    return [String(i), d.label, d.variant, d.workgroups.join('x'), list(false), list(true)];
  });
  const table = [['#', 'dispatch', 'variant', 'groups', 'reads (buffer+offset:bytes)', 'writes'], ...rows];
  const widths = table[0]!.map((_, c) => Math.max(...table.map((row) => row[c]!.length)));
  const lines = table.map((row) =>
    row
      .map((cell, c) => cell.padEnd(widths[c]!))
      .join('  ')
      .trimEnd(),
  );
  const { slabBytes, unsharedBytes, peakBytes } = plan.memory;
  return [
    ...lines,
    `${plan.slabs.length} slabs, ${slabBytes} bytes (${unsharedBytes} without reuse, ${peakBytes} alive at most); ${plan.flops} FLOPs`,
  ].join('\n');
}
