/** Bytes of the GPU as tensors. Imports compile types, graph. */
import type { PlanTensor } from '../compile/plan.ts';
import { fromMemory, physicalSize } from '../graph/layout.ts';
import type { TensorData } from './session.ts';

/** The logical tensor in the bytes of its place. */
export function decode(
  { shape, layout, dtype }: Pick<PlanTensor, 'shape' | 'layout' | 'dtype'>,
  bytes: ArrayBuffer,
): TensorData {
  const elements = physicalSize(shape, layout);
  const memory = { f32: Float32Array, i32: Int32Array, u32: Uint32Array }[dtype];
  const data = new memory(bytes, 0, elements);
  return fromMemory(data, shape, layout) as TensorData;
}
