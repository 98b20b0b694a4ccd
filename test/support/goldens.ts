/**
 * The golden data of this repository for tests, and the reader that the command line ships. May import
 * src/cli/goldens/golden-files.ts and test/support/tensor.ts.
 */
import { fileURLToPath } from 'node:url';
import type { GoldenCase } from '../../src/cli/goldens/golden-files.ts';
import { fromFloat32, type Tensor } from './tensor.ts';

export * from '../../src/cli/goldens/golden-files.ts';

export const GOLDENS = fileURLToPath(new URL('../goldens', import.meta.url));

/** A tensor of a case in double precision; an error that names the case if it is missing. */
export function goldenTensor(golden: GoldenCase, name: string): Tensor {
  const found = golden.tensors.get(name);
  if (!found) throw new Error(`${golden.name}: no tensor "${name}"`);
  return fromFloat32(found);
}

/** The inputs of a case, by name. */
export function goldenInputs(golden: GoldenCase): Record<string, Tensor> {
  return Object.fromEntries(golden.inputs.map((name) => [name, goldenTensor(golden, name)]));
}

/** The upstream gradients of a case, by the name of the output they belong to. */
export function goldenUpstream(golden: GoldenCase): Record<string, Tensor> {
  return Object.fromEntries(
    Object.entries(golden.upstream).map(([output, name]) => [output, goldenTensor(golden, name)]),
  );
}
