/** What a kernel adds to its variant to apply an epilogue while it stores. Imports graph types. */
import type { Epilogue, PlanValue } from './types.ts';

export interface EpilogueParts {
  /**
   * For the shader's slot `epilogue`: `fn epilogue(value: f32, s: f32) -> f32`, the identity without an epilogue. With
   * channels it takes `p: vec4f` besides, which `fn prepare(c: vec4f) -> vec4f` makes of a channel's numbers.
   */
  readonly text: string;
  /** For its define OPERAND: there is a binding `operand`, whose element is `s`. */
  readonly operand: boolean;
  /** For its define CHANNELS: so many bindings `c0`, `c1`, ..., of which an element is a component of `c`. */
  readonly channels: number;
  /** For its bindings. */
  readonly bind: { readonly [name: string]: PlanValue };
}

export function epilogueParts(epilogue: Epilogue | null): EpilogueParts {
  const { statements = '', operand = null, channels = null } = epilogue ?? {};
  const prepare = channels ? `fn prepare(c: vec4f) -> vec4f { return ${channels.prepare}; }\n` : '';
  const values = channels?.values ?? [];
  return {
    text: `${prepare}fn epilogue(value: f32, s: f32${channels ? ', p: vec4f' : ''}) -> f32 { var v = value; ${statements} return v; }`,
    operand: operand !== null,
    channels: values.length,
    bind: { ...(operand && { operand }), ...Object.fromEntries(values.map((value, i) => [`c${i}`, value])) },
  };
}
