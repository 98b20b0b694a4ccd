/** Title, where one is on the page, and the buttons that are always at hand. Imports state, panels. */
import { PANELS } from './panels/index.ts';
import { adapter, attempt, download, lab, model, progress, ready, running } from './state.ts';
import { percent, whole } from './ui/format.ts';

function Status() {
  if (!ready.value) {
    const loaded = download.value;
    if (!loaded) return <span>Opening the GPU</span>;
    const share = loaded.loaded / loaded.total;
    return share < 1 ? (
      <label class="loading">
        Loading MNIST <progress value={loaded.loaded} max={loaded.total} /> {percent(share, 0)}
      </label>
    ) : (
      <span>Compiling the network</span>
    );
  }
  const { step = 0, epoch = 1 } = progress.value ?? {};
  return (
    <span>
      {running.value ? 'Training' : step > 0 ? 'Paused' : 'Ready'}, step {whole(step)}, epoch {epoch},{' '}
      {whole(model.value!.parameters)} parameters
    </span>
  );
}

export function Header() {
  const { name, software } = adapter.value ?? { name: '', software: false };
  return (
    <header class="top">
      <div class="brand">
        <h1>gabor</h1>
        <p>Watch a network learn, and see why</p>
      </div>
      <nav aria-label="Panels">
        {PANELS.map(({ id, title }) => (
          <a key={id} href={`#${id}`} onClick={(event) => go(event, id)}>
            {title}
          </a>
        ))}
      </nav>
      <div class="run">
        <p class="status" role="status">
          <Status />
        </p>
        <button
          type="button"
          class="primary"
          disabled={!ready.value}
          onClick={() => attempt(() => (running.value ? lab.pause() : lab.start()))}
        >
          {running.value ? 'Pause' : 'Start'}
        </button>
      </div>
      {name && (
        <p class="adapter">
          {name}
          {software && ': a software adapter, which is slow. In a browser with a real GPU this page is far quicker.'}
        </p>
      )}
    </header>
  );
}

/** Scrolls without touching the part of the address behind `#`, which holds the configuration. */
function go(event: MouseEvent, id: string): void {
  event.preventDefault();
  const section = document.getElementById(id);
  section?.scrollIntoView();
  section?.focus({ preventScroll: true });
}
