/** What is on the picture besides the surface: frame, paths, and the labels' places. Pure but for the camera's matrices. */
import { type Camera, onPicture, type Point, RELIEF } from './camera.ts';
import { sampled } from './grid.ts';
import type { Label, RunnerId, Tick, View } from './protocol.ts';
import { linearLevels, type Scale } from './scale.ts';
import { Segments } from './segments.ts';

export interface PathPoint {
  /** On the plane, 0..1. */
  readonly x: number;
  readonly y: number;
  /** Of the real weights; null until it is measured. */
  readonly loss: number | null;
}

export interface Path {
  readonly id: RunnerId;
  readonly name: string;
  readonly points: readonly PathPoint[];
}

/** From where to where the plane is shown, along each direction. */
export interface Extent {
  readonly a: readonly [number, number];
  readonly b: readonly [number, number];
}

export interface SceneInput {
  readonly view: View;
  readonly camera: Camera;
  readonly scale: Scale;
  readonly heights: Float32Array | null;
  readonly extent: Extent;
  readonly axes: readonly [string, string];
  readonly paths: readonly Path[];
  /** Pixels of the canvas for one of the page; height of the picture on the page. */
  readonly ratio: number;
  readonly size: readonly [number, number];
}

export interface Scene {
  readonly segments: Float32Array<ArrayBuffer>;
  readonly labels: readonly Label[];
}

const at = (x: number, height: number, y: number): Point => [2 * x - 1, RELIEF * height, 2 * y - 1];

/** Above the surface, so that half of a line's width does not sink in. */
const LIFT = 0.006;

/** A path on the surface, in pieces that follow its cells. */
export function onSurface(points: readonly PathPoint[], heights: Float32Array): Point[] {
  const side = Math.sqrt(heights.length);
  const result: Point[] = [];
  for (const [i, { x, y }] of points.entries()) {
    const from = points[i - 1] ?? { x, y };
    const pieces = Math.max(1, Math.ceil(3 * side * Math.hypot(x - from.x, y - from.y)));
    for (let piece = i === 0 ? pieces : 1; piece <= pieces; piece++) {
      const [px, py] = [from.x + ((x - from.x) * piece) / pieces, from.y + ((y - from.y) * piece) / pieces];
      result.push(at(px, sampled(heights, px, py) + LIFT, py));
    }
  }
  return result;
}

/** From where to where a label is, in pixels. Names are bold, with room around. */
export function boxOf({ kind, text, side, x, y }: Label, [width, height]: readonly [number, number]) {
  const plain = kind === 'tick' || kind === 'axis';
  const wide = plain ? 6.6 * text.length : 7.2 * text.length + 18;
  const gap = plain ? 4 : GAP;
  const left = x * width + { left: -wide - gap, right: gap, middle: -wide / 2 }[side ?? 'middle'];
  return { left, right: left + wide, top: y * height - HIGH / 2, bottom: y * height + HIGH / 2 };
}

/** Pixels between a point and the label beside it; how high a label is. */
const GAP = 10;
const HIGH = 22;

/** Moves a label sideways where it would leave the picture. */
export function within(label: Label, size: readonly [number, number]): Label {
  const { left, right } = boxOf(label, size);
  const shift = Math.max(0, -left) - Math.max(0, right - size[0]);
  return { ...label, x: label.x + shift / size[0] };
}

/** Moves labels that would cover each other up or down, each to the nearest place that is free. */
export function apart(labels: readonly Label[], size: readonly [number, number]): Label[] {
  const placed: Label[] = [];
  const isFree = (label: Label): boolean => {
    const one = boxOf(label, size);
    const covers = (other: ReturnType<typeof boxOf>): boolean =>
      one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom;
    return one.top >= 0 && one.bottom <= size[1] && !placed.some((other) => covers(boxOf(other, size)));
  };
  for (const label of [...labels].sort((one, other) => one.y - other.y)) {
    const moves = Array.from({ length: 60 }, (_, i) => (i % 2 === 0 ? 1 : -1) * Math.ceil(i / 2) * (HIGH / 4));
    const places = moves.map((move): Label => ({ ...label, y: label.y + move / size[1] }));
    placed.push(places.find(isFree) ?? label);
  }
  return placed;
}

function drawPaths({ view, scale, heights, paths }: SceneInput, segments: Segments): Point[] {
  const ends: Point[] = [];
  for (const [i, { points }] of paths.entries()) {
    const color = view.colors.runners[i]!;
    const real = view.paths === 'real';
    const realPoints = points.flatMap(({ x, y, loss }) => (loss === null ? [] : [at(x, scale.heightOf(loss), y)]));
    const line = real ? realPoints : heights ? onSurface(points, heights) : [];
    if (real && heights)
      for (const [x, height, y] of realPoints) {
        const ground = at((x + 1) / 2, sampled(heights, (x + 1) / 2, (y + 1) / 2), (y + 1) / 2);
        segments.line([[x, height, y], ground], { color, width: 1.2, alpha: 0.55, shines: true });
      }
    segments.line(line, { color: view.colors.card, width: 5.5, alpha: 0.85 });
    segments.line(line, { color, width: 3.2, shines: true });
    const end = line.findLast((point) => point.every(Number.isFinite));
    if (!end) continue;
    segments.dot(end, { color: view.colors.card, width: 13 });
    segments.dot(end, { color, width: 10, shines: true });
    ends[i] = end;
  }
  return ends;
}

/** The corner of the floor that is farthest to the left on the picture: the scale of heights stands there. */
function leftCorner(camera: Camera): readonly [number, number] {
  const corners = [
    [0, 0],
    [1, 0],
    [0, 1],
    [1, 1],
  ] as const;
  return corners.reduce((best, corner) =>
    onPicture(camera, at(corner[0], 0, corner[1])).x < onPicture(camera, at(best[0], 0, best[1])).x ? corner : best,
  );
}

/** Values of an axis, three or four round ones. */
function axisTicks([low, high]: readonly [number, number]): Tick[] {
  return linearLevels(low, high, 4).map((value) => ({ value, height: (value - low) / (high - low) }));
}

function drawFrame({ view, camera, scale, extent, axes }: SceneInput, segments: Segments): Label[] {
  const pen = { color: view.colors.line, width: 1.2 };
  const labels: Label[] = [];
  const label = (key: string, kind: Label['kind'], text: string, point: Point, side?: Label['side']): void => {
    labels.push({ key, kind, text, side, ...onPicture(camera, point) });
  };
  segments.line([at(0, 0, 0), at(1, 0, 0), at(1, 0, 1), at(0, 0, 1), at(0, 0, 0)], pen);
  const front = camera.eye[2] > 0 ? 1 : 0;
  const right = camera.eye[0] > 0 ? 1 : 0;
  const out = (edge: number, by: number): number => edge + (edge === 1 ? by : -by);
  for (const { value, height } of axisTicks(extent.a)) {
    segments.line([at(height, 0, front), at(height, 0, out(front, 0.02))], pen);
    label(`a${height}`, 'tick', String(value), at(height, 0, out(front, 0.06)));
  }
  for (const { value, height } of axisTicks(extent.b)) {
    segments.line([at(right, 0, height), at(out(right, 0.02), 0, height)], pen);
    label(`b${height}`, 'tick', String(value), at(out(right, 0.06), 0, height));
  }
  label('axis a', 'axis', axes[0], at(0.5, 0, out(front, 0.17)));
  label('axis b', 'axis', axes[1], at(out(right, 0.17), 0, 0.5));
  const [x, y] = leftCorner(camera);
  segments.line([at(x, 0, y), at(x, 1, y)], pen);
  for (const { value, height } of scale.ticks) {
    segments.line([at(x, height, y), at(x + (x - 0.5) * 0.04, height, y + (y - 0.5) * 0.04)], pen);
    label(`h${value}`, 'tick', String(value), at(x + (x - 0.5) * 0.07, height, y + (y - 0.5) * 0.07), 'left');
  }
  label('axis h', 'axis', 'loss', at(x, 1.1, y));
  return labels;
}

/** Frame, paths and labels, as seen by the camera. */
export function sceneOf(input: SceneInput): Scene {
  const { camera, view, paths, heights, ratio, size } = input;
  const segments = new Segments(ratio);
  const labels = drawFrame(input, segments);
  const ends = drawPaths(input, segments);
  const first = paths[0]?.points[0];
  let begin: ReturnType<typeof onPicture> | null = null;
  if (first && heights) {
    const start = onSurface([first], heights)[0]!;
    segments.dot(start, { color: view.colors.card, width: 13 });
    segments.dot(start, { color: view.colors.ink, width: 9, shines: true });
    begin = onPicture(camera, start);
    labels.push({ key: 'start', kind: 'start', text: 'start', ...begin });
  }
  const names = paths.flatMap(({ id, name }, i): Label[] => {
    const end = ends[i];
    if (!end) return [];
    const place = onPicture(camera, end);
    // Beyond the path's end, as seen from its start, where there is room.
    const left = place.x > 0.75 || (place.x > 0.25 && begin !== null && place.x < begin.x);
    return [{ key: id, kind: id, text: name, ...place, side: left ? 'left' : 'right' }];
  });
  const inside = (label: Label): Label => within(label, size);
  return { segments: segments.floats(), labels: [...labels.map(inside), ...apart(names.map(inside), size)] };
}
