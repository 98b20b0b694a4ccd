/**
 * What all peers that run in Node have in common: reading the net, waiting for the GPU, loops of steps, answers to the
 * coordinator (JSON lines behind `@peer`). Imports Node's own modules only.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** @typedef {import('../nets.ts').Net} Net */

/**
 * One step or batch on its way. Exactly one of the two is called.
 * @template T
 * @typedef {{ read(): Promise<T>, drop(): void }} Pending
 */

/**
 * A peer with a net on its device. `trainError` says why it cannot train the net, if so.
 * @typedef {object} Peer
 * @property {string} version
 * @property {string} adapter
 * @property {string} [trainError]
 * @property {(batch: number) => unknown} [load] makes a batch resident
 * @property {(batch: number) => Pending<number>} [step] enqueues a training step; gives the loss
 * @property {(images: Float32Array) => Pending<Float32Array>} [infer] enqueues a batch from the host; gives probabilities
 * @property {(steps: number) => Promise<number[]>} [losses] in place of `step`: trains, gives the losses
 * @property {(seconds: number) => Promise<Rate>} [train] in place of `step`
 * @property {(images: Float32Array) => Promise<Float32Array>} [predict] in place of `infer`
 */

/** @typedef {{ images: number, seconds: number, loss?: number }} Rate */

/** Training steps between two reads take about so long, and so many reads are under way. */
const CHUNK_MS = 60;
const IN_FLIGHT = 2;

const folder = process.argv[2] ?? '';
const firstStepOnly = process.argv[3] === 'first';

/**
 * @param {string} name
 */
function bytes(name) {
  const { buffer, byteOffset, byteLength } = readFileSync(join(folder, name));
  return buffer.slice(byteOffset, byteOffset + byteLength);
}

/** @type {Net} */
export const net = JSON.parse(readFileSync(join(folder, 'net.json'), 'utf8'));
export const weights = new Float32Array(bytes('weights.bin'));
export const images = new Float32Array(bytes('images.bin'));
export const labels = new Int32Array(bytes('labels.bin'));

const sampleSize = net.input.reduce((a, b) => a * b, 1);

/** Images of a batch. @param {number} batch */
export const imagesOf = (batch) =>
  images.subarray(batch * net.batch * sampleSize, (batch + 1) * net.batch * sampleSize);

/** Labels of a batch. @param {number} batch */
export const labelsOf = (batch) => labels.subarray(batch * net.batch, (batch + 1) * net.batch);

/** First values of parameter `i`. @param {number} i */
export function valuesOf(i) {
  const size = (/** @type {number} */ p) => net.params[p].shape.reduce((a, b) => a * b, 1);
  let start = 0;
  for (let p = 0; p < i; p++) start += size(p);
  return weights.subarray(start, start + size(i));
}

const cell = new Int32Array(new SharedArrayBuffer(4));

/**
 * Waits without burning the core that a software driver computes on: src/gpu/wait.ts says why.
 * @template T
 * @param {Promise<T>} promise
 * @returns {Promise<T>}
 */
export async function waitFor(promise) {
  let settled = false;
  const done = () => {
    settled = true;
  };
  promise.then(done, done);
  await new Promise((resolve) => setImmediate(resolve));
  while (!settled) {
    Atomics.wait(cell, 0, 0, 1);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return promise;
}

/**
 * The entry point of WebGPU as a browser has it, with the very driver that gabor uses.
 * @returns {Promise<string>} the adapter's name
 */
export async function provideWebgpu() {
  const { nodeGpu } = await import(`${process.env.GABOR_BUILD}/node-gpu.js`);
  const gpu = await nodeGpu();
  const navigator = { gpu, userAgent: 'Node.js', hardwareConcurrency: 2 };
  Object.defineProperty(globalThis, 'navigator', { value: navigator, configurable: true, writable: true });
  const info = (await gpu.requestAdapter())?.info;
  return info ? `${info.device || info.vendor} (${info.description})` : 'none';
}

let steps = 0;

/**
 * Trains for some time; the loss is read once in a chunk of steps.
 * @param {(batch: number) => Pending<number>} step
 * @param {number} seconds
 * @returns {Promise<Rate>}
 */
async function pump(step, seconds) {
  const start = performance.now();
  const elapsed = () => performance.now() - start;
  /** @type {Promise<number>[]} */
  const pending = [];
  let [done, chunk, loss, last] = [0, 1, Number.NaN, start];
  while (done === 0 || elapsed() < seconds * 1000) {
    for (let i = 1; i < chunk; i++, done++) step(steps++ % net.batches).drop();
    pending.push(step(steps++ % net.batches).read());
    done++;
    if (pending.length <= IN_FLIGHT) continue;
    loss = await waitFor(/** @type {Promise<number>} */ (pending.shift()));
    const now = performance.now();
    chunk = Math.max(1, Math.min(64, 2 * chunk, Math.round((CHUNK_MS * chunk) / Math.max(0.1, now - last))));
    last = now;
  }
  for (const promise of pending) loss = await waitFor(promise);
  return { images: done * net.batch, seconds: elapsed() / 1000, loss };
}

/**
 * Images from the host, probabilities back on the host; a few batches in flight.
 * @param {(images: Float32Array) => Pending<Float32Array>} infer
 * @param {number} seconds
 * @returns {Promise<Rate>}
 */
async function pumpInference(infer, seconds) {
  const start = performance.now();
  /** @type {Promise<Float32Array>[]} */
  const pending = [];
  let done = 0;
  while (done === 0 || performance.now() - start < seconds * 1000) {
    pending.push(infer(imagesOf(done++ % net.batches)).read());
    if (pending.length > IN_FLIGHT) await waitFor(/** @type {Promise<Float32Array>} */ (pending.shift()));
  }
  for (const promise of pending) await waitFor(promise);
  return { images: done * net.batch, seconds: (performance.now() - start) / 1000 };
}

/**
 * The same for a peer that takes many batches at once and pipelines them itself.
 * @param {(images: Float32Array) => Promise<Float32Array>} predict
 * @param {number} seconds
 * @returns {Promise<Rate>}
 */
async function pumpPredict(predict, seconds) {
  const time = async (/** @type {number} */ count) => {
    const start = performance.now();
    await predict(images.subarray(0, count * net.batch * sampleSize));
    return (performance.now() - start) / 1000;
  };
  const each = await time(1);
  const count = Math.max(1, Math.min(net.batches, Math.round(seconds / each)));
  let [done, spent] = [0, 0];
  while (done === 0 || spent < seconds) {
    spent += await time(count);
    done += count;
  }
  return { images: done * net.batch, seconds: spent };
}

/** The most memory this process has had, in bytes; `maxRSS` may be that of the parent before exec. */
function peakMemory() {
  try {
    return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
  } catch {
    return 1024 * process.resourceUsage().maxRSS;
  }
}

/** @param {object} message */
const say = (message) => process.stdout.write(`@peer ${JSON.stringify(message)}\n`);

/**
 * @param {Peer} peer
 * @param {number} count
 */
async function lossesOf(peer, count) {
  if (peer.losses) return peer.losses(count);
  const out = [];
  for (let i = 0; i < count; i++) out.push(await waitFor(peer.step(steps++ % net.batches).read()));
  return out;
}

/**
 * @param {Peer} peer
 * @param {{ cmd: string, steps?: number, seconds?: number }} message
 */
async function answer(peer, { cmd, steps: count = 1, seconds = 1 }) {
  const { trainError } = peer;
  switch (cmd) {
    case 'check': {
      const predict = peer.predict ?? ((x) => waitFor(peer.infer(x).read()));
      const outputs = [...(await predict(imagesOf(0)))];
      return { outputs, ...(trainError ? { trainError } : { losses: await lossesOf(peer, count) }) };
    }
    case 'train':
      return peer.train ? peer.train(seconds) : pump(peer.step, seconds);
    case 'infer':
      return peer.predict ? pumpPredict(peer.predict, seconds) : pumpInference(peer.infer, seconds);
    case 'memory':
      return { bytes: peakMemory() };
    default:
      throw new Error(`no command ${cmd}`);
  }
}

/**
 * Answers the coordinator until it closes the pipe.
 * @param {() => Promise<Peer>} open
 */
export async function serve(open) {
  try {
    const peer = await open();
    const { version, adapter, trainError } = peer;
    if (firstStepOnly) {
      if (trainError) throw new Error(trainError);
      say({ loss: (await lossesOf(peer, 1))[0] });
      process.exit(0);
    }
    for (let batch = 0; batch < net.batches; batch++) peer.load?.(batch);
    say({ version, adapter });
    for await (const line of createInterface(process.stdin)) {
      try {
        say(await answer(peer, JSON.parse(line)));
      } catch (error) {
        say({ error: `${/** @type {Error} */ (error).message}`.split('\n')[0] });
      }
    }
    process.exit(0);
  } catch (error) {
    say({ error: `${/** @type {Error} */ (error).message}`.split('\n')[0] });
    process.exit(1);
  }
}
