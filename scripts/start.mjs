/** `npm start`: sets up what is missing, then trains on MNIST; further arguments are those of `gabor train`. */
import { runCli, setUp } from './cli.mjs';

setUp();
process.env.GABOR_PROGRAM ??= 'npm run gabor --'; // as in the commands that it suggests
await runCli(['train', 'mnist', ...process.argv.slice(2)]);
