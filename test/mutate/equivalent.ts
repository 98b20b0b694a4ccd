/** Faults that change nothing that can be seen, with the reason. Imports nothing. */

export interface Equivalent {
  readonly file: string;
  readonly before: string;
  readonly after: string;
  readonly reason: string;
}

export const EQUIVALENT: readonly Equivalent[] = [];

export const reasonOf = (file: string, { before, after }: { readonly before: string; readonly after: string }) =>
  EQUIVALENT.find((known) => known.file === file && known.before === before && known.after === after)?.reason ?? null;
