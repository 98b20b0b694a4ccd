/** `npm run gabor -- ARGS`: sets up what is missing, then runs gabor's command line from the source tree. */
import { runCli, setUp } from './cli.mjs';

setUp();
await runCli(process.argv.slice(2));
