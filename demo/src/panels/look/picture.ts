/** Tile groups: of a row, and of the enlarged picture of one unit with what feeds it. Pure; imports layout, rows, tiles. */
import { kernelRect, type Rect, type RowLayout, scaleOf } from './layout.ts';
import { imagesOf, isImages, type LookRow } from './rows.ts';
import { groupOf, type TileGroup } from './tiles.ts';

/** All units of a row, and the kernels of its filters. */
export function rowGroups(row: LookRow, { units, filters, kernels }: RowLayout): TileGroup[] {
  const maps = groupOf(
    row.name,
    units.map((rect, unit) => ({ rect, at: [0, unit] })),
  );
  if (!kernels) return [maps];
  const [inputs, h, w] = imagesOf(row.from.shape);
  const linear = row.kind === 'linear';
  const tiles = filters.flatMap((corner, unit) =>
    Array.from({ length: inputs }, (_, input) => ({
      rect: kernelRect(kernels, input, corner),
      at: [unit, linear ? input * h * w : input] as [number, number],
    })),
  );
  return [maps, groupOf(row.weight!, tiles, linear ? [h, w] : null)];
}

export interface Picture {
  readonly width: number;
  readonly height: number;
  readonly groups: readonly TileGroup[];
  /** Text above a part of the picture; `y` is its baseline. */
  readonly labels: readonly { readonly text: string; readonly x: number; readonly y: number }[];
  /** Where the unit's own map is, where it has one. */
  readonly map: Rect | null;
}

const LABEL = 22;
const BIG = 116;
const GAP = 10;

/** A map, as large as `side` allows. */
function mapRect([h, w]: readonly [number, number], side: number, at: Pick<Rect, 'x' | 'y'>): Rect {
  const scale = scaleOf(Math.max(h, w), side);
  return { ...at, width: w * scale, height: h * scale };
}

/** Pairs of a map before and the kernel that slides over it. */
function pairs(row: LookRow, unit: number, { width, top }: { width: number; top: number }) {
  const [inputs, h, w] = imagesOf(row.from.shape);
  const { kernel } = row.window!;
  const side = inputs === 1 ? BIG : inputs <= 16 ? 48 : 32;
  const map = mapRect([h, w], side, { x: 0, y: 0 });
  const filter = mapRect([kernel, kernel], inputs === 1 ? 60 : side * 0.75, { x: 0, y: 0 });
  const cell = { width: map.width + 4 + filter.width, height: Math.max(map.height, filter.height) };
  const columns = Math.max(1, Math.floor((width + GAP) / (cell.width + GAP)));
  const corner = (input: number) => ({
    x: (input % columns) * (cell.width + GAP),
    y: top + Math.floor(input / columns) * (cell.height + GAP),
  });
  const all = Array.from({ length: inputs }, (_, input) => ({ input, ...corner(input) }));
  const lines = Math.ceil(inputs / columns);
  return {
    height: lines * (cell.height + GAP) - GAP,
    groups: [
      groupOf(
        row.from.name,
        all.map(({ input, x, y }) => ({ rect: { ...map, x, y }, at: [0, input] })),
      ),
      groupOf(
        row.weight!,
        all.map(({ input, x, y }) => ({ rect: { ...filter, x: x + map.width + 4, y }, at: [unit, input] })),
      ),
    ],
  };
}

/** Weights of a unit of a fully connected layer, in the shape of what it takes. */
function weights(row: LookRow, unit: number, { width, top }: { width: number; top: number }) {
  const [count, h, w] = imagesOf(row.from.shape);
  const side = count === 1 ? 224 : count <= 16 ? 48 : 32;
  const map = isImages(row.from.shape)
    ? mapRect([h, w], h * w === 1 ? 12 : side, { x: 0, y: 0 })
    : { x: 0, y: 0, width: 12, height: 12 };
  const gap = map.width > 16 ? 6 : 2;
  const columns = Math.max(1, Math.floor((width + gap) / (map.width + gap)));
  const tiles = Array.from({ length: count }, (_, input) => ({
    rect: {
      ...map,
      x: (input % columns) * (map.width + gap),
      y: top + Math.floor(input / columns) * (map.height + gap),
    },
    at: [unit, input * h * w] as [number, number],
  }));
  const lines = Math.ceil(count / columns);
  return { height: lines * (map.height + gap) - gap, groups: [groupOf(row.weight!, tiles, [h, w])] };
}

function partText({ kind, from }: LookRow): string {
  const before = from.row === null ? 'the digit' : from.name;
  if (kind === 'linear') return `weights on ${before}`;
  return from.row === null ? 'the digit and the kernel' : `maps of ${before}, each with its kernel`;
}

/** A unit enlarged, and below it what feeds it: maps with kernels, the map before, or weights. */
export function pictureOf(row: LookRow, unit: number, width: number): Picture {
  const [, h, w] = imagesOf(row.shape);
  const own = isImages(row.shape) && h * w > 1 ? mapRect([h, w], BIG, { x: 0, y: LABEL }) : null;
  const groups: TileGroup[] = own ? [groupOf(row.name, [{ rect: own, at: [0, unit] }])] : [];
  const labels = own ? [{ text: row.name, x: 0, y: 14 }] : [];
  const under = own ? own.y + own.height + GAP : 0;
  if (row.kind === 'conv' || row.kind === 'linear') {
    const top = under + LABEL;
    const part = row.kind === 'conv' ? pairs(row, unit, { width, top }) : weights(row, unit, { width, top });
    labels.push({ text: partText(row), x: 0, y: under + 14 });
    return { width, height: top + part.height, groups: [...groups, ...part.groups], labels, map: own };
  }
  const [, fh, fw] = imagesOf(row.from.shape);
  if (!own) {
    // A single number: of one before, or of a map of which it is the largest or the mean.
    if (fh * fw === 1) return { width, height: 0, groups: [], labels: [], map: null };
    const only = mapRect([fh, fw], BIG, { x: 0, y: LABEL });
    const group = groupOf(row.from.name, [{ rect: only, at: [0, unit] }]);
    const label = { text: `map of ${row.from.name}`, x: 0, y: 14 };
    return { width, height: LABEL + only.height, groups: [group], labels: [label], map: null };
  }
  const before = mapRect([fh, fw], BIG, { x: own.width + 2 * GAP, y: LABEL });
  groups.push(groupOf(row.from.name, [{ rect: before, at: [0, unit] }]));
  labels.push({ text: `from ${row.from.name}`, x: before.x, y: 14 });
  return { width, height: LABEL + Math.max(own.height, before.height), groups, labels, map: own };
}
