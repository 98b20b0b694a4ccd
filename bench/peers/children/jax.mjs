/** jax-js as a peer: the whole step is one `jit`. Functions own their arguments: `.ref` where a value is used again. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { imagesOf, labelsOf, net, provideWebgpu, serve, valuesOf } from './serve.mjs';

/** @typedef {import('../nets.ts').Layer} Layer */

const EPS = 1e-5;
const RUNNING = 0.1;

serve(async () => {
  const adapter = await provideWebgpu();
  const { defaultDevice, init, jit, lax, nn, numpy: np, tree, valueAndGrad } = await import('@jax-js/jax');
  if (!(await init('webgpu')).includes('webgpu')) throw new Error('jax-js does not start its webgpu device');
  defaultDevice('webgpu');
  const entry = createRequire(import.meta.url).resolve('@jax-js/jax');
  const { version } = JSON.parse(readFileSync(new URL('../package.json', `file://${entry}`), 'utf8'));

  const perChannel = (v) => v.reshape([1, -1, 1, 1]);

  /** Consumes x, scale, offset; [output, [mean, variance] of the batch]. */
  const normalize = (x, [scale, offset]) => {
    const axes = [0, 2, 3];
    const count = x.shape[0] * x.shape[2] * x.shape[3];
    const mean = np.mean(x.ref, axes, { keepdims: true });
    const centred = x.sub(mean.ref);
    const variance = np.mean(np.square(centred.ref), axes, { keepdims: true });
    const statistics = [
      lax.stopGradient(mean).reshape([-1]),
      lax
        .stopGradient(variance.ref)
        .reshape([-1])
        .mul(count / (count - 1)),
    ];
    const y = centred
      .div(np.sqrt(variance.add(EPS)))
      .mul(perChannel(scale))
      .add(perChannel(offset));
    return [y, statistics];
  };
  const normalizeByRunning = (x, [scale, offset], [mean, variance]) =>
    x
      .sub(perChannel(mean))
      .div(np.sqrt(perChannel(variance).add(EPS)))
      .mul(perChannel(scale))
      .add(perChannel(offset));

  /** Consumes params, x and, in evaluation, the running statistics; puts those of the batch into `found`. */
  const forward = (/** @type {readonly Layer[]} */ layers, x, context) => {
    let value = x;
    for (const layer of layers) {
      const params = layer.params.map((i) => context.params[i]);
      const [weight, bias] = params;
      if (layer.type === 'conv') {
        const { stride, pad, groups } = layer;
        const padding = [
          [pad, pad],
          [pad, pad],
        ];
        value = lax.convGeneralDilated(value, weight, [stride, stride], padding, { featureGroupCount: groups });
        if (bias) value = value.add(perChannel(bias));
      } else if (layer.type === 'linear') value = np.matmul(value, weight.transpose()).add(bias);
      else if (layer.type === 'bn' && context.running)
        value = normalizeByRunning(value, params, context.running[layer.state]);
      else if (layer.type === 'bn') [value, context.found[layer.state]] = normalize(value, params);
      else if (layer.type === 'relu') value = nn.relu(value);
      else if (layer.type === 'pool') value = lax.reduceWindow(value, np.max, [2, 2], [2, 2]);
      else if (layer.type === 'gap') value = np.mean(value, [2, 3]);
      else if (layer.type === 'flatten') value = value.reshape([value.shape[0], -1]);
      else {
        const body = forward(layer.body ?? [], value.ref, context);
        value = body.add(forward(layer.shortcut ?? [], value, context));
      }
    }
    return value;
  };

  const lossOf = valueAndGrad(
    (params, x, y) => {
      const context = { params, found: [] };
      const logits = forward(net.layers, x, context);
      const loss = np.sum(nn.logSoftmax(logits).mul(y)).mul(-1 / net.batch);
      return [loss, context.found];
    },
    { hasAux: true },
  );
  const update = jit((params, momenta, running, x, y) => {
    const [[loss, found], gradients] = lossOf(tree.ref(params), x, y);
    const follow = (state, value) => state.mul(1 - RUNNING).add(value.mul(RUNNING));
    const nextMomenta = momenta.map((m, i) => m.mul(net.momentum).add(gradients[i]));
    const nextParams = params.map((p, i) => p.sub(nextMomenta[i].ref.mul(net.lr)));
    const nextRunning = running.map(([mean, variance], i) => [
      follow(mean, found[i][0]),
      follow(variance, found[i][1]),
    ]);
    return [loss, nextParams, nextMomenta, nextRunning];
  });
  const predict = jit((params, running, x) => nn.softmax(forward(net.layers, x, { params, running })));

  const array = (values, shape) => np.array(values.slice(), { shape });
  let params = net.params.map(({ shape }, i) => array(valuesOf(i), shape));
  let momenta = net.params.map(({ shape }) => np.zeros(shape));
  let running = net.states.map((c) => [np.zeros([c]), np.ones([c])]);
  const upload = (x) => array(x, [net.batch, ...net.input]);
  const oneHot = (labels) => {
    const values = new Float32Array(labels.length * net.classes);
    for (const [i, label] of labels.entries()) values[i * net.classes + label] = 1;
    return array(values, [labels.length, net.classes]);
  };
  const resident = [];
  const load = (batch) => {
    resident[batch] ??= { x: upload(imagesOf(batch)), y: oneHot(labelsOf(batch)) };
    return resident[batch];
  };
  const pending = (value, pick) => ({ drop: () => value.dispose(), read: () => value.data().then(pick) });

  return {
    version: `@jax-js/jax ${version}`,
    adapter,
    load,
    step: (batch) => {
      const { x, y } = load(batch);
      let loss;
      [loss, params, momenta, running] = update(params, momenta, running, x.ref, y.ref);
      return pending(loss, (values) => values[0]);
    },
    infer: (x) => pending(predict(tree.ref(params), tree.ref(running), upload(x)), (values) => values),
  };
});
