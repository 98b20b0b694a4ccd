/** The dispatch at the end of a plan that adds what kernels have left in parts: one for each shard of the gradients. Imports compile, graph, shader text. */
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import addPartsText from '../../shaders/optimizer/add-parts.wgsl?raw';
import type { PartJob } from '../compile/defer.ts';
import type { Place } from '../compile/place.ts';
import type { AddParts, Tail } from '../compile/plan.ts';
import type { ShaderSource } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { Memory } from './update.ts';

const shader: ShaderSource = {
  file: 'optimizer/add-parts.wgsl',
  text: addPartsText,
  includes: { 'lib/linear-id.wgsl': linearIdText },
};

/** Rows of the shader's table: a job cut into pieces of one workgroup. */
function rowsOf({ from, to, first, elements, stride, parts }: PartJob, size: number): number[] {
  const rows: number[] = [];
  for (let at = 0; at < elements / 4; at += size) {
    const count = Math.min(size, elements / 4 - at);
    rows.push(from.offset / 16 + first / 4 + at, to.offset / 16 + at, count, stride / 4, parts, 0, 0, 0);
  }
  return rows;
}

/** From the start of a buffer to the end of the last place. */
function span(places: readonly Place[]): Place {
  return {
    buffer: places[0]!.buffer,
    offset: 0,
    bytes: Math.max(...places.map(({ offset, bytes }) => offset + bytes)),
  };
}

/** The longest sums come first, so that no processor is left with one of them at the end. */
export const addParts: AddParts = (jobs, { software }) => {
  const size = software ? 32 : 64;
  const memory = new Memory();
  const shardOf = ({ to: { buffer } }: PartJob): number => ('shard' in buffer ? buffer.shard : 0);
  const shards = [...new Set(jobs.map(shardOf))].sort((a, b) => a - b);
  const tails = shards.map((shard): Tail => {
    const own = jobs.filter((job) => shardOf(job) === shard).sort((a, b) => b.parts - a.parts);
    const rows = own.flatMap((job) => rowsOf(job, size));
    return {
      label: 'gradients.addParts',
      kernel: {
        shader,
        defines: { SIZE: size },
        bind: {
          parts: span(own.map(({ from }) => from)),
          jobs: memory.table(new Uint32Array(rows)),
          gradients: span(own.map(({ to }) => to)),
        },
        params: { jobs: rows.length / 8 },
        workgroups: linearGroups(rows.length / 8, 1),
      },
    };
  });
  return { tails, tables: memory.tables };
};
