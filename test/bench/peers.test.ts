/** The pure parts of `npm run bench:peers`: nets, comparison of losses, ratios, tables. Installs and runs no peer. */
import { expect, test } from 'vitest';
import { compareLosses, compareOutputs, ratioOf, spreadOf } from '../../bench/peers/compare.ts';
import { dataOf, type Layer, NETS, netOf, weightsOf } from '../../bench/peers/nets.ts';
import { markdown, netTable, notes, number, type Row } from '../../bench/peers/report.ts';

const sizeOf = (shape: readonly number[]): number => shape.reduce((a, b) => a * b, 1);
const counts = (name: string): number => netOf(name).params.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

test('the nets have the parameters that they should', () => {
  const lenet = 6 * 25 + 6 + (16 * 6 * 25 + 16) + (400 * 120 + 120) + (120 * 84 + 84) + (84 * 10 + 10);
  expect(counts('lenet')).toBe(lenet);
  expect(counts('mnistcnn')).toBe(32 * 9 + 32 + (64 * 32 * 9 + 64) + (64 * 144 * 128 + 128) + (128 * 10 + 10));
  // He et al. 2015 give 0.27 M for shortcuts without parameters; two 1x1 convolutions and their norms come on top.
  expect(counts('resnet20')).toBe(269_722 + 16 * 32 + 64 + 32 * 64 + 128);
  expect(netOf('resnet20').states.length).toBe(21);
});

test('layers follow one another, residual branches meet in one shape', () => {
  const check = (layers: readonly Layer[], input: readonly number[]): readonly number[] =>
    layers.reduce((shape, layer) => {
      expect(layer.in).toEqual(shape);
      if (!layer.body) return layer.out;
      expect(check(layer.body, shape)).toEqual(layer.out);
      expect(check(layer.shortcut ?? [], shape)).toEqual(layer.out);
      return layer.out;
    }, input);
  for (const name of NETS) {
    const net = netOf(name);
    expect(check(net.layers, net.input)).toEqual([net.classes]);
    expect(Number.isInteger(net.batches)).toBe(true);
  }
});

test('weights and data are fixed by their seed', () => {
  const net = netOf('lenet');
  expect(weightsOf(net, 1)).toEqual(weightsOf(net, 1));
  expect(weightsOf(net, 2)[0]).not.toBe(weightsOf(net, 1)[0]);
  const small = { ...net, batches: 2 };
  const { images, labels } = dataOf(small, 2);
  expect(images.length).toBe(2 * 64 * 28 * 28);
  expect(new Set(labels).size).toBe(10);
  expect(Math.abs(images.reduce((sum, v) => sum + v, 0) / images.length)).toBeLessThan(0.2);
  expect(dataOf(small, 2).images).toEqual(images);
});

test('spread and ratios, round by round', () => {
  expect(spreadOf([3, 1, 2])).toEqual({ median: 2, min: 1, max: 3 });
  expect(spreadOf([4, 1])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(spreadOf([])).toBeNull();
  // The machine was half as fast in the second round: the ratio does not see it.
  expect(ratioOf([100, 50, 90], [50, 25, 30])).toEqual({ median: 2, min: 2, max: 3 });
  expect(ratioOf([], [1])).toBeNull();
});

test('losses that are not those of the others make a row void', () => {
  const usual = [2.3, 2.1, 1.8];
  const verdicts = compareLosses(
    new Map([
      ['a', usual],
      ['b', [2.301, 2.101, 1.79]],
      ['c', [2.3, 2.2, 2.1]],
      ['d', [2.3, Number.NaN, 1.8]],
      ['e', []],
    ]),
  );
  expect(verdicts.get('a')).toBeNull();
  expect(verdicts.get('b')).toBeNull();
  expect(verdicts.get('c')).toBe("the loss of step 2 is 2.2000, the peers' median 2.1010");
  expect(verdicts.get('d')).toBe('the loss of step 2 is NaN');
  expect(verdicts.get('e')).toBe('no losses');
});

test('of two peers that differ, both are void; losses that all stay are void too', () => {
  const two = compareLosses(new Map([['a', [2.3, 2.0]], ['b', [2.3, 1.5]]])); // biome-ignore format: one line
  expect([...two.values()].every((why) => why?.startsWith('the loss of step 2'))).toBe(true);
  const flat = compareLosses(new Map([['a', [2.3, 2.31]], ['b', [2.3, 2.31]]])); // biome-ignore format: one line
  expect(flat.get('a')).toMatch(/^the loss does not fall: from 2\.3000 to 2\.3100/);
});

test('outputs are compared one by one', () => {
  const verdicts = compareOutputs(
    new Map([
      ['a', [0.1, 0.9]],
      ['b', [0.1005, 0.8995]],
      ['c', [0.1, Number.NaN]],
      ['d', [0.2, 0.8]],
    ]),
  );
  expect([verdicts.get('a'), verdicts.get('b')]).toEqual([null, null]);
  expect(verdicts.get('c')).toBe("probability 1 is NaN, the peers' median 0.8995");
  expect(verdicts.get('d')).toMatch(/^probability 0 is 0\.2000/);
});

const row = (peer: string, rates: number[], more: Partial<Row> = {}): Row => ({
  net: 'lenet',
  peer,
  version: '',
  adapter: '',
  train: { rates, void: null },
  infer: { rates: [], void: 'outputs differ' },
  first: { cold: [1.5], warm: [0.5], void: null },
  memory: 200e6,
  losses: [],
  ...more,
});

test('numbers have three digits', () => {
  expect([7430.4, 323.4, 61.54, 5.678, 0.6451, 0].map(number)).toEqual(['7,430', '323', '61.5', '5.68', '0.645', '0']);
});

test('the table has ratios with their spread, and says why cells are void', () => {
  const rows = [
    row('gabor', [100, 200]),
    row('slow', [10, 40]),
    row('wrong', [], { train: { rates: [], void: 'outputs differ' }, memory: null }),
  ];
  const [head, ...cells] = netTable(rows, 'lenet');
  expect(head?.slice(0, 3)).toEqual(['peer', 'train, images/s', 'gabor / peer']);
  expect(cells[0]).toEqual(['gabor', '150 (100 to 200)', '-', 'void', '-', '1.50 s', '0.500 s', '200 MB']);
  expect(cells[1]?.slice(1, 3)).toEqual(['25.0 (10.0 to 40.0)', '7.50x (5.00 to 10.0)']);
  expect(cells[2]).toEqual(['wrong', 'void', '-', 'void', '-', '1.50 s', '0.500 s', '-']);
  expect(notes(rows, 'lenet')[2]).toBe('wrong, training and inference: outputs differ');
  const text = markdown({
    date: '2026-01-02',
    command: 'npm run bench:peers',
    quick: true,
    environment: { processor: '2 x test' },
    nets: { lenet: 'a net' },
    rows,
  });
  expect(text).toContain('| slow | 25.0 (10.0 to 40.0) | 7.50x (5.00 to 10.0) |');
  expect(text).toContain('Quick run');
  expect(text).toContain('- processor: 2 x test');
});
