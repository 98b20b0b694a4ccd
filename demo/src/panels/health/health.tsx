/** Panel "Health": what goes on in each layer while it trains, what is wrong with it, and cases to try. Imports state, rows, compare, ui. */
import './health.css';
import { useEffect } from 'preact/hooks';
import { attempt, lab, model, ready, setConfig } from '../../state.ts';
import { Code } from '../../ui/code.tsx';
import { useVisible } from '../../ui/visible.ts';
import { Compare } from './compare.tsx';
import { CASES, type Case } from './presets.ts';
import { Rows } from './rows.tsx';
import { findings } from './state.ts';

const CODE = `
const watching = gabor.monitor({
  every: 20,                                          // steps
  onStats({ step, layers, parameters }) {
    for (const [name, { activation, dead, saturated }] of layers)
      console.log(step, name, activation.histogram.counts, dead?.share, saturated);
    for (const [name, { gradientNorm, updateRatio }] of parameters)
      console.log(step, name, gradientNorm, updateRatio);  // about 1e-3 is usual
  },
});
await trainer.fit(train, { epochs: 3, callbacks: [watching] });
`;

function start({ config }: Case): Promise<void> {
  setConfig(config);
  return attempt(async () => {
    await lab.configure(config);
    await lab.start();
  });
}

function Cases() {
  const shown = JSON.stringify(model.value?.config ?? null);
  return (
    <ul class="health-cases" aria-labelledby="health-cases">
      {CASES.map((one) => (
        <li key={one.id}>
          <button
            type="button"
            data-testid={`case-${one.id}`}
            disabled={!ready.value}
            aria-pressed={shown === JSON.stringify(one.config)}
            onClick={() => void start(one)}
          >
            {one.name}
          </button>
          <p>{one.watch}</p>
        </li>
      ))}
    </ul>
  );
}

function Findings() {
  const found = findings.value;
  return (
    <div class="health-findings">
      {found.map(({ kind, tone, title, seen, advice }) => (
        <p key={kind} class={`health-finding ${tone}`} data-testid={`finding-${kind}`}>
          <strong>{title}.</strong> {seen} <span class="health-advice">{advice}</span>
        </p>
      ))}
      {found.length === 0 && <p class="health-finding">What is seen, and what to try, is told here while it trains.</p>}
      <p class="visually-hidden" role="status">
        {found.map(({ title }) => title).join('. ')}
      </p>
    </div>
  );
}

export default function Health() {
  const visible = useVisible();
  useEffect(() => {
    void attempt(() => lab.panels.health.visible(visible));
  }, [visible]);
  return (
    <>
      <p class="lead">
        Every few steps the engine looks into each layer: how its outputs are spread, which units are dead or saturated,
        how large the gradient of its weights is, and how much a step changes them.
      </p>
      <h3 id="health-cases">Try it</h3>
      <Cases />
      <Findings />
      <Rows />
      <Compare />
      <Code>{CODE}</Code>
    </>
  );
}
