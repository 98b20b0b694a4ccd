/** Places in memory, by name rather than by GPU object, so that a plan is data. Imports graph and util. */
import { type Layout, physicalSize } from '../graph/layout.ts';
import { DeviceError } from '../util/errors.ts';
import { roundUp, type Shape } from '../util/shape.ts';

/** A buffer of the session that runs the plan. */
export type BufferRef =
  | { readonly kind: 'slab'; readonly index: number }
  | { readonly kind: 'parameters' | 'gradients'; readonly shard: number }
  | { readonly kind: 'slot'; readonly slot: number; readonly shard: number }
  | { readonly kind: 'state' }
  | { readonly kind: 'input' | 'external'; readonly name: string }
  | { readonly kind: 'constant'; readonly index: number }
  /** Words that the plan carries. */
  | { readonly kind: 'table'; readonly index: number }
  /** The Params of all dispatches of the plan. */
  | { readonly kind: 'params' }
  /** The few words that change every step. */
  | { readonly kind: 'step' };

export interface Place {
  readonly buffer: BufferRef;
  readonly offset: number;
  readonly bytes: number;
}

/** minStorageBufferOffsetAlignment at its default, the largest that a device may ask for. */
export const ALIGNMENT = 256;

/** Bytes bound for so many elements: whole vec4s, so that a kernel may read the tail as one. */
export const bytesFor = (elements: number): number => Math.max(16, roundUp(elements * 4, 16));

/** Short name of a buffer, as the printed plan shows it. */
export function refName(ref: BufferRef): string {
  switch (ref.kind) {
    case 'slab':
      return `slab${ref.index}`;
    case 'parameters':
      return ref.shard === 0 ? 'param' : `param.${ref.shard}`;
    case 'gradients':
      return ref.shard === 0 ? 'grad' : `grad.${ref.shard}`;
    case 'slot':
      return `slot${ref.slot}${ref.shard === 0 ? '' : `.${ref.shard}`}`;
    case 'input':
      return `in:${ref.name}`;
    case 'external':
      return `ext:${ref.name}`;
    case 'constant':
      return `const${ref.index}`;
    case 'table':
      return `table${ref.index}`;
    default:
      return ref.kind;
  }
}

/** One tensor in an arena. */
export interface ArenaEntry {
  readonly name: string;
  readonly shape: Shape;
  /** The shape that the layout is of: row-major the same elements. */
  readonly stored: Shape;
  readonly layout: Layout;
  readonly shard: number;
  /** Bytes from the start of the shard, a multiple of 256. */
  readonly offset: number;
  readonly bytes: number;
}

export interface Arena {
  readonly entries: readonly ArenaEntry[];
  /** Bytes of each shard, a multiple of 256: what one optimizer dispatch covers. */
  readonly shards: readonly number[];
}

/** What an arena is made of: see ParameterSpec. */
export interface ArenaTensor {
  readonly name: string;
  readonly shape: Shape;
  readonly layout: Layout;
  readonly images?: Shape | undefined;
}

/**
 * Lays tensors one after another, in the order given, into as few shards as the binding limit allows.
 * Throws DeviceError where a single tensor is larger than a binding may be.
 */
export function planArena(tensors: readonly ArenaTensor[], maxBindingBytes: number): Arena {
  const entries: ArenaEntry[] = [];
  const shards: number[] = [];
  for (const { name, shape, images, ...own } of tensors) {
    const { stored, layout } = images ? { stored: images, layout: 'nhwc' as const } : { stored: shape, ...own };
    const bytes = bytesFor(physicalSize(stored, layout));
    if (bytes > maxBindingBytes) {
      throw new DeviceError(
        `parameter "${name}": needs ${bytes} bytes, this device binds ${maxBindingBytes} at most. Make the layer smaller.`,
      );
    }
    const last = shards.length - 1;
    const used = shards[last] ?? 0;
    const fits = last >= 0 && used + roundUp(bytes, ALIGNMENT) <= maxBindingBytes;
    const shard = fits ? last : last + 1;
    const offset = fits ? used : 0;
    entries.push({ name, shape, stored, layout, shard, offset, bytes });
    shards[shard] = offset + roundUp(bytes, ALIGNMENT);
  }
  return { entries, shards };
}
