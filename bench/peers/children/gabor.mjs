/** gabor as a peer, through its public interface, from a build of this very tree. */
import { images, imagesOf, labels, net, serve, valuesOf } from './serve.mjs';

/** @typedef {import('../nets.ts').Layer} Layer */

serve(async () => {
  const gabor = await import(`${process.env.GABOR_BUILD}/index.js`);
  const { add, batchNorm2d, conv2d, flatten, globalAvgPool2d, linear, maxPool2d, relu } = gabor;
  const make = {
    conv: ({ out, k, stride, groups, pad, params }) =>
      conv2d(out[0], k, { stride, groups, padding: pad, bias: params.length > 1 }),
    linear: ({ out }) => linear(out[0]),
    bn: () => batchNorm2d(),
    relu: () => relu(),
    pool: () => maxPool2d(2),
    gap: () => (x) => flatten()(globalAvgPool2d()(x)),
    flatten: () => flatten(),
  };
  /** Parameter of the net for each parameter of the model, in the order that the model uses them. */
  const chain = (/** @type {readonly Layer[]} */ layers, x) =>
    layers.reduce((value, layer) => {
      if (layer.type !== 'residual') return make[layer.type](layer)(value);
      const body = chain(layer.body ?? [], value);
      return add(body, chain(layer.shortcut ?? [], value));
    }, x);

  const device = await gabor.requestDevice();
  const model = gabor.model(net.input, (x) => chain(net.layers, x));
  const trainer = await gabor.createTrainer(device, model, {
    loss: gabor.crossEntropy(),
    optimizer: gabor.sgd({ lr: net.lr, momentum: net.momentum }),
    batchSize: net.batch,
  });
  const parameters = model.parameters.filter(({ kind }) => kind === 'parameter');
  const values = new Map();
  for (const [i, { name, shape }] of parameters.entries()) {
    if (`${shape}` !== `${net.params[i]?.shape}`) throw new Error(`${name} is [${shape}], not ${net.params[i]?.shape}`);
    values.set(name, { shape, data: valuesOf(i) });
  }
  trainer.setParameters(values);
  const data = gabor.tensorDataset({ x: images, shape: net.input, y: labels, classes: net.classes });

  /** Trains until `enough` says so. */
  const fit = async (enough) => {
    const losses = [];
    const stop = new AbortController();
    const onBatchEnd = ({ loss }) => {
      losses.push(loss);
      if (enough(losses.length)) stop.abort();
    };
    const before = trainer.position.step;
    await trainer.fit(data, { epochs: 1e6, shuffle: false, callbacks: [{ onBatchEnd }], signal: stop.signal });
    return { losses, steps: trainer.position.step - before };
  };

  return {
    version: `gabor ${process.env.GABOR_VERSION}`,
    adapter: `${device.adapter.name} (${device.adapter.driver})`,
    losses: async (steps) => {
      const out = [];
      const size = imagesOf(0).length;
      for (let i = 0; i < steps; i++) {
        const first = (i % net.batches) * net.batch;
        const start = (i % net.batches) * size;
        trainer.step({ x: images.slice(start, start + size), y: labels.slice(first, first + net.batch) });
        out.push((await trainer.metrics()).loss);
      }
      return out;
    },
    train: async (seconds) => {
      const start = performance.now();
      const { losses, steps } = await fit(() => performance.now() - start >= seconds * 1000);
      return { images: steps * net.batch, seconds: (performance.now() - start) / 1000, loss: losses.at(-1) };
    },
    predict: (x) => trainer.predict(x),
  };
});
