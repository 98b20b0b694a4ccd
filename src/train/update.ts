/** The optimizer as a plan: one dispatch over the whole parameter arena. Imports engine, optim, compile, graph. */
import type { Place } from '../compile/place.ts';
import type { Tail } from '../compile/plan.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { type Optimizer, updateShader } from '../optim/optimizer.ts';
import type { Engine } from './engine.ts';

/** One dispatch for each shard of the parameters: in practice one. */
export function updateTails(engine: Engine, { name, slots, hyperparameters, rule }: Optimizer): Tail[] {
  const fields = Object.keys(hyperparameters).map((field) => `  ${field}: f32,`);
  return engine.session.arenas.parameters.shards.map((bytes, shard): Tail => {
    const whole = (buffer: Place['buffer']): Place => ({ buffer, offset: 0, bytes });
    const bind: Record<string, Place> = {
      parameters: whole({ kind: 'parameters', shard }),
      gradients: whole({ kind: 'gradients', shard }),
    };
    for (const slot of slots.keys()) bind[`slot${slot}`] = whole({ kind: 'slot', slot, shard });
    return {
      label: `optimizer.${name}`,
      kernel: {
        shader: updateShader,
        defines: { SLOTS: slots.length },
        slots: { hyperparameters: fields.join('\n'), update: rule },
        bind,
        params: { count4: bytes / 16, ...hyperparameters },
        workgroups: linearGroups(bytes / 16, 64),
      },
    };
  });
}
