/**
 * Reads the attributes of a golden case (JSON as it is) with their types checked. Also the interface of a reference
 * operator. May import test/support/tensor.ts.
 */
import type { Tensor, Tensors } from '../tensor.ts';

export type Attrs = Readonly<Record<string, unknown>>;

/** A reference operator: outputs from inputs, and the gradients of sum(output * upstream) with respect to inputs. */
export interface ReferenceOp {
  forward(tensors: Tensors, attrs: Attrs): Record<string, Tensor>;
  backward?(tensors: Tensors, attrs: Attrs, upstream: Tensors): Record<string, Tensor>;
}

function fail(attrs: Attrs, name: string, wanted: string): never {
  throw new Error(`attribute "${name}" is ${JSON.stringify(attrs[name])}, expected ${wanted}`);
}

export function numberAttr(attrs: Attrs, name: string, fallback?: number): number {
  const value = attrs[name] ?? fallback;
  return typeof value === 'number' ? value : fail(attrs, name, 'a number');
}

/** A number, or null where the attribute is null or absent. */
export function optionalNumber(attrs: Attrs, name: string): number | null {
  return attrs[name] == null ? null : numberAttr(attrs, name);
}

export function flagAttr(attrs: Attrs, name: string, fallback?: boolean): boolean {
  const value = attrs[name] ?? fallback;
  return typeof value === 'boolean' ? value : fail(attrs, name, 'true or false');
}

export function textAttr(attrs: Attrs, name: string, fallback?: string): string {
  const value = attrs[name] ?? fallback;
  return typeof value === 'string' ? value : fail(attrs, name, 'a string');
}

export function numbersAttr(attrs: Attrs, name: string, fallback?: readonly number[]): readonly number[] {
  const value = attrs[name] ?? fallback;
  if (!Array.isArray(value) || !value.every((v) => typeof v === 'number'))
    return fail(attrs, name, 'a list of numbers');
  return value;
}

/** [height, width]. */
export function pairAttr(attrs: Attrs, name: string, fallback?: readonly [number, number]): readonly [number, number] {
  const [h, w, ...rest] = numbersAttr(attrs, name, fallback);
  return h !== undefined && w !== undefined && rest.length === 0 ? [h, w] : fail(attrs, name, '[height, width]');
}

/** [top, left, bottom, right]; zeros where it is absent. */
export function paddingAttr(attrs: Attrs): { top: number; left: number; bottom: number; right: number } {
  const [top, left, bottom, right] = numbersAttr(attrs, 'padding', [0, 0, 0, 0]);
  if (right === undefined) return fail(attrs, 'padding', '[top, left, bottom, right]');
  return { top: top!, left: left!, bottom: bottom!, right };
}
