/** Which bindings kernels for software adapters read as uniform buffers: those that are small. Imports graph, util. */
import { physicalSize } from '../graph/layout.ts';
import type { Kernel } from '../graph/types.ts';
import { UNIFORM_VECTORS } from '../util/caps.ts';

/** Those of `names` that are bound and small enough, for `Kernel.uniform`. */
export const smallOf = (bind: Kernel['bind'], names: readonly string[] = ['weight', 'bias']): string[] =>
  names.filter((name) => {
    const target = bind[name];
    if (!target) return false;
    const elements = 'scratch' in target ? target.elements : physicalSize(target.shape, target.layout);
    return elements <= 4 * UNIFORM_VECTORS;
  });
