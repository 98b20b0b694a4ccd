/** Kernels of the convolution and its gradients, best first for a device. Imports graph, util, the conv2d-* variants. */
import type { Variant } from '../graph/types.ts';
import { type DeviceCaps, softwareLanes } from '../util/caps.ts';
import { blocksPool, forwardBlock, hasBlocks, inputBlock, turned, type Weighed } from './conv2d-block.ts';
import { forwardDepthwise, inputDepthwise, isDepthwise, weightDepthwise } from './conv2d-depthwise.ts';
import { forwardDirect, inputDirect, weightDirect } from './conv2d-direct.ts';
import { forwardFew, weightFew } from './conv2d-few.ts';
import type { ConvGeometry } from './conv2d-geometry.ts';
import {
  forwardPointwise,
  forwardProductWins,
  inputPointwise,
  isPointwise,
  weightPointwise,
} from './conv2d-pointwise.ts';
import type { ForwardValues, InputValues, WeightValues } from './conv2d-shared.ts';
import { forwardSingle, forwardSinglePool, singleChannel, weightSingle } from './conv2d-single.ts';
import { forwardSubgroup, inputSubgroup, weightSubgroup } from './conv2d-subgroup.ts';
import { forwardTiled, inputTiled, weightTiled } from './conv2d-tiled.ts';
import { forwardWinograd, inputWinograd, weightWinograd } from './conv2d-winograd.ts';
import { convolutionFits, weightFits } from './conv2d-winograd-operands.ts';
import { forwardWins, inputWins, weightWins } from './conv2d-winograd-time.ts';

type On<V> = V & { readonly caps: DeviceCaps };

/** True where the channels of a group, both in and out, are whole vec4s in memory. */
const wholeVectors = ({ groups, is, os, i, o }: ConvGeometry): boolean =>
  groups === 1 ? is % 4 === 0 && os % 4 === 0 : i % 4 === 0 && (o / groups) % 4 === 0;

/** Winograd's kernels, and whether they are faster than the others. */
interface Winograd {
  readonly winograd: readonly Variant[];
  readonly first: boolean;
}

const among = (others: readonly Variant[], { winograd, first }: Winograd): Variant[] =>
  first ? [...winograd, ...others] : [...others, ...winograd];

/** Kernels that pool their results and are not slower than two kernels: all that do but the direct one. */
function poolingVariants(g: ConvGeometry, { caps, ...values }: On<ForwardValues>): Variant[] {
  const lanes = softwareLanes(caps);
  if (lanes === 0) return [];
  if (singleChannel(g)) return [forwardSinglePool(g, { ...values, lanes })];
  const blocks = hasBlocks(g) ? [forwardBlock(g, { ...values, lanes }).variant] : [];
  return among(blocks, { winograd: forwardWinograd(g, { ...caps, lanes }, values), first: forwardWins(g, lanes) });
}

/** Whether there are any. */
export function pools(g: ConvGeometry, caps: DeviceCaps): boolean {
  const lanes = softwareLanes(caps);
  if (lanes === 0) return false;
  return singleChannel(g) || forwardWins(g, lanes) || (hasBlocks(g) && blocksPool(g, lanes));
}

/** The others and, where there is one, a special kernel: in front of them where it is faster, else behind. */
const ordered = (others: readonly Variant[], special: Weighed | null): Variant[] =>
  special ? (special.first ? [special.variant, ...others] : [...others, special.variant]) : [...others];

export function forwardVariants(g: ConvGeometry, { caps, ...values }: On<ForwardValues>): Variant[] {
  if (values.window) return [...poolingVariants(g, { caps, ...values }), forwardDirect(g, values)];
  const lanes = softwareLanes(caps);
  const variants: Variant[] = [];
  if (isDepthwise(g)) variants.push(...forwardDepthwise(g, { ...values, software: caps.software }));
  if (lanes > 0 && singleChannel(g)) variants.push(forwardSingle(g, { ...values, lanes }));
  if (lanes > 0 && wholeVectors(g)) {
    const block = hasBlocks(g) ? forwardBlock(g, { ...values, lanes }) : null;
    const own = [forwardSubgroup(g, { ...values, lanes })];
    const product = isPointwise(g) ? forwardPointwise(g, { ...values, caps }) : [];
    const tiles = ordered(forwardProductWins(g, lanes) ? [...product, ...own] : [...own, ...product], block);
    const others = ordered(tiles, forwardFew(g, { ...values, lanes }));
    const winograd = forwardWinograd(g, { ...caps, lanes }, values);
    variants.push(...among(others, { winograd, first: forwardWins(g, lanes) }));
  }
  if (lanes === 0 && isPointwise(g)) variants.push(...forwardPointwise(g, { ...values, caps }));
  if (wholeVectors(g)) variants.push(forwardTiled(g, values));
  return [...variants, forwardDirect(g, values)];
}

/** Whether the gradient of the input has a kernel that takes what arrives at a pool behind the convolution, and it is the fastest. */
export function inputSpreads(g: ConvGeometry, caps: DeviceCaps): boolean {
  const lanes = softwareLanes(caps);
  return lanes > 0 && !isPointwise(g) && inputWins(g, lanes) && convolutionFits(turned(g), caps);
}

export function inputVariants(g: ConvGeometry, { caps, ...values }: On<InputValues>): Variant[] {
  const lanes = softwareLanes(caps);
  if (values.codes) return inputWinograd(g, { ...caps, lanes }, values);
  const variants: Variant[] = [];
  if (isPointwise(g)) variants.push(...inputPointwise(g, { ...values, caps }));
  if (isDepthwise(g)) variants.push(...inputDepthwise(g, { ...values, software: caps.software }));
  if (lanes > 0 && wholeVectors(g)) {
    const block = hasBlocks(g) ? inputBlock(g, { ...values, lanes }) : null;
    const others = ordered([inputSubgroup(g, { ...values, lanes })], block);
    const winograd = inputWinograd(g, { ...caps, lanes }, values);
    variants.push(...among(others, { winograd, first: inputWins(g, lanes) }));
  }
  if (wholeVectors(g)) variants.push(inputTiled(g, values));
  return [...variants, inputDirect(g, values)];
}

/** The same for the gradient of the weight. */
export function weightSpreads(g: ConvGeometry, caps: DeviceCaps): boolean {
  const lanes = softwareLanes(caps);
  return lanes > 0 && (singleChannel(g) || (weightWins(g, lanes) && weightFits(g, caps)));
}

export function weightVariants(g: ConvGeometry, { caps, ...values }: On<WeightValues>): Variant[] {
  const lanes = softwareLanes(caps);
  if (values.codes && singleChannel(g)) return [weightSingle(g, { ...values, lanes })];
  if (values.codes) return weightWinograd(g, { ...caps, lanes }, values);
  const variants: Variant[] = [];
  if (isPointwise(g)) variants.push(...weightPointwise(g, { ...values, caps }));
  if (isDepthwise(g)) variants.push(...weightDepthwise(g, { ...values, software: caps.software }));
  if (lanes > 0 && singleChannel(g)) variants.push(weightSingle(g, { ...values, lanes }));
  if (lanes > 0 && wholeVectors(g)) {
    const others = ordered([weightSubgroup(g, { ...values, lanes })], weightFew(g, { ...values, lanes }));
    const winograd = weightWinograd(g, { ...caps, lanes }, values);
    variants.push(...among(others, { winograd, first: weightWins(g, lanes) }));
  }
  if (wholeVectors(g)) variants.push(weightTiled(g, values));
  return [...variants, weightDirect(g, values)];
}
