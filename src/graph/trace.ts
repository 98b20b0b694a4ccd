/**
 * What is being traced: the stack of layer names (for error messages and profiles) and the recorder that turns a model's
 * function into a description. Tracing is synchronous, so module-level state is safe. Imports only types.
 */
import type { Attrs, Value } from './types.ts';

/** Is told of every op that a model's function applies itself, that is, not inside a layer. */
export type OpRecorder = (op: string, attrs: Attrs, inputs: readonly Value[], outputs: readonly Value[]) => void;

const scopes: string[] = [];
let recorder: OpRecorder | null = null;

/** Name of the innermost layer, '' outside. */
export const currentScope = (): string => scopes.at(-1) ?? '';

/** Runs `body` inside the layer `name`: its nodes carry the name, and are not recorded one by one. */
export function inScope<T>(name: string, body: () => T): T {
  scopes.push(name);
  try {
    return body();
  } finally {
    scopes.pop();
  }
}

/** Runs `body` with a recorder of the ops outside layers. */
export function recording<T>(listener: OpRecorder, body: () => T): T {
  const outer = recorder;
  recorder = listener;
  try {
    return body();
  } finally {
    recorder = outer;
  }
}

export const recordOp: OpRecorder = (op, attrs, inputs, outputs) => {
  if (scopes.length === 0) recorder?.(op, attrs, inputs, outputs);
};
