/** `npm run gabor -- ARGS`: sets up what is missing, then runs gabor's command line from the source tree. */
import { runCli, setUp } from './cli.mjs';

setUp();
process.env.GABOR_PROGRAM ??= 'npm run gabor --'; // as in the commands that it suggests
await runCli(process.argv.slice(2));
