/** Layers of activations: the op each one applies, its options, its JSON and back, parameters, errors. */
import { expect, test } from 'vitest';
import type { Layer } from '../../src/index.ts';
import * as gabor from '../../src/index.ts';
import { activationMakers } from '../../src/nn/activation-layers.ts';
import { ArgumentError, ShapeError } from '../../src/util/errors.ts';

const LAYERS: readonly [string, (options?: { readonly name?: string }) => Layer, object][] = [
  ['elu', (o) => gabor.elu({ alpha: 0.5, ...o }), { alpha: 0.5 }],
  ['selu', gabor.selu, {}],
  ['celu', (o) => gabor.celu({ alpha: 2, ...o }), { alpha: 2 }],
  ['gelu', (o) => gabor.gelu({ approximate: 'tanh', ...o }), { approximate: 'tanh' }],
  ['silu', gabor.silu, {}],
  ['mish', gabor.mish, {}],
  ['hardswish', gabor.hardswish, {}],
  ['hardsigmoid', gabor.hardsigmoid, {}],
  ['relu6', gabor.relu6, {}],
  ['softplus', (o) => gabor.softplus({ beta: 3, threshold: 10, ...o }), { beta: 3, threshold: 10 }],
  ['softsign', gabor.softsign, {}],
];

/** The node that makes the output of a model with this one layer. */
function nodeOf(layer: Layer) {
  const { output } = gabor.sequential([6, 4, 4], [layer]).trace({ batch: 2, mode: 'train' });
  if (output.source.kind !== 'node') throw new Error('the layer does nothing');
  return output.source.node;
}

test.each(LAYERS)('%s applies the op of its name with its options', (type, make, options) => {
  const node = nodeOf(make({ name: 'act' }));
  expect(node).toMatchObject({ op: type, attrs: options, scope: 'act' });
  expect(node.outputs[0]!.shape).toEqual([2, 6, 4, 4]);
});

test('defaults are those of PyTorch', () => {
  expect(nodeOf(gabor.elu()).attrs).toEqual({ alpha: 1 });
  expect(nodeOf(gabor.celu()).attrs).toEqual({ alpha: 1 });
  expect(nodeOf(gabor.gelu()).attrs).toEqual({ approximate: 'none' });
  expect(nodeOf(gabor.softplus()).attrs).toEqual({ beta: 1, threshold: 20 });
});

test('a model of all of them is the same after JSON', () => {
  const layers = [...LAYERS.map(([, make]) => make()), gabor.prelu(), gabor.prelu({ numParameters: 6, init: 0.1 })];
  const description = gabor.sequential([6, 4, 4], layers).describe();
  const again = gabor.modelFrom(JSON.parse(JSON.stringify(description)));
  expect(again.describe()).toEqual(description);
  expect(again.parameters.map(({ name, shape }) => [name, shape])).toEqual([
    ['prelu1.weight', [1]],
    ['prelu2.weight', [6]],
  ]);
  expect(description.steps).toHaveLength(LAYERS.length + 2);
  expect(Object.keys(activationMakers).sort()).toEqual([...LAYERS.map(([type]) => type), 'prelu'].sort());
});

test('the slopes of prelu begin at init, by default 0.25', () => {
  const first = (layer: Layer) => {
    const { init, shape } = gabor.sequential([6, 4, 4], [layer]).parameters[0]!;
    return [...init.fill(shape, { uniform: () => 0, normal: () => 0 } as Parameters<typeof init.fill>[1])];
  };
  expect(first(gabor.prelu())).toEqual([0.25]);
  expect(first(gabor.prelu({ numParameters: 6, init: 0.5 }))).toEqual(new Array(6).fill(0.5));
});

test('errors', () => {
  expect(() => gabor.elu({ alpha: Number.NaN })).toThrow(new ArgumentError('elu: alpha is NaN. Pass a finite number.'));
  expect(() => gabor.celu({ alpha: 0 })).toThrow(
    new ArgumentError('celu: alpha is 0. Pass a finite number other than 0.'),
  );
  expect(() => gabor.softplus({ beta: 0 })).toThrow(ArgumentError);
  expect(() => gabor.gelu({ approximate: 'erf' as 'none' })).toThrow(
    new ArgumentError(`gelu: approximate is "erf". Pass 'none' or 'tanh'.`),
  );
  expect(() => gabor.prelu({ numParameters: 1.5 })).toThrow(
    new ArgumentError('prelu: numParameters is 1.5. Pass 1 or the number of channels.'),
  );
  expect(() => gabor.sequential([6, 4, 4], [gabor.prelu({ numParameters: 4 })])).toThrow(
    new ShapeError('prelu "prelu1": weight is [4] for x [1,6,4,4]. Pass a weight of shape [1] or [6].'),
  );
});
