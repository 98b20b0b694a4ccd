/** A section whose panel is loaded when it comes near the screen, and told whether it is visible. Imports ui/visible. */
import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Visible } from './visible.ts';

export function Lazy({ id, title, load }: { id: string; title: string; load(): Promise<{ default: ComponentType }> }) {
  const section = useRef<HTMLElement>(null);
  const [near, setNear] = useState(false);
  const [visible, setVisible] = useState(false);
  const [Panel, setPanel] = useState<ComponentType | null>(null);
  useEffect(() => {
    const nearby = new IntersectionObserver(([entry]) => entry?.isIntersecting && setNear(true), {
      rootMargin: '400px',
    });
    const onScreen = new IntersectionObserver(([entry]) => setVisible(entry?.isIntersecting ?? false));
    nearby.observe(section.current!);
    onScreen.observe(section.current!);
    return () => {
      nearby.disconnect();
      onScreen.disconnect();
    };
  }, []);
  useEffect(() => {
    if (near) void load().then((module) => setPanel(() => module.default));
  }, [near]);
  return (
    <section
      id={id}
      class={`panel panel-${id} ${Panel ? '' : 'waiting'}`}
      ref={section}
      tabIndex={-1}
      aria-labelledby={`${id}-title`}
    >
      <h2 id={`${id}-title`}>{title}</h2>
      <Visible.Provider value={visible}>{Panel ? <Panel /> : <p class="hint">Loading this panel</p>}</Visible.Provider>
    </section>
  );
}
