/** Layers that are defined outside of gabor: saved by type and config, made again by the caller's makers. */
import { describe, expect, it } from 'vitest';
import {
  type Attrs,
  constantInit,
  createSession,
  createTrainer,
  crossEntropy,
  decodeCheckpoint,
  defineLayer,
  flatten,
  jsonConfig,
  type Layer,
  linear,
  modelFrom,
  modelOf,
  ops,
  relu,
  sequential,
  sgd,
  tensorDataset,
} from '../../src/index.ts';
import { device } from '../support/device.ts';

/** x times a trained factor for each channel. */
const scale = ({ init = 1, name }: { readonly init?: number; readonly name?: string } = {}): Layer =>
  defineLayer({
    type: 'scale',
    stem: 'scale',
    config: jsonConfig({ init, name }),
    apply: (x, context) => ops.mul(x, context.parameter('weight', [x.shape[1]!, 1, 1], { init: constantInit(init) })),
  });

const layers = { scale: (config: Attrs) => scale(config as Parameters<typeof scale>[0]) };
const net = () => sequential([2, 3, 3], [scale({ init: 1.5 }), relu(), scale({ name: 'last' }), flatten(), linear(3)]);

describe('own layers', () => {
  it('are saved by type and config, and loaded with their makers', () => {
    const json = net().describe();
    const again = modelFrom(json, { layers });
    expect(again.describe()).toEqual(json);
    expect(again.parameters.map(({ name }) => name)).toEqual([
      'scale1.weight',
      'last.weight',
      'fc1.weight',
      'fc1.bias',
    ]);
  });

  it('are missed by name where no maker is given', () => {
    expect(() => modelFrom(net().describe())).toThrow(
      /^model description: model: there is no layer "scale". This version has .* Pass your own as `layers`\.$/,
    );
    expect(() => modelFrom(net().describe(), { layers: Object.create({ scale: layers.scale }) })).toThrow('"scale"');
  });

  it("go before gabor's of the same type", () => {
    const json = sequential([2, 3, 3], [relu()]).describe();
    const loaded = modelFrom(json, { layers: { relu: ({ name }) => scale({ name: String(name) }) } });
    expect(loaded.parameters.map(({ name }) => name)).toEqual(['relu1.weight']);
  });

  it('train, and predict the same from a checkpoint alone', async () => {
    const gpu = await device();
    const samples = Float32Array.from({ length: 12 * 18 }, (_, i) => Math.sin(i));
    const targets = Int32Array.from({ length: 12 }, (_, i) => i % 3);
    const data = tensorDataset({ x: samples, shape: [2, 3, 3], y: targets });
    const trainer = await createTrainer(gpu, net(), {
      loss: crossEntropy(),
      optimizer: sgd({ lr: 0.1 }),
      batchSize: 4,
      seed: 1,
    });
    await trainer.fit(data, { epochs: 2 });
    const expected = await trainer.predict(data);
    const weights = await trainer.save();
    trainer.dispose();
    const checkpoint = decodeCheckpoint(weights);
    expect(checkpoint.tensors.get('last.weight')!.data.some((w) => w !== 1)).toBe(true);
    const session = createSession(gpu, modelOf(checkpoint, { layers }), { weights });
    expect(await session.predict(data)).toEqual(expected);
    session.dispose();
  });
});
