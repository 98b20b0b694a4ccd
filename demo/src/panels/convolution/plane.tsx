/** A canvas of square cells that fills its width. Imports ui, paint. */
import { useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import { colorOf, isDark } from '../../ui/theme.ts';
import { useWidth } from '../../ui/width.ts';
import type { Brush, Colors } from './paint.ts';
import type { Place } from './window.ts';

/** Sides of cells and of a plane at most, CSS pixels. */
const LARGEST_CELL = 52;
const LARGEST_PLANE = 400;

interface PlaneProps {
  /** For screen readers: what is seen. */
  readonly label: string;
  readonly rows: number;
  readonly columns: number;
  paint(brush: Brush): void;
  /** A cell that is pressed, or dragged over. */
  onPick(at: Place): void;
}

const colorsNow = (dark: boolean): Colors => ({
  dark,
  card: colorOf('--card'),
  line: colorOf('--line'),
  soft: colorOf('--ink-soft'),
  mark: colorOf('--violet'),
});

export function Plane({ label, rows, columns, paint, onPick }: PlaneProps) {
  const { element, width } = useWidth<HTMLDivElement>();
  const canvas = useRef<HTMLCanvasElement>(null);
  const dark = isDark();
  const colors = useMemo(() => colorsNow(dark), [dark]);
  const ratio = devicePixelRatio;
  const side = Math.min(LARGEST_CELL, width / columns, LARGEST_PLANE / Math.max(rows, columns));
  // Edges on whole pixels of the screen, so that none is blurred.
  const cell = Math.max(1, Math.floor(side * ratio));
  useLayoutEffect(() => {
    if (width === 0) return;
    const [w, h] = [cell * columns, cell * rows];
    if (canvas.current!.width !== w) canvas.current!.width = w;
    if (canvas.current!.height !== h) canvas.current!.height = h;
    const context = canvas.current!.getContext('2d')!;
    context.clearRect(0, 0, w, h);
    paint({ context, cell, ratio, colors });
  });
  const pick = (event: PointerEvent): void => {
    if (event.buttons === 0) return;
    const box = canvas.current!.getBoundingClientRect();
    const at = (from: number, size: number, count: number): number =>
      Math.min(count - 1, Math.max(0, Math.floor((from / size) * count)));
    onPick({
      row: at(event.clientY - box.top, box.height, rows),
      column: at(event.clientX - box.left, box.width, columns),
    });
  };
  return (
    <div class="conv-plane" ref={element}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={label}
        style={{ width: `${(cell * columns) / ratio}px`, height: `${(cell * rows) / ratio}px` }}
        onPointerDown={(event) => {
          event.currentTarget.setPointerCapture(event.pointerId);
          pick(event);
        }}
        onPointerMove={pick}
      />
    </div>
  );
}
