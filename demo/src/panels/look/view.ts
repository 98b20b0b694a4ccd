/** What the panel knows on the page, as signals, and its drawing by the worker. Imports state, pure parts. */
import { computed, signal } from '@preact/signals';
import { digit, lab, model, ready } from '../../state.ts';
import { latest } from '../../ui/latest.ts';
import { isDark } from '../../ui/theme.ts';
import { type Chosen, type Contribution, type Feed, feedsOf } from './field.ts';
import { numbersOf, picksOf, type UnitNumbers } from './numbers.ts';
import { type LookRow, rowsOf } from './rows.ts';

/** Between two drawings, and between two readings of the unit's numbers, ms. */
const DRAW_MS = 200;
const READ_MS = 100;

export const look = lab.panels.look;
export const rows = computed<readonly LookRow[]>(() => (model.value ? rowsOf(model.value) : []));
const BLANK = new Uint8Array(784);
/** The digit, or an empty image where the pad was wiped. */
export const shownDigit = computed<Uint8Array<ArrayBuffer>>(() => digit.value ?? BLANK);
/** Grows with every drawing. */
export const drawn = signal(0);
/** Whether the panel is on the screen. */
export const onScreen = signal(false);
/** Canvases on the screen. */
const showing = new Set<string>();

const pointedAt = signal<Chosen | null>(null);

/** The unit that was pointed at last, or the first one. Of another network it may not be there any more. */
export const chosen = computed<Chosen | null>(() => {
  const at = pointedAt.value;
  const row = at && rows.value[at.row];
  if (!row || at.unit >= row.shape[0]!) return rows.value.length > 0 ? { row: 0, unit: 0, pixel: null } : null;
  const [, h = 1, w = 1] = row.shape;
  return at.pixel && (at.pixel[0] >= h || at.pixel[1] >= w) ? { ...at, pixel: null } : at;
});

export function choose(next: Chosen): void {
  const now = chosen.peek();
  const same = now?.row === next.row && now.unit === next.unit && String(now.pixel) === String(next.pixel);
  if (same && pointedAt.peek()) return;
  pointedAt.value = next;
  readNumbers();
}

/** Numbers of a unit, with the one they are of. */
const numbersFor = signal<{ readonly of: Chosen; readonly numbers: UnitNumbers } | null>(null);

/** Those of the chosen unit; null until they are read. */
export const numbers = computed<UnitNumbers | null>(() => {
  const { of, numbers: known } = numbersFor.value ?? {};
  const now = chosen.value;
  return known && of?.row === now?.row && of?.unit === now?.unit ? known : null;
});

/** What feeds the chosen unit, in the row before it. */
export const feeds = computed<{ readonly row: number | null; readonly of: readonly Feed[] }>(() => {
  const now = chosen.value;
  if (!now) return { row: null, of: [] };
  const best: readonly Contribution[] = numbers.value?.best ?? [];
  return { row: rows.value[now.row]!.from.row, of: feedsOf(rows.value, now, best) };
});

/** Reads a few numbers of the chosen unit, as they were drawn. */
export const readNumbers = latest(async () => {
  const of = chosen.peek();
  const row = of && rows.peek()[of.row];
  if (!row || !onScreen.peek()) return;
  const parts = await look.pick(picksOf(row, of.unit));
  if (parts.length > 0) numbersFor.value = { of, numbers: numbersOf(row, of, parts) };
}, READ_MS);

/** Draws what is on the screen, soon. */
export const draw = latest(async () => {
  if (!ready.peek() || !onScreen.peek()) return;
  if (!(await look.draw({ digit: shownDigit.peek(), ids: [...showing], dark: isDark() }))) return;
  drawn.value++;
  readNumbers();
}, DRAW_MS);

/** Draws a canvas from now on, or no longer. */
export function show(id: string, visible: boolean): void {
  if (visible === showing.has(id)) return;
  if (visible) showing.add(id);
  else showing.delete(id);
  if (visible) draw();
}
