/** The window on its way over the image. Imports view. */
import { signal } from '@preact/signals';
import { goTo, place, shown } from './view.ts';
import type { Place } from './window.ts';

export const playing = signal(false);
/** Windows a second. */
export const speed = signal(8);

const countOf = (): number => {
  const { rows, columns } = shown.peek().problem.axes;
  return rows.outputs * columns.outputs;
};

const indexOf = ({ row, column }: Place): number => row * shown.peek().problem.axes.columns.outputs + column;

function goToIndex(index: number): void {
  const { columns } = shown.peek().problem.axes;
  goTo({ row: Math.floor(index / columns.outputs), column: index % columns.outputs });
}

/** So many windows on or back, row by row; not beyond the first and the last. */
export function moveBy(windows: number): void {
  goToIndex(Math.min(countOf() - 1, Math.max(0, indexOf(place.peek()) + windows)));
}

export const isLast = (): boolean => indexOf(place.value) === countOf() - 1;
export const isFirst = (): boolean => indexOf(place.value) === 0;

/** From the chosen window on; from the first one where it is the last. */
export function play(): void {
  if (isLast()) goToIndex(0);
  playing.value = true;
}

/** Moves on with every frame of the screen until the last window. Returns how to stop. */
export function run(): () => void {
  let began = performance.now();
  let done = 0;
  let frame = requestAnimationFrame(function tick(now) {
    const due = Math.floor(((now - began) / 1000) * speed.peek());
    if (due > done) {
      moveBy(due - done);
      // Counted anew from here, so that another speed changes only what comes.
      began += ((due - done) / speed.peek()) * 1000;
      done = 0;
    }
    if (isLast()) playing.value = false;
    else frame = requestAnimationFrame(tick);
  });
  return () => cancelAnimationFrame(frame);
}

/** Where a key leads on the output; null for any other key. */
export function afterKey(key: string, { row, column }: Place): Place | null {
  const { rows, columns } = shown.peek().problem.axes;
  const within = (value: number, count: number): number => Math.min(count - 1, Math.max(0, value));
  const to = (y: number, x: number): Place => ({ row: within(y, rows.outputs), column: within(x, columns.outputs) });
  switch (key) {
    case 'ArrowLeft':
      return to(row, column - 1);
    case 'ArrowRight':
      return to(row, column + 1);
    case 'ArrowUp':
      return to(row - 1, column);
    case 'ArrowDown':
      return to(row + 1, column);
    case 'Home':
      return to(0, 0);
    case 'End':
      return to(rows.outputs - 1, columns.outputs - 1);
    default:
      return null;
  }
}
