/** Which test images are taken for which digit: counts, the order of images, what stands out. Pure. */

export const DIGITS = 10;
export const digits: readonly number[] = Array.from({ length: DIGITS }, (_, i) => i);

/** How test images were read; arrays have an element for each image, from the first. */
export interface Reading {
  /** What they are. */
  readonly labels: Uint8Array<ArrayBuffer>;
  /** What they were read as, and the probability of that. */
  readonly predicted: Uint8Array<ArrayBuffer>;
  readonly confidence: Float32Array<ArrayBuffer>;
}

/** A cell of the table; null: all that are wrong. */
export type Cell = { readonly label: number; readonly predicted: number } | null;

export const isRight = (cell: Cell): boolean => cell !== null && cell.label === cell.predicted;

/** The most probable class of each image, and its probability. */
export function readingOf(labels: Uint8Array<ArrayBuffer>, probabilities: Float32Array): Reading {
  const predicted = new Uint8Array(labels.length);
  const confidence = new Float32Array(labels.length);
  for (const i of labels.keys()) {
    const row = probabilities.subarray(DIGITS * i, DIGITS * (i + 1));
    const best = row.reduce((most, p, k) => (p > row[most]! ? k : most), 0);
    predicted[i] = best;
    confidence[i] = row[best]!;
  }
  return { labels, predicted, confidence };
}

/** Row-major: a row for each true class, a column for each predicted one. */
export function countsOf({ labels, predicted }: Pick<Reading, 'labels' | 'predicted'>): Uint32Array<ArrayBuffer> {
  const counts = new Uint32Array(DIGITS * DIGITS);
  for (const [i, label] of labels.entries()) counts[DIGITS * label + predicted[i]!]!++;
  return counts;
}

/** Images of a cell: wrong ones with the surest first, right ones with the least sure first. */
export function imagesOf({ labels, predicted, confidence }: Reading, cell: Cell): number[] {
  const belongs = (i: number): boolean =>
    cell ? labels[i] === cell.label && predicted[i] === cell.predicted : labels[i] !== predicted[i];
  const found = [...labels.keys()].filter(belongs);
  const sign = isRight(cell) ? 1 : -1;
  return found.sort((a, b) => sign * (confidence[a]! - confidence[b]!) || a - b);
}

/** Share of a row that a cell holds. */
export function shareOf(counts: Uint32Array, { label, predicted }: NonNullable<Cell>): number {
  const row = counts.subarray(DIGITS * label, DIGITS * (label + 1));
  const total = row.reduce((a, b) => a + b, 0);
  return total === 0 ? 0 : row[predicted]! / total;
}

/** The share of a row at which a wrong cell is as dark as it gets. */
export const DARKEST = 0.1;

/** How dark a cell is, 0 to 1. Wrong ones by the root of their share, so that the rare ones are seen. */
export const shadeOf = (share: number, cell: Cell): number =>
  isRight(cell) ? share : Math.sqrt(Math.min(1, share / DARKEST));

export interface Confusion {
  readonly label: number;
  readonly predicted: number;
  readonly count: number;
}

/** The confusions that happen most often. */
export function commonest(counts: Uint32Array, most = 3): Confusion[] {
  return [...counts]
    .map((count, i): Confusion => ({ label: Math.floor(i / DIGITS), predicted: i % DIGITS, count }))
    .filter(({ label, predicted, count }) => label !== predicted && count > 0)
    .sort((a, b) => b.count - a.count)
    .slice(0, most);
}

/** The three likeliest classes of one image, the first first; the last of them gives way to what the image is. */
export function likeliest(probabilities: Float32Array, label: number): { digit: number; share: number }[] {
  const sorted = [...probabilities]
    .map((share, digit) => ({ digit, share }))
    .sort((a, b) => b.share - a.share || a.digit - b.digit);
  const place = sorted.findIndex(({ digit }) => digit === label);
  return [sorted[0]!, sorted[1]!, sorted[Math.max(2, place)]!];
}

const ARROWS: { readonly [key: string]: readonly [rows: number, columns: number] } = {
  ArrowLeft: [0, -1],
  ArrowRight: [0, 1],
  ArrowUp: [-1, 0],
  ArrowDown: [1, 0],
  Home: [0, -DIGITS],
  End: [0, DIGITS],
};

/** The cell that a key leads to; null for other keys. */
export function afterKey({ label, predicted }: NonNullable<Cell>, key: string): NonNullable<Cell> | null {
  const arrow = ARROWS[key];
  if (!arrow) return null;
  const within = (value: number): number => Math.min(DIGITS - 1, Math.max(0, value));
  return { label: within(label + arrow[0]), predicted: within(predicted + arrow[1]) };
}
