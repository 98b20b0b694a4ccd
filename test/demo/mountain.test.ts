/** The mountain's pure parts: planes and projections, rounds of the grid, scales, camera, labels. Imports demo/src/panels/mountain. */
import { describe, expect, test } from 'vitest';
import { cameraOf, onPicture, RELIEF } from '../../demo/src/panels/mountain/camera.ts';
import { rgbOf, STOPS } from '../../demo/src/panels/mountain/colors.ts';
import { filled, newPoints, sampled, strides } from '../../demo/src/panels/mountain/grid.ts';
import { clamped, dragged, facing, HOME, keyed } from '../../demo/src/panels/mountain/orbit.ts';
import type { Label, RunnerResult, Summary } from '../../demo/src/panels/mountain/protocol.ts';
import { linearLevels, logarithmicLevels, scaleOf } from '../../demo/src/panels/mountain/scale.ts';
import { apart, boxOf, onSurface, within } from '../../demo/src/panels/mountain/scene.ts';
import { SEGMENT_FLOATS, Segments } from '../../demo/src/panels/mountain/segments.ts';
import { described, explained } from '../../demo/src/panels/mountain/text.ts';
import {
  dot,
  eigen,
  filterNormalized,
  flatten,
  gaussians,
  pointOf,
  principalPlane,
  projector,
  unflatten,
  type Vector,
} from '../../demo/src/panels/mountain/vectors.ts';

const noise = (length: number, seed: number): Vector => {
  const gaussian = gaussians(seed);
  return Float32Array.from({ length }, gaussian);
};

describe('vectors', () => {
  const specs = [
    { name: 'conv.weight', shape: [2, 3] },
    { name: 'conv.bias', shape: [2] },
  ];

  test('weights become a vector and tensors again', () => {
    const vector = Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8);
    const tensors = unflatten(vector, specs);
    expect(tensors.get('conv.bias')).toEqual({ shape: [2], data: Float32Array.of(7, 8) });
    expect(flatten(tensors, ['conv.weight', 'conv.bias'])).toEqual(vector);
    expect(flatten(tensors, ['conv.bias'])).toEqual(Float32Array.of(7, 8));
  });

  test('random numbers are normal, and the same for the same seed', () => {
    const some = noise(20_000, 7);
    expect(noise(20_000, 7)).toEqual(some);
    expect(noise(10, 8)).not.toEqual(some.slice(0, 10));
    expect(some.reduce((sum, x) => sum + x, 0) / some.length).toBeCloseTo(0, 1);
    expect(dot(some, some) / some.length).toBeCloseTo(1, 1);
  });

  test('a direction is as long as the weights, filter by filter; biases stay', () => {
    const weights = unflatten(Float32Array.of(3, 4, 0, 0, 0, 0, 7, 8), specs);
    const direction = filterNormalized(weights, gaussians(1));
    const { data } = direction.get('conv.weight')!;
    expect(Math.hypot(...data.subarray(0, 3))).toBeCloseTo(5, 5);
    expect(dot(data.subarray(3), data.subarray(3))).toBe(0);
    expect(direction.get('conv.bias')!.data).toEqual(Float32Array.of(0, 0));
  });

  test('eigenvectors diagonalise, largest first', () => {
    const rows = Array.from({ length: 7 }, (_, i) => noise(7, i));
    const matrix = rows.map((a) => rows.map((b) => dot(a, b)));
    const { values, vectors } = eigen(matrix);
    expect([...values].sort((a, b) => b - a)).toEqual(values);
    for (const [k, vector] of vectors.entries()) {
      for (const [i, row] of matrix.entries())
        expect(row.reduce((sum, x, j) => sum + x * vector[j]!, 0)).toBeCloseTo(values[k]! * vector[i]!, 6);
      for (const [l, other] of vectors.entries())
        expect(vector.reduce((sum, x, i) => sum + x * other[i]!, 0)).toBeCloseTo(k === l ? 1 : 0, 9);
    }
    expect(eigen([]).values).toEqual([]);
  });

  test('a projection is the nearest point of the plane, for skew directions too', () => {
    const plane = { origin: noise(50, 1), u: noise(50, 2), v: noise(50, 3).map((x, i) => x + noise(50, 2)[i]!) };
    const project = projector(plane);
    const inPlane = project(pointOf(plane, 0.7, -1.3));
    expect(inPlane.a).toBeCloseTo(0.7, 4);
    expect(inPlane.b).toBeCloseTo(-1.3, 4);
    expect(inPlane.inside / inPlane.squared).toBeCloseTo(1, 5);
    const away = noise(50, 9);
    const { a, b, squared, inside } = project(away);
    const distance = (x: number, y: number): number => {
      const rest = pointOf(plane, x, y).map((value, i) => value - away[i]!);
      return dot(rest, rest);
    };
    expect(squared - inside).toBeCloseTo(distance(a, b), 3);
    for (const [x, y] of [
      [0.01, 0],
      [-0.01, 0],
      [0, 0.01],
      [0, -0.01],
    ] as const)
      expect(distance(a + x, b + y)).toBeGreaterThan(distance(a, b));
  });

  test('the principal plane holds paths of a plane whole, and counts each path alike', async () => {
    const [origin, u, v] = [noise(80, 1), noise(80, 2), noise(80, 3)];
    const truth = { origin, u, v };
    const paths = [
      [pointOf(truth, 1, 0), pointOf(truth, 2, 0.5)],
      [pointOf(truth, 0, 0.001), pointOf(truth, -0.001, 0.002)],
    ];
    let pauses = 0;
    const plane = await principalPlane(origin, paths, async () => {
      pauses++;
    });
    expect(pauses).toBe(4);
    expect(dot(plane.u, plane.u)).toBeCloseTo(1, 4);
    expect(dot(plane.v, plane.v)).toBeCloseTo(1, 4);
    expect(dot(plane.u, plane.v)).toBeCloseTo(0, 4);
    for (const weights of paths.flat()) {
      const { squared, inside } = projector(plane)(weights);
      expect(inside / squared).toBeCloseTo(1, 3);
    }
    const still = await principalPlane(origin, [[origin]], async () => {});
    expect(projector(still)(noise(80, 5))).toMatchObject({ a: 0, b: 0, inside: 0 });
  });
});

describe('grid', () => {
  test.each([13, 25, 49])('rounds measure each of %i x %i points once, the corners first', (side) => {
    const seen: number[] = [];
    let before: number | null = null;
    for (const stride of strides(side)) {
      const points = newPoints(side, stride, before);
      if (before === null) expect(points).toHaveLength(16);
      seen.push(...points);
      before = stride;
    }
    expect(before).toBe(1);
    expect([...seen].sort((a, b) => a - b)).toEqual(Array.from({ length: side ** 2 }, (_, i) => i));
  });

  test('between measured points lies what is between their values', () => {
    const side = 13;
    const plane = (i: number): number => 3 * (i % side) - 2 * Math.floor(i / side) + 1;
    const values = new Float32Array(side ** 2).fill(Number.NaN);
    const known = new Uint8Array(side ** 2);
    for (const i of newPoints(side, 4, null)) [values[i], known[i]] = [plane(i), 1];
    [values[5], known[5]] = [100, 1]; // of the next round
    const all = filled(values, known, 4);
    expect(all.every((value, i) => Math.abs(value - (i === 5 ? 100 : plane(i))) < 1e-4)).toBe(true);
  });

  test('a value between points is that of the triangle', () => {
    const values = Float32Array.of(0, 1, 2, 10); // rows: (0, 1), (2, 10)
    expect(sampled(values, 0, 0)).toBe(0);
    expect(sampled(values, 1, 1)).toBe(10);
    expect(sampled(values, 0.5, 0.5)).toBe(5); // on the parting edge
    expect(sampled(values, 0.75, 0.25)).toBe(0 + 0.75 * 1 + 0.25 * 9);
    expect(sampled(values, 0.25, 0.75)).toBe(0 + 0.75 * 2 + 0.25 * 8);
    expect(sampled(values, 1.01, 0)).toBeNaN();
  });
});

describe('scale', () => {
  test('heights are 0 to 1, what is not finite has none', () => {
    const losses = [0.5, Number.NaN, 8, Infinity, 2];
    const straight = scaleOf(losses, { logarithmic: false });
    expect([straight.low, straight.high, straight.heightOf(4.25)]).toEqual([0.5, 8, 0.5]);
    const bent = scaleOf(losses, { logarithmic: true });
    expect(bent.heightOf(2)).toBeCloseTo(0.5, 6);
    expect(bent.heightOf(Infinity)).toBeNaN();
    for (const { value, height } of bent.ticks) expect(bent.heightOf(value)).toBeCloseTo(height, 9);
    expect(Math.max(...bent.contours)).toBeLessThanOrEqual(1 + 1e-9);
  });

  test.each([
    [0.948, 67.2],
    [2.1, 2.4],
    [1e-5, 3000],
    [0.3, 2.31],
    [2.3, 2.3003],
  ])('%f to %f has round ticks, neither too few nor too many', (low, high) => {
    for (const levels of [linearLevels(low, high, 7), logarithmicLevels(low, high, 7)]) {
      expect(levels.length).toBeGreaterThanOrEqual(3);
      expect(levels.length).toBeLessThanOrEqual(8);
      for (const level of levels) {
        expect(level).toBeGreaterThanOrEqual(low * (1 - 1e-9));
        expect(level).toBeLessThanOrEqual(high * (1 + 1e-9));
      }
    }
  });

  test('one loss alone, none at all, and zero on a logarithmic scale', () => {
    for (const losses of [[2.3, 2.3], [], [0, 1]])
      for (const logarithmic of [true, false]) {
        const { low, high, heightOf } = scaleOf(losses, { logarithmic });
        expect(high).toBeGreaterThan(low);
        expect(heightOf(low)).toBe(0);
        expect(heightOf(high)).toBeCloseTo(1, 9);
      }
  });
});

describe('camera', () => {
  test('the middle is in the middle, up is up, and right of the camera is right', () => {
    const camera = cameraOf({ yaw: 0, pitch: 0.4, distance: 4 }, 1.5);
    const middle = onPicture(camera, [0, 0, 0]);
    expect(middle.x).toBeCloseTo(0.5, 6);
    expect(onPicture(camera, [0, 1, 0]).y).toBeLessThan(middle.y);
    expect(onPicture(camera, [1, 0, 0]).x).toBeGreaterThan(0.5);
  });

  test.each([0.6, 1, 1.6, 2.5])('at first the whole floor is on a picture of %f to 1', (aspect) => {
    for (let yaw = 0; yaw < 6.3; yaw += 0.35) {
      const camera = cameraOf({ ...HOME, yaw }, aspect);
      for (const x of [-1, 1])
        for (const z of [-1, 1]) {
          const place = onPicture(camera, [x, 0, z]);
          for (const share of [place.x, place.y]) expect(Math.abs(share - 0.5)).toBeLessThan(0.5);
        }
    }
  });

  test('keys and drags stay within what looks right', () => {
    let orbit = HOME;
    for (let i = 0; i < 100; i++) orbit = keyed(dragged(orbit, 3, 40), '+')!;
    expect(orbit).toEqual(clamped(orbit));
    expect(orbit.pitch).toBe(1.5);
    expect(keyed(HOME, 'ArrowLeft')!.yaw).toBeLessThan(HOME.yaw);
    expect(keyed(HOME, 'x')).toBeNull();
  });

  test('what is high is behind', () => {
    // High where x and z are large: seen from where they are small.
    const yaw = facing(Float32Array.from({ length: 25 }, (_, i) => (i % 5) + Math.floor(i / 5)));
    expect(Math.sin(yaw)).toBeLessThan(0);
    expect(Math.cos(yaw)).toBeLessThan(0);
    expect(facing(new Float32Array(9))).toBe(HOME.yaw);
  });
});

describe('picture', () => {
  test('a line is parted where it is not finite', () => {
    const segments = new Segments(2);
    const pen = { color: [1, 0, 0], width: 3 } as const;
    segments.line(
      [
        [0, 0, 0],
        [1, 0, 0],
        [Number.NaN, 0, 0],
        [2, 0, 0],
        [3, 0, 0],
      ],
      pen,
    );
    segments.dot([5, 5, 5], pen);
    const floats = segments.floats();
    expect(floats.length).toBe(3 * SEGMENT_FLOATS);
    expect([...floats.subarray(0, 12)]).toEqual([0, 0, 0, 3, 1, 0, 0, 0, 1, 0, 0, 1]);
  });

  test('a path lies on the surface all along', () => {
    const heights = Float32Array.from({ length: 25 }, (_, i) => Math.sin(i * i));
    const points = onSurface(
      [
        { x: 0.1, y: 0.2, loss: null },
        { x: 0.9, y: 0.6, loss: null },
      ],
      heights,
    );
    expect(points.length).toBeGreaterThan(10);
    const above = points.map(([x, y, z]) => y - RELIEF * sampled(heights, (x + 1) / 2, (z + 1) / 2));
    for (const gap of above) expect(gap).toBeCloseTo(above[0]!, 5);
  });

  const labelAt = (key: string, x: number, y: number): Label => ({ key, text: 'Adagrad', kind: 'sgd', x, y });
  const size = [600, 500] as const;

  test('labels at one place are moved apart, none far, others stay', () => {
    const given = [
      labelAt('a', 0.5, 0.5),
      labelAt('b', 0.5, 0.505),
      labelAt('c', 0.52, 0.51),
      labelAt('d', 0.1, 0.505),
    ];
    const placed = apart([...given, labelAt('e', 0.5, 0.01)], size);
    for (const one of placed)
      for (const other of placed) {
        const [p, q] = [boxOf(one, size), boxOf(other, size)];
        const covers = p.left < q.right && q.left < p.right && p.top < q.bottom && q.top < p.bottom;
        expect(covers, `${one.key} ${other.key}`).toBe(one === other);
      }
    const at = new Map(placed.map(({ key, y }) => [key, y]));
    expect([at.get('a'), at.get('d')]).toEqual([0.5, 0.505]);
    for (const { key, y } of given) expect(Math.abs(at.get(key)! - y)).toBeLessThan(0.06);
    expect(at.get('e')! * 500).toBeGreaterThanOrEqual(11);
  });

  test('labels stay within the picture', () => {
    for (const side of ['left', 'right', undefined] as const)
      for (const x of [0.01, 0.5, 0.99]) {
        const label = { ...labelAt('a', x, 0.5), side };
        const moved = within(label, size);
        const { left, right } = boxOf(moved, size);
        expect(left).toBeGreaterThanOrEqual(-1e-9);
        expect(right).toBeLessThanOrEqual(600 + 1e-9);
        if (x === 0.5) expect(moved).toEqual(label);
      }
  });

  test('the surface gets ever lighter; colours of the style sheet are read', () => {
    const light = STOPS.map(([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b);
    expect([...light].sort((a, b) => a - b)).toEqual(light);
    expect(rgbOf('rgb(255, 51, 0)')).toEqual([1, 0.2, 0]);
    expect(rgbOf('color(srgb 0.5 0.25 1)')).toEqual([0.5, 0.25, 1]);
  });
});

describe('text', () => {
  const runner: RunnerResult = { id: 'adam', loss: 0.5, surfaceLoss: 0.7, distance: 2, share: 0.25, divergedAt: null };
  const summary: Summary = {
    wish: {
      plane: 'principal',
      start: 'present',
      rates: { sgd: 1, momentum: 1, adagrad: 1, rmsprop: 1, adam: 1 },
      steps: 10,
      batch: 32,
      grid: 13,
      images: 256,
    },
    runners: [runner, { ...runner, id: 'sgd', share: 0.75, loss: null }],
    network: 'LeNet-5',
    parameters: 61_706,
    replaced: false,
    batchStatistics: false,
    holes: 0,
  };

  test('says what is seen', () => {
    expect(described(null, null)).toBe('The loss surface, not yet computed');
    expect(described(summary, { low: 0.25, high: 67 })).toContain('13 by 13 points, loss from 0.25 to 67');
    expect(described(summary, { low: 0.25, high: 67 })).toContain('losses: Adam 0.5.');
  });

  test('says what was measured, and what is special', () => {
    const plain = explained(summary).join(' ');
    expect(plain).toContain('LeNet-5, 61,706 weights');
    expect(plain).toContain('holds 50.0 % of the squared distances');
    expect(plain).not.toContain('finite loss');
    const special = { ...summary, replaced: true, batchStatistics: true, holes: 3 };
    const text = explained(special).join(' ');
    for (const part of ['400,000', 'each batch of 128', '3 points have no finite loss']) expect(text).toContain(part);
  });
});
