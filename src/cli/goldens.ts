/** `gabor goldens`. Imports cli/goldens. */
import { type Command, type Io, JSON_OPTION } from './command.ts';
import { withDevice } from './device.ts';
import { runGoldens } from './goldens/run.ts';
import type { Options } from './options.ts';

async function run([folder = '', ...families]: readonly string[], options: Options, io: Io): Promise<number> {
  return withDevice(io, async (device) => {
    const json = options.flag('json');
    const print = json ? () => {} : io.print;
    const { passed, failed, unsupported, cases } = await runGoldens({ folder, families, device, print });
    if (json) io.print(JSON.stringify({ passed, failed, unsupported, cases }));
    return failed === 0 ? 0 : 1;
  });
}

export const goldensCommand: Command = {
  usage: 'goldens <folder> [...families]',
  text: 'compare gabor with golden data: FAMILY.json and FAMILY.safetensors of a folder',
  options: [JSON_OPTION],
  examples: ['goldens test/goldens', 'goldens test/goldens conv2d pool'],
  run,
};
