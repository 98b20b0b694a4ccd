/** TensorFlow.js as a peer: `webgpu` or `wasm` is in PEER_BACKEND. Fused kernels where its own layers use them. */
import { createRequire } from 'node:module';
import { imagesOf, labelsOf, net, provideWebgpu, serve, valuesOf } from './serve.mjs';

/** @typedef {import('../nets.ts').Layer} Layer */

const EPS = 1e-5;
const RUNNING = 0.1;
const backend = process.env.PEER_BACKEND ?? 'webgpu';

serve(async () => {
  const require = createRequire(import.meta.url);
  const adapter = backend === 'webgpu' ? await provideWebgpu() : 'CPU (WebAssembly SIMD)';
  const tf = require('@tensorflow/tfjs');
  require(`@tensorflow/tfjs-backend-${backend}`);
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js does not start its backend ${backend}`);
  await tf.ready();

  /** Where each parameter belongs, in the order of axes that TensorFlow.js has: images are NHWC. */
  const variables = new Array(net.params.length);
  const states = net.states.map((c) => ({
    mean: tf.variable(tf.zeros([c]), false),
    variance: tf.variable(tf.ones([c]), false),
  }));
  const convert = {
    // [out, in / groups, kh, kw] -> [kh, kw, in, out]; depthwise: [kh, kw, channels, 1]
    conv: (w, { groups }) => tf.transpose(w, groups > 1 ? [2, 3, 0, 1] : [2, 3, 1, 0]),
    linear: (w, { flattened }) => {
      if (!flattened) return tf.transpose(w);
      const [out, inputs] = w.shape;
      const image = tf.transpose(tf.reshape(w, [out, ...flattened]), [2, 3, 1, 0]);
      return tf.reshape(image, [inputs, out]);
    },
  };
  const prepare = (/** @type {readonly Layer[]} */ layers) => {
    for (const layer of layers) {
      prepare(layer.body ?? []);
      prepare(layer.shortcut ?? []);
      for (const [at, i] of layer.params.entries()) {
        const value = tf.tensor(valuesOf(i).slice(), net.params[i].shape);
        const first = at === 0 ? convert[layer.type]?.(value, layer) : undefined;
        variables[i] = tf.variable(first ?? value);
      }
    }
  };
  tf.tidy(() => prepare(net.layers));

  const batchNorm = (x, layer, training) => {
    const [scale, offset] = layer.params.map((i) => variables[i]);
    const running = states[layer.state];
    if (!training) return tf.batchNorm(x, running.mean, running.variance, offset, scale, EPS);
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    const count = x.size / x.shape[3];
    const follow = (state, value) => state.assign(tf.add(tf.mul(state, 1 - RUNNING), tf.mul(value, RUNNING)));
    follow(running.mean, mean);
    follow(running.variance, tf.mul(variance, count / (count - 1)));
    return tf.batchNorm(x, mean, variance, offset, scale, EPS);
  };

  const forward = (/** @type {readonly Layer[]} */ layers, x, training) => {
    let value = x;
    for (let i = 0; i < layers.length; i++) {
      const layer = layers[i];
      const [weight, bias] = layer.params.map((p) => variables[p]);
      const activation = layers[i + 1]?.type === 'relu' && weight && layer.type !== 'bn' ? 'relu' : 'linear';
      if (layer.type === 'conv' && layer.groups === 1) {
        const { stride: strides, pad } = layer;
        value = tf.fused.conv2d({ x: value, filter: weight, strides, pad, bias, activation });
      } else if (layer.type === 'conv') {
        value = tf.depthwiseConv2d(value, weight, layer.stride, layer.pad);
        if (bias) value = tf.add(value, bias);
        if (activation === 'relu') value = tf.relu(value);
      } else if (layer.type === 'linear') value = tf.fused.matMul({ a: value, b: weight, bias, activation });
      else if (layer.type === 'bn') value = batchNorm(value, layer, training);
      else if (layer.type === 'relu') value = tf.relu(value);
      else if (layer.type === 'pool') value = tf.maxPool(value, 2, 2, 'valid');
      else if (layer.type === 'gap') value = tf.mean(value, [1, 2]);
      else if (layer.type === 'flatten') value = tf.reshape(value, [value.shape[0], -1]);
      else {
        const body = forward(layer.body ?? [], value, training);
        value = tf.add(body, forward(layer.shortcut ?? [], value, training));
      }
      if (activation === 'relu') i++;
    }
    return value;
  };

  const [c, h, w] = net.input;
  const upload = (x) => tf.transpose(tf.tensor(x.slice(), [net.batch, c, h, w]), [0, 2, 3, 1]);
  const resident = [];
  const load = (batch) => {
    resident[batch] ??= {
      x: tf.tidy(() => upload(imagesOf(batch))),
      y: tf.tidy(() => tf.cast(tf.oneHot(tf.tensor1d(labelsOf(batch).slice(), 'int32'), net.classes), 'float32')),
    };
    return resident[batch];
  };
  const optimizer = tf.train.momentum(net.lr, net.momentum);

  /** A tensor that is read once or not at all. */
  const pending = (tensor, pick) => ({
    drop: () => tensor.dispose(),
    read: () =>
      tensor.data().then((values) => {
        tensor.dispose();
        return pick(values);
      }),
  });
  const missing = backend === 'wasm' ? 'TensorFlow.js has no kernel Conv2DBackpropFilter for wasm' : undefined;
  return {
    version: `@tensorflow/tfjs ${tf.version.tfjs}`,
    adapter,
    trainError: missing,
    load,
    step: (batch) => {
      const { x, y } = load(batch);
      const loss = () => tf.losses.softmaxCrossEntropy(y, forward(net.layers, x, true));
      return pending(optimizer.minimize(loss, true), (values) => values[0]);
    },
    infer: (x) => {
      const output = tf.tidy(() => tf.softmax(forward(net.layers, upload(x), false)));
      return pending(output, (values) => values);
    },
  };
});
