/** `shader`: the WGSL of ops that are defined outside of gabor, with gabor's own functions to include. Imports graph types, errors, shader text. */
import divideText from '../../shaders/lib/divide.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import mathText from '../../shaders/lib/math.wgsl?raw';
import philoxText from '../../shaders/lib/philox.wgsl?raw';
import shuffleText from '../../shaders/lib/shuffle.wgsl?raw';
import stepText from '../../shaders/lib/step.wgsl?raw';
import treeText from '../../shaders/lib/tree.wgsl?raw';
import type { ShaderSource } from '../graph/types.ts';
import { ShaderError } from '../util/errors.ts';

/** What an own shader may include by name: functions alone, without bindings. */
const library: ShaderSource['includes'] = {
  'lib/divide.wgsl': divideText,
  'lib/linear-id.wgsl': linearIdText,
  'lib/math.wgsl': mathText,
  'lib/philox.wgsl': philoxText,
  'lib/shuffle.wgsl': shuffleText,
  'lib/step.wgsl': stepText,
  'lib/tree.wgsl': treeText,
};

export interface ShaderTexts {
  /** Its name in messages and profiles, `my-op/forward.wgsl`. */
  readonly file: string;
  /** WGSL with gabor's directives: `//#include "..."`, `//#if NAME`, `//#for I 0 N`, `//#slot`. */
  readonly text: string;
  /** Texts of your own that it includes, by name. They go before gabor's. */
  readonly includes?: { readonly [file: string]: string };
}

/**
 * A shader for a kernel of your own. It may `//#include` what you give and gabor's "lib/linear-id.wgsl" (`linear_group`),
 * "lib/math.wgsl" (`sigmoid`, `tanh_exact`, `softplus`, ...), "lib/divide.wgsl" (`divide`), "lib/philox.wgsl",
 * "lib/shuffle.wgsl" and "lib/step.wgsl" (`struct Step`).
 *
 * @throws ShaderError where it includes something that is neither.
 */
export function shader({ file, text, includes = {} }: ShaderTexts): ShaderSource {
  const known = { ...library, ...includes };
  const used: { [file: string]: string } = {};
  const visit = (name: string, body: string): void => {
    for (const [, included] of body.matchAll(/^\s*\/\/#include\s+["']?([^"'\s]+)["']?\s*$/gm)) {
      if (Object.hasOwn(used, included!)) continue;
      if (!Object.hasOwn(known, included!))
        throw new ShaderError(
          `${name}: there is no "${included}" to include. Pass it in \`includes\`, or use ${Object.keys(library).join(', ')}.`,
        );
      used[included!] = known[included!]!;
      visit(included!, known[included!]!);
    }
  };
  visit(file, text);
  return { file, text, includes: used };
}
