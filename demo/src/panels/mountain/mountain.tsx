/** Panel "The mountain": the loss surface around the network, and five optimizers on it. Imports state, picture, results, ui. */
import { attempt, lab, ready } from '../../state.ts';
import { Code } from '../../ui/code.tsx';
import { Select, Toggle } from '../../ui/fields.tsx';
import { short } from '../../ui/format.ts';
import { GRADIENT } from './colors.ts';
import { Picture } from './picture.tsx';
import { Results } from './results.tsx';
import { change, compute, computing, message, progress, scale, stale, summary, view, wish } from './state.ts';
import { explained } from './text.ts';
import './mountain.css';

const CODE = `
const weights = await trainer.parameters();               // Map: name -> { shape, data }
const along = (a, b) => new Map([...weights].map(([name, { shape, data }]) => [
  name, { shape, data: data.map((w, i) => w + a * u.get(name)[i] + b * v.get(name)[i]) },
]));
for (let b = -1; b <= 1; b += 1 / 12)
  for (let a = -1; a <= 1; a += 1 / 12) {
    trainer.setParameters(along(a, b));                   // a point of the plane
    const { loss } = await trainer.evaluate(train.slice(0, 512));
    surface.push(loss);
  }
trainer.setParameters(weights);                           // and back
`;

function Choices() {
  const { plane, start, steps, grid, images } = wish.value;
  return (
    <form class="mountain-choices" onSubmit={(event) => event.preventDefault()}>
      <Select
        label="Plane"
        value={plane}
        options={[
          ['principal', 'Principal, of the paths'],
          ['random', 'Random directions'],
        ]}
        onChange={(value) => change({ plane: value })}
      />
      <Select
        label="All set off from"
        value={start}
        options={[
          ['present', 'The network now'],
          ['new', 'New weights'],
        ]}
        onChange={(value) => change({ start: value })}
      />
      <Select
        label="Steps"
        value={steps}
        options={[10, 20, 40, 80, 160, 320].map((value) => [value, `${value} steps`])}
        onChange={(value) => change({ steps: value })}
      />
      <Select
        label="Surface"
        value={grid}
        options={[13, 25, 49].map((value) => [value, `${value} × ${value} points`])}
        onChange={(value) => change({ grid: value })}
      />
      <Select
        label="Measured on"
        value={images}
        options={[128, 256, 512, 2048].map((value) => [value, `${value} images`])}
        onChange={(value) => change({ images: value })}
      />
    </form>
  );
}

function Run() {
  const now = progress.value;
  return (
    <div class="mountain-run">
      <div class="buttons">
        <button
          type="button"
          class="primary"
          disabled={!ready.value || computing.value}
          onClick={() => attempt(compute)}
        >
          {summary.value ? 'Compute again' : 'Compute'}
        </button>
        <button type="button" disabled={!computing.value} onClick={() => attempt(() => lab.panels.mountain.cancel())}>
          Cancel
        </button>
      </div>
      {computing.value && now && (
        <label class="mountain-progress">
          {now.stage}: {now.done} of {now.total} <progress value={now.done} max={now.total} />
        </label>
      )}
      {!computing.value && (message.value || stale.value) && (
        <p class="hint" role="status">
          {message.value ?? 'The network has changed since. Compute again to see the new one.'}
        </p>
      )}
    </div>
  );
}

function Shown() {
  const { logarithmic, paths } = view.value;
  return (
    <div class="mountain-shown">
      <Toggle
        label="Logarithmic height"
        value={logarithmic}
        onChange={(value) => (view.value = { ...view.value, logarithmic: value })}
      />
      <Toggle
        label="Paths at their real loss"
        value={paths === 'real'}
        onChange={(value) => (view.value = { ...view.value, paths: value ? 'real' : 'surface' })}
      />
    </div>
  );
}

function ColorScale() {
  const now = scale.value;
  if (!now) return null;
  return (
    <div class="mountain-scale">
      <span>loss</span>
      <div>
        <div class="mountain-gradient" style={{ background: GRADIENT }} />
        {now.ticks.map(({ value, height }) => (
          <span key={value} class="mountain-tick" style={{ left: `${(100 * height).toFixed(2)}%` }}>
            {short(value)}
          </span>
        ))}
      </div>
    </div>
  );
}

export default function Mountain() {
  const notes = summary.value && explained(summary.value);
  return (
    <>
      <p class="lead">
        A network's weights are one point in a space of thousands of dimensions, its loss is the height there. This is a
        plane through that space, measured by the engine. Five optimizers set off from the same weights on the same
        batches, and their paths are projected on it.
      </p>
      <Choices />
      <Run />
      <div class="mountain-grid">
        <div>
          <Picture />
          <ColorScale />
          <Shown />
          <p class="hint mountain-note">
            {view.value.paths === 'surface'
              ? 'A path is drawn where its projection lies on the surface. The real weights are beside the plane, so their loss is another one: see the table.'
              : "A path is drawn at the loss of its real weights; thin lines lead to the surface at their projection. What is in between, the optimizer won in directions that the plane doesn't show."}
          </p>
        </div>
        <Results />
      </div>
      {notes && (
        <ul class="mountain-notes hint">
          {notes.map((note) => (
            <li key={note}>{note}</li>
          ))}
        </ul>
      )}
      <Code>{CODE}</Code>
    </>
  );
}
