/** A canvas that the worker draws on. Imports view. */
import { transfer } from 'comlink';
import { useEffect, useMemo, useRef } from 'preact/hooks';
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
