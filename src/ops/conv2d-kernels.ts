/** Kernels of the convolution and its gradients, best first for a device. Imports graph, util, the conv2d-* variants. */
import type { Variant } from '../graph/types.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { forwardDirect, inputDirect, weightDirect } from './conv2d-direct.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import type { ForwardValues, InputValues, WeightValues } from './conv2d-shared.ts';
import { forwardSingle, singleChannel, weightSingle } from './conv2d-single.ts';
import { forwardSubgroup, inputSubgroup, softwareLanes, weightSubgroup, wholeVectors } from './conv2d-subgroup.ts';

type On<V> = V & { readonly caps: DeviceCaps };

export function forwardVariants(g: ConvGeometry, { caps, ...values }: On<ForwardValues>): Variant[] {
  const lanes = softwareLanes(caps);
  const variants = [forwardDirect(g, values)];
  if (lanes > 0 && wholeVectors(g)) variants.unshift(forwardSubgroup(g, { ...values, lanes }));
  if (lanes > 0 && singleChannel(g)) variants.unshift(forwardSingle(g, { ...values, lanes }));
  return variants;
}

export function inputVariants(g: ConvGeometry, { caps, ...values }: On<InputValues>): Variant[] {
  const lanes = softwareLanes(caps);
  const variants = [inputDirect(g, values)];
  if (lanes > 0 && wholeVectors(g)) variants.unshift(inputSubgroup(g, { ...values, lanes }));
  return variants;
}

export function weightVariants(g: ConvGeometry, { caps, ...values }: On<WeightValues>): Variant[] {
  const lanes = softwareLanes(caps);
  const variants = [weightDirect(g, values)];
  if (lanes > 0 && wholeVectors(g)) variants.unshift(weightSubgroup(g, { ...values, lanes }));
  if (lanes > 0 && singleChannel(g)) variants.unshift(weightSingle(g, { ...values, lanes }));
  return variants;
}
