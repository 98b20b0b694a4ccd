/** Panel "Mistakes": which test images are taken for which digit, and which they are. Imports state, ui, its own parts. */
import './mistakes.css';
import { useSignalEffect } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { adapter, model, ready, running } from '../../state.ts';
import { Code } from '../../ui/code.tsx';
import { percent, whole } from '../../ui/format.ts';
import { useVisible } from '../../ui/visible.ts';
import { type Cell, commonest } from './confusion.ts';
import { EVERY_MS } from './due.ts';
import { Gallery } from './gallery.tsx';
import type { Survey } from './part.ts';
import { Table } from './table.tsx';
import { ALL, cell, FEW, failure, read, readIfDue, reading, survey, wantsAll } from './view.ts';

const CODE = `
const { accuracy, confusionMatrix } = await trainer.evaluate(test, { metrics: [gabor.confusionMatrix()] });
const { classes } = gabor.classificationReport(confusionMatrix); // recall, precision of each
const probabilities = await trainer.predict(test);               // ten for each image
const wrong = [...test.targets.keys()].filter((i) => {
  const row = probabilities.subarray(10 * i, 10 * i + 10);
  return row.indexOf(Math.max(...row)) !== test.targets[i];
});
const { x } = test.gather(wrong.slice(0, 60));
const { map } = await gabor.inspect(trainer).gradCam(x, { normalize: true }); // [60, 28, 28]`;

const LOOK_MS = 1000;

const stepsOf = ({ from, to }: Survey): string =>
  from === to ? `step ${whole(from)}` : `steps ${whole(from)} to ${whole(to)}`;

function Numbers({ of }: { of: Survey }) {
  const total = of.labels.length;
  const right = Math.round(of.report.accuracy * total);
  return (
    <dl class="numbers">
      <div>
        <dt>Accuracy</dt>
        <dd class="big">{percent(of.report.accuracy, 2)}</dd>
      </div>
      <div>
        <dt>Mistakes</dt>
        <dd>
          {whole(total - right)} of {whole(total)}
        </dd>
      </div>
      <div>
        <dt>Network as of</dt>
        <dd>{stepsOf(of)}</dd>
      </div>
    </dl>
  );
}

function Commonest({ counts }: Pick<Survey, 'counts'>) {
  const found = commonest(counts);
  const open = (at: NonNullable<Cell>) => () => (cell.value = at);
  if (found.length === 0) return null;
  return (
    <p class="commonest">
      <span class="soft">Most often:</span>
      {found.map(({ label, predicted, count }) => (
        <button type="button" class="compact" key={`${label} ${predicted}`} onClick={open({ label, predicted })}>
          {label} as {predicted}, {whole(count)}×
        </button>
      ))}
    </p>
  );
}

function Readings() {
  const { software = false } = adapter.value ?? {};
  const now = reading.value;
  return (
    <div class="buttons readings">
      <button type="button" class="compact" disabled={!ready.value || now !== null} onClick={() => read()}>
        Read them again
      </button>
      {software && (
        <button
          type="button"
          class="compact"
          aria-pressed={wantsAll.value}
          disabled={now !== null}
          onClick={() => {
            wantsAll.value = !wantsAll.value;
            void read();
          }}
        >
          All {whole(ALL)}
        </button>
      )}
      {/* It keeps its place, so that nothing moves when it comes and goes. */}
      <label class={`soft ${now ? '' : 'idle'}`}>
        Reading <progress value={now?.done ?? 0} max={now?.of ?? 1} />
      </label>
    </div>
  );
}

function useReadings(): void {
  const visible = useVisible();
  useEffect(() => {
    if (!visible) return;
    readIfDue();
    const timer = setInterval(readIfDue, LOOK_MS);
    return () => clearInterval(timer);
  }, [visible]);
  // Of another network: the table of the one before is none.
  useSignalEffect(() => {
    void model.value?.generation;
    survey.value = null;
    failure.value = null;
  });
}

export default function Mistakes() {
  useReadings();
  const of = survey.value;
  const few = adapter.value?.software && !wantsAll.value;
  return (
    <>
      <p class="lead">
        The network reads test images that it never learned from. A row is what they are, a column what they are read
        as: off the diagonal are the mistakes. Open a cell to see its images.{' '}
        {running.value && `While it trains they are read every ${EVERY_MS / 1000} s and at the end of an epoch.`}
        {few && ` On this software adapter: the first ${whole(FEW)} of ${whole(ALL)}.`}
      </p>
      {failure.value && <p role="alert">The test images could not be read: {failure.value}</p>}
      {of ? (
        <>
          <Numbers of={of} />
          <div class="mistakes-grid">
            <div class="mistakes-table">
              <Table counts={of.counts} report={of.report} />
              <p class="soft small">
                Recall: share of a digit's images that are read as it. Precision: share of what is read as a digit that
                is one. Orange is darkest where 10 % of a row or more go astray.
              </p>
              <Commonest counts={of.counts} />
              <Readings />
            </div>
            <Gallery survey={of} />
          </div>
        </>
      ) : (
        <div class="mistakes-none">
          <Readings />
        </div>
      )}
      <Code>{CODE}</Code>
    </>
  );
}
