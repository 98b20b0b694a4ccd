/** The plan of a step that is looked at: the step's own, and kernels at its end that gather statistics. Imports compile, graph, train, shader text. */
import clearText from '../../shaders/inspect/clear.wgsl?raw';
import keepText from '../../shaders/inspect/keep.wgsl?raw';
import normsText from '../../shaders/inspect/norms.wgsl?raw';
import normsJoinText from '../../shaders/inspect/norms-join.wgsl?raw';
import spreadText from '../../shaders/inspect/spread.wgsl?raw';
import spreadJoinText from '../../shaders/inspect/spread-join.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import { type BufferRef, bytesFor, type Place } from '../compile/place.ts';
import { type Plan, type PlanTensor, planTail, type Tail } from '../compile/plan.ts';
import { padChannels, physicalSize } from '../graph/layout.ts';
import type { ShaderSource } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { layerCalls } from '../train/describe.ts';
import type { Engine, PlanKey } from '../train/engine.ts';
import { cutIntoChunks, Memory, parts, shardTable } from '../train/update.ts';
import { ceilDiv, type Shape, sizeOf } from '../util/shape.ts';
import type { Bins } from './histogram.ts';

const includes = { 'lib/linear-id.wgsl': linearIdText, 'lib/step.wgsl': stepText, 'lib/tree.wgsl': treeText };
const shader = (name: string, text: string): ShaderSource => ({ file: `inspect/${name}.wgsl`, text, includes });
const clear = shader('clear', clearText);
const keep = shader('keep', keepText);
const spread = shader('spread', spreadText);
const spreadJoin = shader('spread-join', spreadJoinText);
const norms = shader('norms', normsText);
const normsJoin = shader('norms-join', normsJoinText);

/** Elements of a tensor that one workgroup goes through. */
const CHUNK = 4096;

/** Words in front of a tensor's counts: count, mean, deviation, least, largest. */
export const HEADER = 8;

/** Counts behind the bins: below, above, not finite, saturated. */
export const FURTHER = 4;

/** What kind of unit a layer has: for shares of dead and saturated ones. */
export const KINDS: { readonly [type: string]: 'rectifier' | 'sigmoid' | 'tanh' } = {
  relu: 'rectifier',
  relu6: 'rectifier',
  sigmoid: 'sigmoid',
  tanh: 'tanh',
};

/** A tensor's words among the results. */
export interface Section {
  readonly layer: string;
  readonly what: 'output' | 'gradient';
  readonly shape: Shape;
  readonly base: number;
  readonly bins: number;
  /** Channels or features whose positive elements are counted; 0: none. */
  readonly units: number;
}

export interface MonitorPlan {
  readonly plan: Plan;
  readonly sections: readonly Section[];
  /** Where the norms of parameters begin, 4 words for each name. */
  readonly normsBase: number;
  readonly names: readonly string[];
  readonly words: number;
  readonly results: BufferRef;
  /** Copies of the parameters' shards before the update. */
  readonly before: readonly BufferRef[];
}

export interface MonitorPlanOptions {
  readonly layers: readonly string[];
  readonly bins: { readonly output: Bins; readonly gradient: Bins };
  readonly saturation: number;
}

const asWords = ({ buffer }: Float32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> => new Uint32Array(buffer);

const bound = (buffer: BufferRef, words: number): Place => ({ buffer, offset: 0, bytes: bytesFor(words) });

/** Which element of memory belongs to which unit. */
function unitsOf({ shape, layout }: Pick<PlanTensor, 'shape' | 'layout'>) {
  const units = shape.length >= 2 ? shape[1]! : 1;
  if (layout === 'nhwc') return { units, padded: padChannels(units), inner: 1 };
  return { units, padded: units, inner: sizeOf(shape.slice(2)) };
}

/** The parameters in the order of their chunks. */
const parameterNames = ({ session }: Engine): string[] => {
  const { entries, shards } = session.arenas.parameters;
  return shards.flatMap((_, shard) => entries.filter((entry) => entry.shard === shard).map(({ name }) => name));
};

/** Lays out the results of the tensors that are watched. */
function sectionsOf(read: readonly PlanTensor[], engine: Engine, { layers, bins: binning }: MonitorPlanOptions) {
  const calls = layerCalls(engine.model.calls);
  let base = 0;
  const sections = layers.flatMap((layer) =>
    (['output', 'gradient'] as const).flatMap((what) => {
      const tensor = read.find(({ name }) => name === `${what} ${layer}`);
      if (!tensor) return [];
      const kind = what === 'output' ? KINDS[calls.get(layer)!.layer.type] : undefined;
      const units = kind === 'rectifier' ? unitsOf(tensor).units : 0;
      const bins = binning[what].edges.length - 1;
      const section: Section & { readonly tensor: PlanTensor; readonly kind: typeof kind } = {
        ...{ layer, what, shape: tensor.shape, base, bins, units },
        ...{ tensor, kind },
      };
      base += HEADER + bins + FURTHER + units;
      return [section];
    }),
  );
  return { sections, words: base };
}

/** The train plan of a key that also gathers statistics. */
export function monitorPlan(engine: Engine, key: PlanKey, options: MonitorPlanOptions): MonitorPlan {
  let memory = new Memory();
  const names = parameterNames(engine);
  const shards = engine.session.arenas.parameters.shards;
  let made: Omit<MonitorPlan, 'plan'> | null = null;
  const tail = (read: readonly PlanTensor[], tables: number): Tail[] => {
    memory = new Memory(tables);
    const { sections, words: normsBase } = sectionsOf(read, engine, options);
    const words = normsBase + 4 * names.length;
    const results = memory.table(new Uint32Array(words));
    const before = shards.map((bytes) => memory.table(new Uint32Array(bytes / 4)));
    made = { sections, normsBase, names, words, results: results.buffer, before: before.map(({ buffer }) => buffer) };
    const edges = {
      output: memory.table(asWords(options.bins.output.edges)),
      gradient: memory.table(asWords(options.bins.gradient.edges)),
    };
    const chunkCounts = sections.map(({ tensor }) => ceilDiv(physicalSize(tensor.shape, tensor.layout), CHUNK));
    const firsts = chunkCounts.map((_, i) => chunkCounts.slice(0, i).reduce((a, b) => a + b, 0));
    const total = chunkCounts.reduce((a, b) => a + b, 0);
    const partials = memory.table(new Uint32Array(8 * Math.max(1, total)));
    const tensors = memory.table(
      new Uint32Array(sections.flatMap(({ base }, i) => [firsts[i]!, chunkCounts[i]!, base, 0])),
    );
    const spreads = sections.map(({ layer, what, tensor, kind, base, bins, units }, i): Tail => {
      const unit = unitsOf(tensor);
      const { symlog, threshold, from, perUnit } = options.bins[what];
      return {
        label: `monitor.${layer}.${what}`,
        kernel: {
          shader: spread,
          defines: {
            ...{ BINS: bins, SYMLOG: symlog, CHUNK, UNITS: units > 0, MASK: unit.padded !== unit.units },
            SATURATES: kind === 'sigmoid' || kind === 'tanh' ? kind : 'none',
          },
          bind: { x: tensor.place, edges: edges[what], partials, results },
          params: {
            ...unit,
            count: physicalSize(tensor.shape, tensor.layout),
            partial_base: firsts[i]!,
            result_base: base,
            saturation: options.saturation,
            ...{ scale_from: from, bins_per_unit: perUnit, threshold },
          },
          workgroups: linearGroups(chunkCounts[i]!, 1),
        },
      };
    });
    const join: Tail = {
      label: 'monitor.join',
      kernel: {
        shader: spreadJoin,
        bind: { partials, tensors, results },
        params: { count: sections.length },
        workgroups: linearGroups(sections.length, 1),
      },
    };
    const kept = shards.map((bytes, shard): Tail => {
      const parameters: Place = { buffer: { kind: 'parameters', shard }, offset: 0, bytes };
      const kernel = {
        shader: keep,
        bind: { parameters, before: before[shard]! },
        params: { count: bytes / 16 },
        workgroups: linearGroups(bytes / 16, 64),
      };
      return { label: 'monitor.keep', kernel };
    });
    const cleared = { shader: clear, bind: { results }, params: { count: words }, workgroups: linearGroups(words, 64) };
    return [{ label: 'monitor.clear', kernel: cleared }, ...spreads, ...(sections.length > 0 ? [join] : []), ...kept];
  };
  const plan = engine.describePlan(key, { layers: options.layers, tail });
  return { ...made!, plan: { ...plan, tables: [...plan.tables, ...memory.tables] } };
}

/** Norms of gradients, weights and updates: runs behind the update. Binds `results` and `before0`, ... from outside. */
export function normsPlan(engine: Engine, { words, normsBase }: MonitorPlan, sums: number | null): Plan {
  const memory = new Memory();
  const shards = parts(engine, Infinity);
  const chunks = cutIntoChunks(engine, shards);
  const partials = memory.slab(4 * chunks.count);
  const tails = shards.map((part, i): Tail => {
    const { shard, bytes } = part;
    const { first, count } = chunks.ofShard[i]!;
    const gradients: BufferRef = sums === null ? { kind: 'gradients', shard } : { kind: 'slot', slot: sums, shard };
    const whole = (buffer: BufferRef): Place => ({ buffer, offset: 0, bytes });
    return {
      label: 'monitor.norms',
      kernel: {
        shader: norms,
        bind: {
          gradients: whole(gradients),
          before: whole({ kind: 'external', name: `before${shard}` }),
          parameters: whole({ kind: 'parameters', shard }),
          chunks: shardTable(memory, chunks, i),
          partials,
        },
        params: { count, partial_base: first },
        workgroups: linearGroups(count, 1),
      },
    };
  });
  const join: Tail = {
    label: 'monitor.norms',
    kernel: {
      shader: normsJoin,
      bind: {
        partials,
        ranges: memory.table(chunks.ranges),
        results: bound({ kind: 'external', name: 'results' }, words),
      },
      params: { count: chunks.parameters, result_base: normsBase },
      workgroups: linearGroups(chunks.parameters, 1),
    },
  };
  return planTail(shards.length > 0 ? [...tails, join] : [], engine.device.caps, memory);
}
