/** The pad to draw on: mouse, pen, finger, or arrow keys and space. Imports strokes. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { grayOf, type Point, paint, SIDE, type Stroke } from './strokes.ts';

/** Between two readings while a stroke is being drawn, ms. */
const READ_MS = 80;
/** How far an arrow key moves the pen, of the pad's side. */
const KEY_STEP = 0.04;

const ARROWS: { readonly [key: string]: readonly [number, number] } = {
  ArrowLeft: [-1, 0],
  ArrowRight: [1, 0],
  ArrowUp: [0, -1],
  ArrowDown: [0, 1],
};

interface PadProps {
  /** When it changes, the pad is wiped without a word. */
  readonly wipes: number;
  /** The picture, SIDE x SIDE in 0..1; null where it is empty. */
  onDrawn(gray: Float32Array | null): void;
}

export function Pad({ wipes, onDrawn }: PadProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const strokes = useRef<Stroke[]>([]);
  const drawing = useRef(false);
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const [empty, setEmpty] = useState(true);
  /** Where the keyboard's pen is; null until it is used. */
  const [pen, setPen] = useState<{ x: number; y: number; down: boolean } | null>(null);

  const context = (): CanvasRenderingContext2D => canvas.current!.getContext('2d', { willReadFrequently: true })!;
  const repaint = (): void => {
    paint(context(), strokes.current);
    setEmpty(strokes.current.length === 0);
  };
  const tell = (): void => {
    timer.current ??= setTimeout(() => {
      timer.current = null;
      onDrawn(strokes.current.length > 0 ? grayOf(context().getImageData(0, 0, SIDE, SIDE).data) : null);
    }, READ_MS);
  };
  const begin = (point: Point): void => {
    strokes.current.push([point]);
    repaint();
    tell();
  };
  const extend = (points: readonly Point[]): void => {
    strokes.current.push([...(strokes.current.pop() ?? []), ...points]);
    repaint();
    tell();
  };
  const change = (next: Stroke[]): void => {
    strokes.current = next;
    repaint();
    tell();
  };

  useEffect(() => {
    strokes.current = [];
    repaint();
  }, [wipes]);

  const pointOf = ({ clientX, clientY, pressure, pointerType }: PointerEvent): Point => {
    const box = canvas.current!.getBoundingClientRect();
    return {
      x: (clientX - box.left) / box.width,
      y: (clientY - box.top) / box.height,
      pressure: pointerType === 'pen' ? pressure : 0.5,
    };
  };
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    canvas.current!.setPointerCapture(event.pointerId);
    drawing.current = true;
    setPen(null);
    begin(pointOf(event));
  };
  const move = (event: PointerEvent): void => {
    if (!drawing.current) return;
    const all = event.getCoalescedEvents?.() ?? [];
    extend((all.length > 0 ? all : [event]).map(pointOf));
  };
  const up = (): void => {
    drawing.current = false;
  };
  const key = (event: KeyboardEvent): void => {
    const at = pen ?? { x: 0.5, y: 0.3, down: false };
    const arrow = ARROWS[event.key];
    if (!arrow && event.key !== ' ') return;
    event.preventDefault();
    if (!arrow) {
      setPen({ ...at, down: !at.down });
      if (!at.down) begin({ x: at.x, y: at.y, pressure: 0.5 });
      return;
    }
    const within = (value: number): number => Math.min(0.96, Math.max(0.04, value));
    const next = { x: within(at.x + KEY_STEP * arrow[0]), y: within(at.y + KEY_STEP * arrow[1]), down: at.down };
    setPen(next);
    if (next.down) extend([{ x: next.x, y: next.y, pressure: 0.5 }]);
  };

  return (
    <figure>
      <div class="pad-box">
        {/* biome-ignore lint/a11y/noInteractiveElementToNoninteractiveRole: it takes the arrow keys itself, also under a screen reader */}
        <canvas
          class="pad"
          ref={canvas}
          width={SIDE}
          height={SIDE}
          tabIndex={0}
          role="application"
          aria-label="Pad to draw a digit on. Arrow keys move the pen, space puts it down or lifts it."
          onPointerDown={down}
          onPointerMove={move}
          onPointerUp={up}
          onPointerCancel={up}
          onKeyDown={key}
          onBlur={() => setPen(null)}
        />
        {empty && !pen && <span class="pad-hint">Draw here</span>}
        {pen && <Cursor {...pen} />}
      </div>
      <figcaption>By keyboard: arrow keys move the pen, space puts it down or lifts it.</figcaption>
      <div class="buttons">
        <button type="button" disabled={empty} onClick={() => change(strokes.current.slice(0, -1))}>
          Undo
        </button>
        <button type="button" disabled={empty} onClick={() => change([])}>
          Clear
        </button>
      </div>
    </figure>
  );
}

function Cursor({ x, y, down }: { x: number; y: number; down: boolean }) {
  const mark = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    mark.current!.style.left = `${100 * x}%`;
    mark.current!.style.top = `${100 * y}%`;
  }, [x, y]);
  return <span class={`pad-cursor ${down ? 'down' : ''}`} ref={mark} />;
}
