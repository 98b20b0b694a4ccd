/** The picture: a canvas that the worker draws into, labels over it, and what moves the camera. Imports state, orbit. */
import { useSignalEffect } from '@preact/signals';
import { transfer } from 'comlink';
import { useEffect, useRef } from 'preact/hooks';
import { lab, ready } from '../../state.ts';
import { colorOf } from '../../ui/theme.ts';
import { useVisible } from '../../ui/visible.ts';
import { rgbOf } from './colors.ts';
import { RUNNER_COLORS, RUNNER_NAMES } from './names.ts';
import { ABOVE, dragged, keyed, type Orbit, pinched, tilted, turned, zoomed } from './orbit.ts';
import type { View } from './protocol.ts';
import { computing, home, labels, scale, summary, view } from './state.ts';
import { described } from './text.ts';

const MOST_RATIO = 2;

const move = (orbit: Partial<Orbit> | null): void => {
  if (orbit) view.value = { ...view.peek(), ...orbit };
};

/** With the colours that the style sheet has at the moment. */
const shown = (): View => ({
  ...view.value,
  colors: {
    card: rgbOf(colorOf('--card')),
    ink: rgbOf(colorOf('--ink')),
    line: rgbOf(colorOf('--ink-soft')),
    runners: RUNNER_COLORS.map((name) => rgbOf(colorOf(name))),
  },
});

const sizeOf = (box: HTMLElement) => ({
  width: box.clientWidth,
  height: box.clientHeight,
  ratio: Math.min(MOST_RATIO, devicePixelRatio),
});

/** One finger or the mouse turns, two fingers zoom. Returns what to undo. */
function gestures(canvas: HTMLCanvasElement): () => void {
  const fingers = new Map<number, { x: number; y: number }>();
  const apart = (): number => {
    const [one, two] = [...fingers.values()];
    return one && two ? Math.hypot(one.x - two.x, one.y - two.y) : 0;
  };
  const aborts = new AbortController();
  const on = <K extends keyof HTMLElementEventMap>(type: K, hear: (event: HTMLElementEventMap[K]) => void): void =>
    canvas.addEventListener(type, hear, { signal: aborts.signal, passive: false });
  on('pointerdown', (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  on('pointermove', (event) => {
    const finger = fingers.get(event.pointerId);
    if (!finger) return;
    const before = apart();
    const [dx, dy] = [event.clientX - finger.x, event.clientY - finger.y];
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size === 1) move(dragged(view.peek(), dx, dy));
    else if (before > 0) move(pinched(view.peek(), apart() / before));
  });
  for (const type of ['pointerup', 'pointercancel'] as const) on(type, ({ pointerId }) => fingers.delete(pointerId));
  on('wheel', (event) => {
    // Unless the picture was chosen, the wheel scrolls the page.
    if (document.activeElement !== canvas && !event.ctrlKey) return;
    event.preventDefault();
    move(zoomed(view.peek(), -event.deltaY / 100));
  });
  on('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const moved = event.key === 'Home' ? home.peek() : keyed(view.peek(), event.key);
    if (!moved) return;
    event.preventDefault();
    move(moved);
  });
  return () => aborts.abort();
}

function Labels() {
  return (
    <div class="mountain-labels" aria-hidden="true">
      {labels.value.map(({ key, kind, text, x, y, side }) => (
        <span
          key={key}
          class={`mountain-label ${kind in RUNNER_NAMES ? `runner path-${kind}` : kind} ${side ?? 'middle'}`}
          style={{ '--x': `${(100 * x).toFixed(2)}%`, top: `${(100 * y).toFixed(2)}%` }}
        >
          {text}
        </span>
      ))}
    </div>
  );
}

function Buttons() {
  const button = (name: string, text: string, orbit: () => Partial<Orbit>) => (
    <button type="button" aria-label={name} title={name} onClick={() => move(orbit())}>
      {text}
    </button>
  );
  return (
    <fieldset class="mountain-moves">
      <legend class="visually-hidden">Camera</legend>
      {button('Turn left', '←', () => turned(view.peek(), -2))}
      {button('Turn right', '→', () => turned(view.peek(), 2))}
      {button('Higher', '↑', () => tilted(view.peek(), 2))}
      {button('Lower', '↓', () => tilted(view.peek(), -2))}
      {button('Nearer', '+', () => zoomed(view.peek(), 1))}
      {button('Farther', '−', () => zoomed(view.peek(), -1))}
      {button('From above', 'Map', () => ABOVE)}
      {button('As at first', 'Reset view', () => home.peek())}
    </fieldset>
  );
}

export function Picture() {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const visible = useVisible();
  useEffect(() => {
    const offscreen = canvas.current!.transferControlToOffscreen();
    void lab.panels.mountain.canvas(transfer(offscreen, [offscreen]), sizeOf(box.current!), shown());
    const resize = new ResizeObserver(() => void lab.panels.mountain.resize(sizeOf(box.current!)));
    resize.observe(box.current!);
    const undo = gestures(canvas.current!);
    return () => {
      resize.disconnect();
      undo();
    };
  }, []);
  useEffect(() => {
    void lab.panels.mountain.visible(visible);
  }, [visible]);
  useSignalEffect(() => {
    void lab.panels.mountain.show(shown());
  });
  return (
    <div class="mountain-view">
      <div class="mountain-box" ref={box}>
        <canvas ref={canvas} role="img" tabIndex={0} aria-label={described(summary.value, scale.value)} />
        <Labels />
        {!scale.value && (
          <p class="mountain-empty">
            {computing.value
              ? 'The surface rises as soon as the race is run and its first 16 points are measured.'
              : ready.value
                ? 'Press Compute: five optimizers set off, then the surface that they walked on is measured.'
                : 'The network is on its way.'}
          </p>
        )}
      </div>
      <Buttons />
    </div>
  );
}
