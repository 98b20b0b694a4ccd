/**
 * The float64 CPU reference: every operator of the reference data, keyed by its name there, with attributes as they are
 * there. Written for clarity; the GPU kernels are tested against it. May import the files of this folder.
 *
 * Left out: whole networks (`nets`) and initialisers (`init`).
 */
import type { ReferenceOp } from './attrs.ts';
import { binaries } from './binary.ts';
import { losses } from './losses.ts';
import { moves } from './move.ts';
import { norms } from './norm.ts';
import { optimizers } from './optimizers.ts';
import { pools } from './pool.ts';
import { products } from './products.ts';
import { reductions } from './reduce.ts';
import { schedules } from './schedules.ts';
import { unaries } from './unary.ts';

export type { Attrs, ReferenceOp } from './attrs.ts';

export const reference: Readonly<Record<string, ReferenceOp>> = {
  ...products,
  ...pools,
  ...unaries,
  ...binaries,
  ...reductions,
  ...losses,
  ...norms,
  ...moves,
  ...optimizers,
  ...schedules,
};

/** The reference of one operator; an error that names it if there is none. */
export function referenceOp(name: string): ReferenceOp {
  const op = reference[name];
  if (!op) throw new Error(`no reference for operator "${name}"`);
  return op;
}
