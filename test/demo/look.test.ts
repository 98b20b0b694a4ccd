/** Panel "Look inside": rows, windows, tiles, layout, keys, numbers. May import the panel's pure files, no browser. */
import { describe, expect, test } from 'vitest';
import { type Config, DEFAULT_CONFIG, layersOf } from '../../demo/src/engine/config.ts';
import { modelOf } from '../../demo/src/engine/networks.ts';
import {
  type Chosen,
  clip,
  feedsOf,
  placeOf,
  receptiveField,
  regionBefore,
  strongest,
} from '../../demo/src/panels/look/field.ts';
import { afterKey } from '../../demo/src/panels/look/keys.ts';
import { balanced, kernelGrid, kernelRect, layoutOf, type Rect, unitAt } from '../../demo/src/panels/look/layout.ts';
import { inputName, numbersOf, picksOf } from '../../demo/src/panels/look/numbers.ts';
import { pixelRect } from '../../demo/src/panels/look/outline.ts';
import { pictureOf, rowGroups } from '../../demo/src/panels/look/picture.ts';
import { type LookRow, rowsOf, unitName } from '../../demo/src/panels/look/rows.ts';
import { packTiles, sourceOf, TILE_BYTES } from '../../demo/src/panels/look/tiles.ts';
import { overlay } from '../../demo/src/ui/heat.ts';
import { latest } from '../../demo/src/ui/latest.ts';
import { stridesOf } from '../../src/graph/layout.ts';
import { layerCalls } from '../../src/train/describe.ts';

/** Rows of a configuration as the worker would tell it. */
function rowsFor(part: Partial<Config>): LookRow[] {
  const config = { ...DEFAULT_CONFIG, ...part };
  const calls = layerCalls(modelOf(config).calls);
  const layers = [...calls].map(([name, { layer, output }]) => ({
    name,
    type: layer.type,
    shape: output.shape.slice(1),
  }));
  return rowsOf({ config, layers });
}

const lenet = rowsFor({});
const custom: Partial<Config> = {
  network: 'custom',
  layers: [
    { type: 'conv', out: 5, kernel: 3, stride: 2, padding: 1 },
    { type: 'norm' },
    { type: 'activation' },
    { type: 'dropout', p: 0.5 },
    { type: 'pool', kind: 'avg', size: 2, stride: 2 },
    { type: 'conv', out: 3, kernel: 3, stride: 1, padding: 0 },
  ],
};

describe('rows', () => {
  test('are the layers that compute something, each with the row it takes', () => {
    expect(lenet.map(({ name, kind }) => `${name} ${kind}`)).toEqual([
      'conv1 conv',
      'relu1 activation',
      'pool1 pool',
      'conv2 conv',
      'relu2 activation',
      'pool2 pool',
      ...['fc1 linear', 'relu3 activation', 'fc2 linear', 'relu4 activation', 'fc3 linear'],
    ]);
    expect(lenet[0]!.from).toEqual({ name: 'input', shape: [1, 28, 28], row: null });
    expect(lenet[6]!.from).toEqual({ name: 'pool2', shape: [16, 5, 5], row: 5 });
    expect(lenet.map(({ output }) => output)).toEqual([...Array(10).fill(false), true]);
    expect(lenet[3]!.window).toMatchObject({ kernel: 5, stride: 1, padding: 0 });
    expect(lenet.map(({ weight }) => weight).filter(Boolean)).toEqual([
      'conv1.weight',
      'conv2.weight',
      'fc1.weight',
      'fc2.weight',
      'fc3.weight',
    ]);
  });

  test('dropout has none, and does not shift the windows of layers behind it', () => {
    const rows = rowsFor(custom);
    expect(rows.map(({ name }) => name)).toEqual(['conv1', 'bn1', 'relu1', 'pool1', 'conv2', 'fc1']);
    expect(rows.map(({ window }) => window?.kernel ?? null)).toEqual([3, null, null, 2, 3, null]);
    expect(rows[3]!.title).toContain('Average');
    expect(rows[3]!.from.name).toBe('relu1');
  });

  test.each(['mlp', 'lenet', 'modern'] as const)('%s: shapes follow the choices', (network) => {
    const rows = rowsFor({ network });
    const kinds = layersOf({ ...DEFAULT_CONFIG, network }).map(({ type }) => type);
    expect(rows.map(({ kind }) => kind)).toEqual([...kinds, 'linear']);
  });

  test('units are counted from 1, classes are digits', () => {
    expect(unitName(lenet[0]!, 2)).toBe('map 3 of 6');
    expect(unitName(lenet[6]!, 0)).toBe('unit 1 of 120');
    expect(unitName(lenet[10]!, 7)).toBe('class 7');
  });
});

describe('what feeds a unit', () => {
  const at = (row: number, pixel: Chosen['pixel'], unit = 0): Chosen => ({ row, unit, pixel });

  test('the receptive field grows by kernels and strides, and hangs over into the padding', () => {
    expect(receptiveField(lenet, at(0, [0, 10]))).toEqual({ y0: -2, x0: 8, y1: 3, x1: 13 });
    expect(receptiveField(lenet, at(1, [27, 3]))).toEqual({ y0: 25, x0: 1, y1: 30, x1: 6 });
    expect(receptiveField(lenet, at(2, [3, 4]))).toEqual({ y0: 4, x0: 6, y1: 10, x1: 12 });
    // 5 pixels of pool1 are 10 of conv1, and 14 of the digit.
    expect(receptiveField(lenet, at(3, [0, 0]))).toEqual({ y0: -2, x0: -2, y1: 12, x1: 12 });
    expect(receptiveField(lenet, at(5, [4, 4]))).toEqual({ y0: 14, x0: 14, y1: 30, x1: 30 });
  });

  test('is found by brute force too: an input pixel counts if some path of windows leads to it', () => {
    const rows = rowsFor(custom);
    const inputsOf = (row: LookRow, [y, x]: readonly [number, number]): [number, number][] => {
      const { kernel = 1, stride = 1, padding = 0 } = row.window ?? {};
      return Array.from({ length: kernel * kernel }, (_, i) => [
        y * stride - padding + Math.floor(i / kernel),
        x * stride - padding + (i % kernel),
      ]);
    };
    let pixels: [number, number][] = [[1, 2]];
    for (const row of rows.slice(0, 5).reverse()) pixels = pixels.flatMap((pixel) => inputsOf(row, pixel));
    const ys = pixels.map(([y]) => y);
    const xs = pixels.map(([, x]) => x);
    expect(receptiveField(rows, at(4, [1, 2]))).toEqual({
      y0: Math.min(...ys),
      x0: Math.min(...xs),
      y1: Math.max(...ys) + 1,
      x1: Math.max(...xs) + 1,
    });
  });

  test('a fully connected layer sees everything before it', () => {
    expect(regionBefore(lenet[6]!, { y0: 0, x0: 0, y1: 1, x1: 1 })).toEqual({ y0: 0, x0: 0, y1: 5, x1: 5 });
    const { y0, x0, y1, x1 } = receptiveField(lenet, at(10, null));
    expect([y0, x0]).toEqual([-2, -2]);
    expect(Math.min(y1, x1)).toBeGreaterThanOrEqual(28);
  });

  test('a convolution takes all maps, a pool its own, each with the window', () => {
    const window = { y0: 1, x0: 2, y1: 6, x1: 7 };
    expect(feedsOf(lenet, at(3, [1, 2], 9))).toEqual(
      Array.from({ length: 6 }, (_, unit) => ({ unit, region: window })),
    );
    expect(feedsOf(lenet, at(3, null, 9)).every(({ region }) => region === null)).toBe(true);
    expect(feedsOf(lenet, at(2, [3, 4], 5))).toEqual([{ unit: 5, region: { y0: 6, x0: 8, y1: 8, x1: 10 } }]);
  });

  test('the strongest inputs of a fully connected layer, either way, without those that add nothing', () => {
    const values = Float32Array.of(1, 0, 2, -3, 0.5);
    const weights = Float32Array.of(0.5, 9, -1, 1, 0.5);
    const best = strongest(values, weights, 3);
    expect(best.map(({ input, product }) => [input, product])).toEqual([
      [3, -3],
      [2, -2],
      [0, 0.5],
    ]);
    expect(strongest(values, weights, 9)).toHaveLength(4);
    expect(feedsOf(lenet, at(8, null), best).map(({ unit }) => unit)).toEqual([3, 2, 0]);
    const [feed] = feedsOf(lenet, at(6, null), [{ input: 25 * 3 + 5 * 2 + 4, value: 1, weight: 1, product: 1 }]);
    expect(feed).toEqual({ unit: 3, region: { y0: 2, x0: 4, y1: 3, x1: 5 } });
    expect(placeOf(7, [120])).toEqual({ unit: 7, pixel: null });
  });

  test('regions are cut off at the edge; outside there is none', () => {
    expect(clip({ y0: -2, x0: 3, y1: 3, x1: 9 }, [5, 5])).toEqual({ y0: 0, x0: 3, y1: 3, x1: 5 });
    expect(clip({ y0: 5, x0: 0, y1: 6, x1: 1 }, [5, 5])).toBeNull();
    expect(pixelRect([1, 2], { x: 10, y: 20, width: 50, height: 50 }, [16, 5, 5])).toEqual({
      x: 30,
      y: 30,
      width: 10,
      height: 10,
    });
  });
});

describe('tiles', () => {
  test('find every element by strides, in each layout', () => {
    const shape = [7, 5, 3, 2];
    for (const layout of ['plain', 'hwio'] as const) {
      const strides = stridesOf(shape, layout);
      const { offset, counts, strides: steps } = sourceOf({ shape, strides }, [4, 3]);
      expect(counts).toEqual([1, 3, 2]);
      for (const [y, x] of [
        [0, 0],
        [2, 1],
      ] as const)
        expect(offset + y * steps[1] + x * steps[2]).toBe(
          [4, 3, y, x].reduce((sum, index, axis) => sum + index * strides[axis]!, 0),
        );
    }
    expect(sourceOf({ shape: [1, 120], strides: [120, 1] }, [0, 9])).toMatchObject({ offset: 9, counts: [1, 1, 1] });
    expect(sourceOf({ shape: [84, 120], strides: [120, 1] }, [2])).toEqual({
      offset: 240,
      counts: [1, 1, 120],
      strides: [0, 0, 1],
    });
    const whole = { shape: [1, 6, 4, 4], strides: stridesOf([1, 6, 4, 4], 'nhwc') };
    expect(sourceOf(whole, [0])).toEqual({ offset: 0, counts: [6, 4, 4], strides: [1, 32, 8] });
    expect(sourceOf({ shape: [120, 400], strides: [400, 1] }, [3, 50], [5, 5])).toEqual({
      offset: 1250,
      counts: [1, 5, 5],
      strides: [25, 5, 1],
    });
  });

  test('are packed on whole pixels of the screen', () => {
    const group = { tensor: 'a', rects: Float32Array.of(1, 2, 3, 4.2), at: Uint32Array.of(0, 2), image: null };
    const packed = packTiles(group, { shape: [1, 6, 3, 4], strides: [96, 1, 32, 8] }, 1.5);
    expect(packed.byteLength).toBe(TILE_BYTES);
    expect([...new Float32Array(packed, 0, 4)]).toEqual([2, 3, 4, 6]);
    expect([...new Uint32Array(packed, 16)]).toEqual([2, 8, 32, 4 | (3 << 16)]);
  });

  test('of a row: all maps, and all kernels of all filters', () => {
    const [maps, kernels] = rowGroups(lenet[3]!, layoutOf(lenet[3]!, 600));
    expect(maps).toMatchObject({ tensor: 'conv2', image: null });
    expect(maps!.rects).toHaveLength(4 * 16);
    expect(kernels!.tensor).toBe('conv2.weight');
    expect([...kernels!.at.slice(2 * (6 * 15 + 5))]).toEqual([15, 5]);
    const [, weights] = rowGroups(lenet[6]!, layoutOf(lenet[6]!, 600));
    expect(weights).toMatchObject({ tensor: 'fc1.weight', image: [5, 5] });
    expect([...weights!.at.slice(2 * (16 * 119 + 15))]).toEqual([119, 375]);
    expect(rowGroups(lenet[8]!, layoutOf(lenet[8]!, 600))).toHaveLength(1);
  });
});

const overlaps = (a: Rect, b: Rect): boolean =>
  a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

describe('layout', () => {
  const networks = [{ network: 'mlp' }, { network: 'lenet' }, { network: 'modern' }, custom] as const;
  test.each([290, 330, 640, 1100])('at %i px nothing overlaps or leaves the canvas', (width) => {
    for (const row of networks.flatMap((part) => rowsFor(part))) {
      const { units, filters, kernels, height } = layoutOf(row, width);
      expect(units).toHaveLength(row.shape[0]!);
      const all = [...units, ...filters];
      for (const { x, y, width: w, height: h } of all) {
        expect(Math.min(x, y), row.name).toBeGreaterThanOrEqual(0);
        expect(x + w, row.name).toBeLessThanOrEqual(width);
        expect(y + h, row.name).toBeLessThanOrEqual(height);
      }
      for (const [i, a] of all.entries())
        expect(
          all.slice(i + 1).some((b) => overlaps(a, b)),
          row.name,
        ).toBe(false);
      if (!kernels) continue;
      const last = kernelRect(kernels, row.from.shape[0]! - 1, filters[0]!);
      expect(last.x + last.width).toBeLessThanOrEqual(filters[0]!.x + filters[0]!.width);
      expect(last.y + last.height).toBeLessThanOrEqual(filters[0]!.y + filters[0]!.height);
    }
  });

  test('lines are equally long', () => {
    expect(balanced(16, 12)).toBe(8);
    expect(balanced(6, 10)).toBe(6);
    expect(balanced(5, 0)).toBe(1);
    expect(kernelGrid(6, 5)).toEqual({ columns: 3, rows: 2, side: 15, gap: 2 });
  });

  test('a point is on a map with its pixel, on a filter, or on nothing', () => {
    const layout = layoutOf(lenet[3]!, 600);
    const { x, y } = layout.units[1]!;
    expect(unitAt(layout, [16, 10, 10], [x + 7, y + 44])).toEqual({ unit: 1, pixel: [8, 1] });
    const filter = layout.filters[4]!;
    expect(unitAt(layout, [16, 10, 10], [filter.x + 3, filter.y + 3])).toEqual({ unit: 4, pixel: null });
    expect(unitAt(layout, [16, 10, 10], [x - 2, y])).toBeNull();
    const cell = layoutOf(lenet[8]!, 600).units[9]!;
    expect(unitAt(layoutOf(lenet[8]!, 600), [84], [cell.x, cell.y])).toEqual({ unit: 9, pixel: null });
  });

  test('filters of a fully connected layer are left out where they are too many', () => {
    const big: LookRow = { ...lenet[6]!, shape: [1024] };
    expect(layoutOf(big, 600).filters).toEqual([]);
    expect(layoutOf(lenet[6]!, 600).filters).toHaveLength(120);
  });

  test('the enlarged picture fits its width and shows own map, maps before, kernels', () => {
    for (const row of networks.flatMap((part) => rowsFor(part))) {
      const { width, height, groups, map } = pictureOf(row, 1, 300);
      for (const { rects } of groups)
        for (let i = 0; i < rects.length; i += 4) {
          expect(rects[i]! + rects[i + 2]!, row.name).toBeLessThanOrEqual(width);
          expect(rects[i + 1]! + rects[i + 3]!, row.name).toBeLessThanOrEqual(height);
        }
      if (map) expect(groups[0]!.rects.slice(0, 4)).toEqual(Float32Array.of(map.x, map.y, map.width, map.height));
    }
    const tensors = (row: LookRow) => pictureOf(row, 2, 300).groups.map(({ tensor, at }) => `${tensor} ${at.join()}`);
    expect(tensors(lenet[0]!)).toEqual(['conv1 0,2', 'input 0,0', 'conv1.weight 2,0']);
    expect(tensors(lenet[1]!)).toEqual(['relu1 0,2', 'conv1 0,2']);
    expect(tensors(lenet[8]!)[0]).toMatch(/^fc2.weight 2,0,2,1,2,2,/);
    expect(tensors(lenet[7]!)).toEqual([]);
  });
});

describe('keys', () => {
  const now: Chosen = { row: 3, unit: 5, pixel: null };
  const of = { shape: [16, 10, 10], columns: 8 };
  const press = (key: string, from = now, shiftKey = false) => afterKey({ key, shiftKey }, from, of);

  test('lead from unit to unit and stay inside', () => {
    expect(press('ArrowRight')).toEqual({ ...now, unit: 6 });
    expect(press('ArrowDown')).toEqual({ ...now, unit: 13 });
    expect(press('ArrowUp')).toEqual(now);
    expect(press('End')).toEqual({ ...now, unit: 15 });
    expect(press('ArrowRight', { ...now, unit: 15 })!.unit).toBe(15);
    expect(press('Home')!.unit).toBe(0);
    expect(press('Tab')).toBeNull();
  });

  test('with Shift over the pixels of a map, from its middle', () => {
    const first = press('ArrowRight', now, true)!;
    expect(first.pixel).toEqual([5, 5]);
    expect(press('ArrowRight', first, true)!.pixel).toEqual([5, 6]);
    expect(press('ArrowUp', { ...now, pixel: [0, 3] }, true)!.pixel).toEqual([0, 3]);
    expect(press('Escape', first)).toEqual(now);
    expect(press('Escape')).toBeNull();
    expect(afterKey({ key: 'ArrowUp', shiftKey: true }, now, { shape: [120], columns: 20 })).toEqual(now);
  });
});

describe('numbers', () => {
  test('of a map, at its pixel, with the bias', () => {
    expect(picksOf(lenet[3]!, 2)).toEqual([
      { tensor: 'conv2', at: [0, 2] },
      { tensor: 'conv2.bias', at: [2] },
    ]);
    const row = { ...lenet[3]!, shape: [16, 2, 3] };
    const numbers = numbersOf(row, { pixel: [1, 0] }, [Float32Array.of(-1, 0, 2, 5, -3, 0), Float32Array.of(0.25)]);
    expect(numbers).toEqual({ largest: 5, smallest: -3, mean: 0.5, above: 2 / 6, at: 5, bias: 0.25, best: [] });
  });

  test('of a unit, with its strongest inputs by name', () => {
    expect(picksOf(lenet[6]!, 4).map(({ tensor, at }) => `${tensor} ${at}`)).toEqual([
      'fc1 0,4',
      'fc1.bias 4',
      'pool2 0',
      'fc1.weight 4',
    ]);
    const parts = [1, 2, 3, 4].map((v) => Float32Array.of(v, v));
    expect(numbersOf(lenet[6]!, { pixel: null }, parts).best.map(({ product }) => product)).toEqual([12, 12]);
    expect(inputName(lenet[6]!, 25 * 2 + 7)).toBe('pool2 map 3 (2, 3)');
    expect(inputName(lenet[8]!, 6)).toBe('relu3 unit 7');
    expect(inputName(rowsFor({ network: 'mlp' })[0]!, 29)).toBe('digit (2, 2)');
    expect(inputName(rowsFor({ network: 'modern' }).at(-1)!, 4)).toBe('pool3 map 5');
  });
});

test('heat covers black and white with orange, and leaves the rest grey', () => {
  const digit = Uint8Array.of(0, 255, 128, 255);
  const [dark, light, grey, full] = [0, 1, 2, 3].map((i) => [
    ...overlay(digit, Float32Array.of(1, 0, 0, 2)).slice(4 * i, 4 * i + 4),
  ]);
  expect(light).toEqual([255, 255, 255, 255]);
  expect(grey).toEqual([128, 128, 128, 255]);
  expect(dark![0]!).toBeGreaterThan(dark![2]!);
  expect(full![0]! - full![2]!).toBeGreaterThan(150);
  expect([...overlay(digit, null).slice(0, 4)]).toEqual([0, 0, 0, 255]);
});

describe('latest', () => {
  test('runs one after another, and all that is asked for meanwhile is one more run', async () => {
    const ends: (() => void)[] = [];
    const ask = latest(() => new Promise<void>((resolve) => ends.push(resolve)), 1);
    ask();
    ask();
    ask();
    expect(ends).toHaveLength(1);
    ends[0]!();
    await expect.poll(() => ends.length).toBe(2);
    ends[1]!();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(ends).toHaveLength(2);
    ask();
    await expect.poll(() => ends.length).toBe(3);
  });

  test('a run that fails does not keep the next one from coming', async () => {
    let runs = 0;
    const ask = latest(async () => {
      runs++;
      throw new Error('lost');
    }, 1);
    ask();
    await new Promise((resolve) => setTimeout(resolve, 20));
    ask();
    await expect.poll(() => runs).toBe(2);
  });
});
