/** What a kernel adds to its variant to apply an epilogue while it stores. Imports graph types. */
import type { Epilogue, PlanValue } from './types.ts';

export interface EpilogueParts {
  /** For the shader's slot `epilogue`: `fn epilogue(value: f32, s: f32) -> f32`, the identity without an epilogue. */
  readonly text: string;
  /** For its define OPERAND: there is a binding `operand`, whose element is `s`. */
  readonly operand: boolean;
  /** For its bindings. */
  readonly bind: { readonly operand?: PlanValue };
}

export function epilogueParts(epilogue: Epilogue | null): EpilogueParts {
  const { statements = '', operand = null } = epilogue ?? {};
  return {
    text: `fn epilogue(value: f32, s: f32) -> f32 { var v = value; ${statements} return v; }`,
    operand: operand !== null,
    bind: operand ? { operand } : {},
  };
}
