/** `npm start`: sets up what is missing, then trains on MNIST; further arguments are those of `gabor train`. */
import { runCli, setUp } from './cli.mjs';

setUp();
await runCli(['train', 'mnist', ...process.argv.slice(2)]);
