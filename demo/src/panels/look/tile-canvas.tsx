/** A canvas that the worker draws on. Imports view. */
import { transfer } from 'comlink';
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { TileGroup } from './tiles.ts';
import { draw, look, show } from './view.ts';

interface TileCanvasProps {
  /** Its name in the worker; give the element the same key, since a canvas is handed over once. */
  readonly id: string;
  /** For screen readers: what is seen. */
  readonly label: string;
  readonly width: number;
  readonly height: number;
  readonly groups: readonly TileGroup[];
}

export function TileCanvas({ id, label, width, height, groups }: TileCanvasProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    const element = canvas.current!;
    const offscreen = element.transferControlToOffscreen();
    void look.open(id, transfer(offscreen, [offscreen]));
    const observer = new IntersectionObserver(([entry]) => show(id, entry?.isIntersecting ?? false), {
      rootMargin: '400px',
    });
    observer.observe(element);
    return () => {
      observer.disconnect();
      show(id, false);
      void look.close(id);
    };
  }, [id]);
  const scene = useMemo(
    () => ({ width, height, ratio: devicePixelRatio, groups }),
    [width, height, groups, devicePixelRatio],
  );
  useEffect(() => {
    void look.place(id, scene);
    draw();
  }, [id, scene]);
  return <canvas ref={canvas} role="img" aria-label={label} style={{ width: `${width}px`, height: `${height}px` }} />;
}

/** The inner width of an element, which follows it. 0 before it is known. */
export function useWidth<T extends HTMLElement>() {
  const element = useRef<T>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const measure = (): void => setWidth(Math.floor(element.current?.clientWidth ?? 0));
    const observer = new ResizeObserver(measure);
    observer.observe(element.current!);
    measure();
    return () => observer.disconnect();
  }, []);
  return { element, width };
}
