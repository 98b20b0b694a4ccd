/** Panel "Convolution": sizes and their formula, filters, one window's numbers, colours, code. May import the panel's pure files, no browser. */
import { describe, expect, test } from 'vitest';
import { codeOf } from '../../demo/src/panels/convolution/code-of.ts';
import { cssOf, greyColor, inkOn, luminance, type Rgb, signedColor } from '../../demo/src/panels/convolution/colors.ts';
import {
  type Axis,
  axesOf,
  axisOf,
  extentOf,
  generalFormula,
  isReached,
  nearestOutput,
  startOf,
  whereOf,
  workingOf,
} from '../../demo/src/panels/convolution/geometry.ts';
import { digitImage, EXAMPLE } from '../../demo/src/panels/convolution/image.ts';
import { presetKernel } from '../../demo/src/panels/convolution/kernels.ts';
import {
  DEFAULT_SETTINGS,
  PRESETS,
  resized,
  type Settings,
  withFilter,
  withFrame,
} from '../../demo/src/panels/convolution/settings.ts';
import { cellText, numberText, outsideText } from '../../demo/src/panels/convolution/text.ts';
import { agrees, type Problem, stepOf, tapsOf } from '../../demo/src/panels/convolution/window.ts';
import { convOutputSize } from '../../src/ops/conv2d-geometry.ts';
import { geometryOf, slidingWindows } from '../../src/ops/pool-windows.ts';

const conv: Axis = axisOf({ size: 7, kernel: 3, stride: 1, before: 0, after: 0, roundUp: false });
const axis = (part: Partial<Omit<Axis, 'outputs'>>): Axis => axisOf({ ...conv, ...part });

function* frames(): Generator<Omit<Axis, 'outputs' | 'roundUp'>> {
  for (const size of [7, 28]) {
    for (let kernel = 1; kernel <= 7; kernel++) {
      for (let stride = 1; stride <= 4; stride++) {
        for (let before = 0; before <= 3; before++) {
          for (let after = 0; after <= 3; after++) yield { size, kernel, stride, before, after };
        }
      }
    }
  }
}

describe('sizes', () => {
  test('are those of the engine, for every setting of the sliders', () => {
    for (const { size, kernel, stride, before, after } of frames()) {
      const settings = { kernel: [kernel, kernel], stride: [stride, stride], dilation: [1, 1] } as const;
      const [expected] = convOutputSize([size, size], settings, [before, before, after, after]);
      expect(axis({ size, kernel, stride, before, after }).outputs).toBe(expected);
      if (Math.max(before, after) > kernel / 2) continue;
      for (const ceilMode of [false, true]) {
        const windows = slidingWindows({ kernel, stride, padding: [before, before, after, after], ceilMode });
        const { rows } = geometryOf([1, 1, size, size], windows, 'test');
        expect(axis({ size, kernel, stride, before, after, roundUp: ceilMode }).outputs).toBe(rows.outputs);
      }
    }
  });

  test('every cell that a window holds is reached, no other is, and all lie in what is drawn', () => {
    for (const frame of frames()) {
      const a = axis(frame);
      const held = new Set<number>();
      for (let o = 0; o < a.outputs; o++) for (let k = 0; k < a.kernel; k++) held.add(startOf(a, o) + k);
      for (let cell = -a.before; cell < extentOf(a) - a.before; cell++)
        expect(isReached(a, cell), JSON.stringify({ frame, cell })).toBe(held.delete(cell));
      expect(held.size).toBe(0);
    }
  });

  test('cells are of the image, of its padding, or beyond', () => {
    const a = axis({ before: 1, after: 2 });
    expect([-2, -1, 0, 6, 7, 8, 9].map((cell) => whereOf(a, cell))).toEqual([
      'beyond',
      'padding',
      'image',
      'image',
      'padding',
      'padding',
      'beyond',
    ]);
  });

  test('the window nearest to a cell has it in its middle where it can', () => {
    const a = axis({ size: 28, before: 1, after: 1 });
    expect([0, 13, 27].map((cell) => nearestOutput(a, cell))).toEqual([0, 13, 27]);
    expect(nearestOutput(axis({ size: 28 }), 27)).toBe(25);
    expect(nearestOutput(axis({ size: 28, stride: 4 }), 13)).toBe(3);
  });

  test('are worked out with the numbers', () => {
    expect(workingOf(axis({ size: 28, before: 1, after: 1 }), 'row')).toEqual({
      formula: '(28 − 3 + 2 · 1) / 1 + 1',
      rounding: null,
      outputs: 28,
      notes: [],
    });
    expect(workingOf(axis({ size: 28, stride: 2, after: 2 }), 'column')).toEqual({
      formula: '(28 − 3 + 0 + 2) / 2 + 1',
      rounding: '14.5, rounded down',
      outputs: 14,
      notes: ['The last column of padding is left over: no window reaches it.'],
    });
    expect(workingOf(axis({ size: 28, stride: 4 }), 'row').notes).toEqual([
      'The last row of the image is left over: no window reaches it.',
      'S > F: 1 row between windows is skipped.',
    ]);
    expect(workingOf(axis({ size: 28, kernel: 6, stride: 4, after: 1 }), 'row').notes).toEqual([
      'The last 3 rows (2 of the image, 1 of padding) are left over: no window reaches them.',
    ]);
    expect(workingOf(axis({ stride: 3, roundUp: true }), 'row')).toMatchObject({
      rounding: '2.33, rounded up',
      outputs: 3,
      notes: ['The last window hangs over the edge by 2 rows.'],
    });
    expect(workingOf(axis({ kernel: 1, stride: 4, after: 0, size: 8, roundUp: true }), 'row').notes).toContain(
      'One more window would begin behind the image: it is left out.',
    );
  });

  test('the formula has one P where both ends are alike', () => {
    expect(generalFormula(axesOf(DEFAULT_SETTINGS, EXAMPLE))).toBe('N = (W − F + 2P) / S + 1');
    const uneven = withFrame(DEFAULT_SETTINGS, { padding: [0, 1, 0, 2] });
    expect(generalFormula(axesOf(uneven, EXAMPLE))).toBe('N = (W − F + P before + P after) / S + 1');
  });
});

describe('settings', () => {
  const pool: Settings = {
    ...DEFAULT_SETTINGS,
    operation: 'max',
    pool: { kernel: 6, stride: 2, padding: [3, 3, 2, 0] },
  };

  test('padding of pools is half of the window at most, also when the window shrinks', () => {
    expect(withFrame(pool, { kernel: 3 }).pool.padding).toEqual([1, 1, 1, 0]);
    expect(withFrame(pool, { kernel: 3 }).conv).toBe(DEFAULT_SETTINGS.conv);
    expect(withFrame(DEFAULT_SETTINGS, { kernel: 1, padding: [3, 3, 3, 3] }).conv.padding).toEqual([3, 3, 3, 3]);
  });

  test('own numbers keep their middle when the window changes', () => {
    const grown = resized([1, 2, 3, 4, 5, 6, 7, 8, 9], 3, 5);
    expect(grown.slice(5, 10)).toEqual([0, 1, 2, 3, 0]);
    expect(resized(grown, 5, 3)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(resized(grown, 5, 1)).toEqual([5]);
    const own = withFilter(DEFAULT_SETTINGS, { kind: 'own', values: [1, 2, 3, 4, 5, 6, 7, 8, 9] });
    expect(withFrame(own, { kernel: 1 }).filter).toEqual({ kind: 'own', values: [5] });
    // Of a layer of the network, which may be larger.
    const large = { ...DEFAULT_SETTINGS, conv: { ...DEFAULT_SETTINGS.conv, kernel: 11 } };
    const taken = withFilter(large, { kind: 'own', values: Array.from({ length: 121 }, (_, i) => i) });
    expect(taken.conv.kernel).toBe(7);
    expect(taken.filter).toMatchObject({ values: expect.arrayContaining([60]) });
  });
});

describe('filters', () => {
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const make = (name: (typeof PRESETS)[number], size: number, angle = 0) =>
    presetKernel(name, size, { angle, seed: 1 });

  test('of every size have finite numbers, and that many', () => {
    for (const name of PRESETS) {
      for (let size = 1; size <= 7; size++) {
        const values = make(name, size, 30);
        expect(values.length).toBe(size * size);
        expect(values.every(Number.isFinite)).toBe(true);
        expect(Math.max(...values.map(Math.abs))).toBeGreaterThan(0);
      }
    }
  });

  test('edges are Sobel at 3 x 3, and give nothing on even areas at any size', () => {
    expect(make('vertical', 3)).toEqual([-1, 0, 1, -2, 0, 2, -1, 0, 1]);
    expect(make('horizontal', 3)).toEqual([-1, -2, -1, 0, 0, 0, 1, 2, 1]);
    for (let size = 2; size <= 7; size++) expect(Math.abs(sum(make('vertical', size)))).toBeLessThan(1e-9);
  });

  test('blur and sharpen keep even areas as they are', () => {
    for (let size = 1; size <= 7; size++) {
      expect(sum(make('blur', size))).toBeCloseTo(1, 9);
      expect(sum(make('sharpen', size))).toBeCloseTo(1, 9);
    }
  });

  test('a Gabor filter answers most to a line of its own angle', () => {
    for (const angle of [0, 45, 90, 135]) {
      const responses = [0, 45, 90, 135].map((line) => {
        const radians = (line * Math.PI) / 180;
        const across = (i: number) => ((i % 7) - 3) * Math.cos(radians) + (Math.floor(i / 7) - 3) * Math.sin(radians);
        return sum(make('gabor', 7, angle).map((v, i) => (Math.abs(across(i)) < 1 ? v : 0)));
      });
      expect(responses.indexOf(Math.max(...responses))).toBe(angle / 45);
    }
    expect(Math.abs(sum(make('gabor', 5, 30)))).toBeLessThan(0.1);
  });

  test('random ones are the same for the same seed only', () => {
    const of = (seed: number) => presetKernel('random', 3, { angle: 0, seed });
    expect(of(3)).toEqual(of(3));
    expect(of(3)).not.toEqual(of(4));
    expect(of(3).every((v) => v >= -1 && v <= 1)).toBe(true);
  });
});

describe('one window', () => {
  const problemOf = (settings: Settings, part: Partial<Problem> = {}): Problem => ({
    operation: settings.operation,
    image: EXAMPLE,
    axes: axesOf(settings, EXAMPLE),
    kernel: Float32Array.of(1, 0, -1, 2, 0, -2, 1, 0, -1),
    bias: 0.5,
    activation: 'none',
    countPadding: settings.countPadding,
    ...part,
  });
  const corner = { row: 0, column: 0 };

  test('of a convolution: products, their sum, bias, activation; padding is zero', () => {
    const problem = problemOf(DEFAULT_SETTINGS);
    const step = stepOf(problem, { row: 1, column: 1 });
    expect(step.taps.map(({ value }) => value)).toEqual([0, 0, 0, 0, 2, 3, 0, 1, 1]);
    expect(step.products.map((v) => v || 0)).toEqual([0, 0, 0, 0, 0, -6, 0, 0, -1]);
    expect(step).toMatchObject({ sum: -7, before: -6.5, result: -6.5, scale: 7.5 });
    expect(stepOf({ ...problem, activation: 'relu' }, { row: 1, column: 1 }).result).toBe(0);
    expect(stepOf({ ...problem, activation: 'sigmoid' }, corner).result).toBeCloseTo(1 / (1 + Math.exp(1.5)), 12);
    const taps = tapsOf(problem, corner);
    expect(taps.map(({ where }) => where === 'image')).toEqual(
      [3, 2, 2].flatMap((n, row) => [0, 1, 2].map((x) => row > 0 && x >= 3 - n)),
    );
    expect(outsideText(problem, stepOf(problem, corner))).toBe(
      '5 cells of padding: zeros, which add nothing to the sum.',
    );
    expect(outsideText(problem, stepOf(problem, { row: 3, column: 3 }))).toBeNull();
  });

  test('of a max pool: padding never wins, of equal numbers the first', () => {
    const settings: Settings = {
      ...DEFAULT_SETTINGS,
      operation: 'max',
      pool: { kernel: 3, stride: 2, padding: [1, 1, 1, 1] },
    };
    const image = { ...EXAMPLE, data: EXAMPLE.data.map((v) => v - 5) };
    const problem = problemOf(settings, { image });
    expect(stepOf(problem, corner)).toMatchObject({ result: -3, winner: 8 });
    expect(stepOf(problem, { row: 0, column: 1 })).toMatchObject({ result: -2, winner: 7 });
    expect(outsideText(problem, stepOf(problem, corner))).toBe('5 cells around the image: they never win.');
  });

  test('of an average pool: padding counts or not, what hangs over the edge never does', () => {
    const settings: Settings = {
      ...DEFAULT_SETTINGS,
      operation: 'avg',
      roundUp: true,
      pool: { kernel: 2, stride: 2, padding: [1, 0, 0, 0] },
    };
    const top = { row: 0, column: 1 };
    const right = { row: 1, column: 3 };
    const counts = problemOf(settings);
    expect(stepOf(counts, top)).toMatchObject({ sum: 0, divisor: 4 });
    expect(stepOf(counts, right)).toMatchObject({ divisor: 2 });
    expect(outsideText(counts, stepOf(counts, top))).toBe('2 cells of padding count as zeros: divided by 4.');
    expect(outsideText(counts, stepOf(counts, right))).toBe('2 cells over the edge never count: divided by 2.');
    const not = problemOf({ ...settings, countPadding: false });
    expect(stepOf(not, top).divisor).toBe(2);
    expect(outsideText(not, stepOf(not, { row: 0, column: 3 }))).toBe(
      '1 cell of padding does not count; 2 cells over the edge never count: divided by 1.',
    );
  });

  test('agrees with another result within rounding only', () => {
    const step = stepOf(problemOf(DEFAULT_SETTINGS), { row: 1, column: 1 });
    expect(agrees(step, -6.5)).toBe(true);
    expect(agrees(step, -6.5 + 5e-5)).toBe(true);
    expect(agrees(step, -6.49)).toBe(false);
    expect(agrees(step, Number.NaN)).toBe(false);
  });

  test('a digit goes from 0 to 1, or as the network takes it', () => {
    const pixels = Uint8Array.of(0, 255);
    expect([...digitImage(pixels).data]).toEqual([0, 1]);
    const { data, black, white } = digitImage(pixels, { mean: 0.5, std: 0.25 });
    expect([...data, black, white]).toEqual([-2, 2, -2, 2]);
  });
});

describe('numbers and colours', () => {
  test('of cells are short, of results have four digits', () => {
    expect(
      [0, 1, -2, 0.5, -0.424, 0.0625, 0.001, -0.001, 12.345, 123.45, 23456.7, -0].map((v) => cellText(v, 2)),
    ).toEqual(['0', '1', '−2', '0.5', '−0.42', '0.06', '0.00', '0.00', '12.3', '123', '2e+4', '0']);
    expect(cellText(Number.NEGATIVE_INFINITY, 2)).toBe('−∞');
    expect([0, 1.5, -0.123456, 1234.56, 1e-5].map(numberText)).toEqual(['0', '1.5', '−0.1235', '1235', '1.00e−5']);
  });

  test('zero is nearly the paper, both signs can be told apart, and text can be read on all', () => {
    for (const dark of [false, true]) {
      const colors = [-1, -0.7, -0.5, -0.2, 0, 0.2, 0.5, 0.7, 1].map((v) => signedColor(v, 1, { dark }));
      for (const color of colors) expect(contrast(color)).toBeGreaterThan(4.5);
      const [red, , blue] = [colors[0]!, colors[4]!, colors[8]!].map(([r, , b]) => r - b);
      expect(red! < 0 && blue! > 0).toBe(true);
    }
    expect(signedColor(3, 0, { dark: false })).toEqual(signedColor(0, 1, { dark: false }));
    expect(signedColor(-9, 1, { dark: true })).toEqual(signedColor(-1, 1, { dark: true }));
    expect(cssOf(greyColor(5, { black: 0, white: 5 }))).toBe('rgb(255 255 255)');
  });

  const contrast = (color: Rgb): number => {
    const [ink, paper] = [inkOn(color) === '#000' ? 0 : 1, luminance(color)];
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
  };
});

describe('code', () => {
  test('has the numbers that are chosen', () => {
    const text = codeOf(DEFAULT_SETTINGS, [28, 28]);
    expect(text).toContain('gabor.ops.conv2d(x, weight, bias, { stride: 1, padding: [1, 1, 1, 1] })');
    expect(text).toContain('gabor.ops.relu(z)');
    const pool: Settings = { ...DEFAULT_SETTINGS, operation: 'avg', countPadding: false, roundUp: true };
    expect(codeOf(pool, [7, 7])).toContain(
      'gabor.ops.avgPool2d(x, { kernel: 2, stride: 2, padding: [0, 0, 0, 0], ceilMode: true, countIncludePad: false })',
    );
    expect(codeOf({ ...pool, operation: 'max' }, [7, 7])).toContain('ceilMode: true }).y');
  });
});
