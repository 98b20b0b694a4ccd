/** The page: header, what there is to tell, and the panels, each loaded when it comes near. Imports state, panels, ui. */
import { useEffect } from 'preact/hooks';
import { Header } from './header.tsx';
import { startKeeping } from './keeping.ts';
import { PANELS } from './panels/index.ts';
import { lab, notice, open } from './state.ts';
import { Lazy } from './ui/lazy.tsx';

function Notice() {
  if (!notice.value) return null;
  const { kind, text } = notice.value;
  return (
    <div class={`notice ${kind}`} role={kind === 'error' ? 'alert' : 'status'}>
      <p>{text}</p>
      <button type="button" onClick={() => (notice.value = null)} aria-label="Close this message">
        ×
      </button>
    </div>
  );
}

/** `?test` in the address: scripts of the console and of the browser tests reach the worker, for example `gaborDemo.lab.loseDevice()`. */
if (new URLSearchParams(location.search).has('test')) Object.assign(window, { gaborDemo: { lab } });

export function App() {
  useEffect(() => {
    void open().then(startKeeping);
  }, []);
  return (
    <>
      <a class="skip" href="#train">
        Skip to the panels
      </a>
      <Header />
      <Notice />
      <main>
        {PANELS.map(({ id, title, load }) => (
          <Lazy key={id} id={id} title={title} load={load} />
        ))}
      </main>
      <footer>
        <p>
          Everything here is computed by <strong>gabor</strong> in this tab, on your GPU. Nothing is sent anywhere.
        </p>
      </footer>
    </>
  );
}
