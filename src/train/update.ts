/** The optimizer as a plan: one dispatch over the whole parameter arena, and what clipping, LAMB and accumulation add. Imports engine, optim, compile, graph, shader text. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import accumulateText from '../../shaders/optimizer/accumulate.wgsl?raw';
import normText from '../../shaders/optimizer/norm.wgsl?raw';
import normJoinText from '../../shaders/optimizer/norm-join.wgsl?raw';
import normTotalText from '../../shaders/optimizer/norm-total.wgsl?raw';
import trustText from '../../shaders/optimizer/trust.wgsl?raw';
import { GROUPS_PLACE, MOST_GROUPS } from '../compile/lower.ts';
import { type BufferRef, bytesFor, type Place } from '../compile/place.ts';
import { type Plan, planTail, type Tail } from '../compile/plan.ts';
import { physicalSize } from '../graph/layout.ts';
import type { ShaderSource } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { layerNormsShader, type Optimizer, updateShader } from '../optim/optimizer.ts';
import { RING_SLOTS } from '../runtime/ring.ts';
import { ceilDiv } from '../util/shape.ts';
import type { Engine } from './engine.ts';

const includes = {
  'lib/linear-id.wgsl': linearIdText,
  'lib/step.wgsl': stepText,
  'lib/tree.wgsl': treeText,
  'optimizer/norm-join.wgsl': normJoinText,
};
const normShader: ShaderSource = { file: 'optimizer/norm.wgsl', text: normText, includes };
const normTotalShader: ShaderSource = { file: 'optimizer/norm-total.wgsl', text: normTotalText, includes };
const trustShader: ShaderSource = { file: 'optimizer/trust.wgsl', text: trustText, includes };
const accumulateShader: ShaderSource = { file: 'optimizer/accumulate.wgsl', text: accumulateText, includes };

/** Largest size of gradients: of each element, or of all of them together. */
export type Clip =
  | { readonly kind: 'value'; readonly limit: number }
  | { readonly kind: 'norm'; readonly limit: number; readonly order: 1 | 2 | typeof Infinity };

export interface UpdateOptions {
  readonly optimizer: Optimizer;
  /** How many groups are trained, and where the last one ends (vec4s from the start of the first shard). */
  readonly groups: number;
  readonly end4: number;
  readonly clip?: Clip | null;
  /** The arena of averaged weights among the slots. */
  readonly ema?: { readonly slot: number; readonly decay: number } | null;
  /** The arena of summed gradients among the slots; without it the gradients themselves are used. */
  readonly sums?: number | null;
  /** Whether the norm of the gradients goes to the ring of metrics. */
  readonly ring?: boolean;
}

/** One shard of the arena as far as it is trained. */
export interface Part {
  readonly shard: number;
  readonly bytes: number;
  readonly base4: number;
  readonly count4: number;
}

export function parts({ session }: Engine, end4: number): Part[] {
  let base4 = 0;
  return session.arenas.parameters.shards.flatMap((bytes, shard) => {
    const part = { shard, bytes, base4, count4: Math.min(bytes / 16, end4 - base4) };
    base4 += bytes / 16;
    return part.count4 > 0 ? [part] : [];
  });
}

const whole = (buffer: BufferRef, { bytes }: Pick<Part, 'bytes'>): Place => ({ buffer, offset: 0, bytes });

/** Elements of a parameter that one workgroup adds up: twice as many are 10 % faster on lavapipe, but leave small models few workgroups. */
const CHUNK = 8192;

/** The trained parameters cut into chunks, [first vec4, elements, parameter, 0], and the chunks [first, count] of each. */
export interface Chunks {
  readonly words: Uint32Array<ArrayBuffer>;
  readonly ranges: Uint32Array<ArrayBuffer>;
  readonly count: number;
  readonly parameters: number;
  readonly ofShard: readonly { readonly first: number; readonly count: number }[];
}

export function cutIntoChunks(engine: Engine, trained: readonly Part[]): Chunks {
  const rows: number[][] = [];
  const ranges: number[][] = [];
  const ofShard = trained.map(({ shard, count4 }) => {
    const first = rows.length;
    for (const { stored, layout, offset, ...entry } of engine.session.arenas.parameters.entries) {
      if (entry.shard !== shard || offset / 16 >= count4) continue;
      const elements = physicalSize(stored, layout);
      ranges.push([rows.length, ceilDiv(elements, CHUNK)]);
      for (let at = 0; at < elements; at += CHUNK)
        rows.push([offset / 16 + at / 4, Math.min(CHUNK, elements - at), ranges.length - 1, 0]);
    }
    return { first, count: rows.length - first };
  });
  return {
    words: new Uint32Array(rows.flat()),
    ranges: new Uint32Array(ranges.flat()),
    count: rows.length,
    parameters: ranges.length,
    ofShard,
  };
}

/** The memory of an update besides the arenas. */
export class Memory {
  readonly slabs: number[] = [];
  readonly tables: Uint32Array<ArrayBuffer>[] = [];
  readonly #firstTable: number;

  /** With so many tables of others before its own. */
  constructor(firstTable = 0) {
    this.#firstTable = firstTable;
  }

  slab(elements: number): Place {
    this.slabs.push(bytesFor(elements));
    return { buffer: { kind: 'slab', index: this.slabs.length - 1 }, offset: 0, bytes: bytesFor(elements) };
  }

  table(words: Uint32Array<ArrayBuffer>): Place {
    this.tables.push(words);
    const index = this.#firstTable + this.tables.length - 1;
    return { buffer: { kind: 'table', index }, offset: 0, bytes: bytesFor(words.length) };
  }
}

/** A place from the start of chunk `first` of a table would not be aligned: each shard has its own table. */
export const shardTable = (memory: Memory, { words, ofShard }: Chunks, i: number): Place => {
  const { first, count } = ofShard[i]!;
  return memory.table(words.slice(first * 4, (first + count) * 4));
};

interface Context {
  readonly options: UpdateOptions;
  readonly trained: readonly Part[];
  readonly chunks: Chunks;
  readonly tables: readonly Place[];
  readonly memory: Memory;
}

const gradientsOf = ({ sums = null }: UpdateOptions, { shard }: Part): BufferRef =>
  sums === null ? { kind: 'gradients', shard } : { kind: 'slot', slot: sums, shard };

/** The norm of all gradients, in two passes; gives where it lies. */
function normTails({ options, trained, chunks, tables, memory }: Context, clip: Clip & { kind: 'norm' }) {
  const defines = { NORM: clip.order === Infinity ? 0 : clip.order };
  const partials = memory.slab(chunks.count);
  const norm = memory.slab(4);
  const tails = trained.map((part, i): Tail => {
    const { first, count } = chunks.ofShard[i]!;
    return {
      label: 'clip.norm',
      kernel: {
        shader: normShader,
        defines,
        bind: { gradients: whole(gradientsOf(options, part), part), chunks: tables[i]!, partials },
        params: { count, partial_base: first },
        workgroups: linearGroups(count, 1),
      },
    };
  });
  const ring: Place = { buffer: { kind: 'external', name: 'ring' }, offset: 0, bytes: RING_SLOTS * 16 };
  const total: Tail = {
    label: 'clip.total',
    kernel: {
      shader: normTotalShader,
      defines: { ...defines, RING: options.ring ?? false },
      bind: { partials, norm, ...(options.ring && { ring }) },
      params: { count: chunks.count, max_norm: clip.limit },
      workgroups: [1, 1, 1],
    },
  };
  return { norm, tails: [...tails, total] };
}

/** Shader text, bindings and parameters that the kernels with an optimizer's rule share. */
function ruleKernel({ options }: Context, part: Part, norm: Place | null) {
  const { optimizer, clip, ema, groups } = options;
  const { hyperparameters, slots } = optimizer;
  const { shard, base4 } = part;
  const bind: Record<string, Place> = {
    parameters: whole({ kind: 'parameters', shard }, part),
    gradients: whole(gradientsOf(options, part), part),
    groups: GROUPS_PLACE,
    ...(norm && { norm }),
  };
  for (const slot of slots.keys()) bind[`slot${slot}`] = whole({ kind: 'slot', slot, shard }, part);
  return {
    defines: { SLOTS: slots.length, CLIP: clip?.kind ?? 'none', MOST_GROUPS },
    fields: Object.keys(hyperparameters)
      .map((field) => `  ${field}: f32,`)
      .join('\n'),
    bind,
    params: {
      base4,
      groups,
      partial_base: 0,
      clip: clip?.kind === 'value' ? clip.limit : 0,
      ema_rest: ema ? 1 - ema.decay : 0,
      ...hyperparameters,
    },
  };
}

/** The factor of each parameter, in two passes; gives where they lie. */
function trustTails(context: Context, direction: string, norm: Place | null) {
  const { options, trained, chunks, tables, memory } = context;
  const partials = memory.slab(2 * chunks.count);
  const trusts = memory.slab(chunks.parameters);
  const norms = trained.map((part, i): Tail => {
    const { defines, fields, bind, params } = ruleKernel(context, part, norm);
    const { first, count } = chunks.ofShard[i]!;
    return {
      label: `optimizer.${options.optimizer.name}.norms`,
      kernel: {
        shader: layerNormsShader,
        defines,
        slots: { hyperparameters: fields, direction },
        bind: { ...bind, chunks: tables[i]!, partials },
        params: { ...params, count, partial_base: first },
        workgroups: linearGroups(count, 1),
      },
    };
  });
  const trust: Tail = {
    label: `optimizer.${options.optimizer.name}.trust`,
    kernel: {
      shader: trustShader,
      bind: { partials, ranges: memory.table(chunks.ranges), trusts },
      params: { count: chunks.parameters },
      workgroups: linearGroups(chunks.parameters, 1),
    },
  };
  return { trusts, tails: [...norms, trust] };
}

function ruleTails(context: Context, norm: Place | null, trusts: Place | null): Tail[] {
  const { ema, optimizer } = context.options;
  return context.trained.map((part, i): Tail => {
    const { defines, fields, bind, params } = ruleKernel(context, part, norm);
    if (ema) bind.ema = whole({ kind: 'slot', slot: ema.slot, shard: part.shard }, part);
    if (trusts) Object.assign(bind, { chunks: context.tables[i]!, trusts });
    const chunkCount = context.chunks.ofShard[i]!.count;
    return {
      label: `optimizer.${optimizer.name}`,
      kernel: {
        shader: updateShader,
        defines: { ...defines, EMA: Boolean(ema), LAYERWISE: trusts !== null },
        slots: { hyperparameters: fields, update: optimizer.rule },
        bind,
        params: { ...params, count: trusts ? chunkCount : part.count4 },
        workgroups: trusts ? linearGroups(chunkCount, 1) : linearGroups(part.count4, 64),
      },
    };
  });
}

/**
 * The update of all trained parameters: one dispatch for each shard (in practice one); clipping by norm adds two, LAMB two
 * more, however many parameters and groups there are.
 */
export function updatePlan(engine: Engine, options: UpdateOptions): Plan {
  const memory = new Memory();
  const trained = parts(engine, options.end4);
  const { clip, optimizer } = options;
  const chunks = cutIntoChunks(engine, trained);
  const tables =
    clip?.kind === 'norm' || optimizer.direction ? trained.map((_, i) => shardTable(memory, chunks, i)) : [];
  const context = { options, trained, chunks, tables, memory };
  const clipping = clip?.kind === 'norm' ? normTails(context, clip) : null;
  const norm = clipping?.norm ?? null;
  const layerwise = optimizer.direction ? trustTails(context, optimizer.direction, norm) : null;
  const rule = ruleTails(context, norm, layerwise?.trusts ?? null);
  const tails = [...(clipping?.tails ?? []), ...(layerwise?.tails ?? []), ...rule];
  return planTail(tails, engine.device.caps, memory);
}

/** Adds the gradients of a batch to the sums. */
export function accumulatePlan(engine: Engine, { sums, end4 }: { readonly sums: number; readonly end4: number }): Plan {
  const tails = parts(engine, end4).map((part): Tail => {
    const { shard, count4 } = part;
    const gradients = whole({ kind: 'gradients', shard }, part);
    return {
      label: 'gradients.accumulate',
      kernel: {
        shader: accumulateShader,
        bind: { gradients, sums: whole({ kind: 'slot', slot: sums, shard }, part) },
        params: { count: count4 },
        workgroups: linearGroups(count4, 64),
      },
    };
  });
  return planTail(tails, engine.device.caps);
}
