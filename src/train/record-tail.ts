/** The kernel at the end of a plan that writes loss and hits of a batch to the ring of metrics. Imports compile, graph, runtime, shader text. */
import stepText from '../../shaders/lib/step.wgsl?raw';
import recordText from '../../shaders/metrics/record.wgsl?raw';
import type { Place } from '../compile/place.ts';
import type { PlanTensor, Tail } from '../compile/plan.ts';
import type { ShaderSource } from '../graph/types.ts';
import { RING_SLOTS } from '../runtime/ring.ts';

const recordShader: ShaderSource = {
  file: 'metrics/record.wgsl',
  text: recordText,
  includes: { 'lib/step.wgsl': stepText },
};

/** The kernel that writes a step's loss and hits to the ring. */
export function recordTail(read: readonly PlanTensor[], samples: number): Tail {
  const place = (name: string): Place | undefined => read.find((t) => t.name === name)?.place;
  const correct = place('correct');
  const ring: Place = { buffer: { kind: 'external', name: 'ring' }, offset: 0, bytes: RING_SLOTS * 16 };
  return {
    label: 'metrics.record',
    kernel: {
      shader: recordShader,
      defines: { CORRECT: correct !== undefined },
      bind: { loss: place('loss')!, ...(correct && { correct }), ring },
      params: { samples },
      workgroups: [1, 1, 1],
    },
  };
}
