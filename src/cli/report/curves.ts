/**
 * Section "Training": loss and accuracy curves and the table of epochs. May import the report's own modules.
 */

import type { ChartDrawer, ChartSpec } from './chart.ts';
import { integer, loss, percent } from './format.ts';
import { type Html, html, raw } from './html.ts';
import { type Point, quantile, runningMean, smoothingWindow } from './series.ts';
import type { ReportData, ReportEpoch, ReportStep } from './types.ts';

/** Sizes a chart is drawn in: text keeps its size on a phone because the chart is drawn anew, not scaled. */
const SIZES = [
  { name: 'wide', width: 560, height: 320 },
  { name: 'narrow', width: 340, height: 260 },
] as const;

/** The section. */
export function curvesSection(data: ReportData, draw: ChartDrawer): Html {
  const heldOut = data.heldOut ?? 'test';
  return html`<section id="training" aria-labelledby="training-h">
<h2 id="training-h">Training</h2>
${lossNotice(data.steps)}
<div class="columns">
${chart('Loss', lossSpec(data, heldOut), heldOut, draw)}
${chart('Accuracy', accuracySpec(data, heldOut), heldOut, draw)}
</div>
${epochTable(data.epochs, heldOut)}
</section>`;
}

function chart(title: string, spec: ChartSpec | null, heldOut: string, draw: ChartDrawer): Html {
  if (!spec)
    return html`<figure class="chart"><h3>${title}</h3><p class="empty">No finite value was recorded.</p></figure>`;
  const window = smoothingWindow(spec.raw.length);
  const mean = html`<li><svg class="key" viewBox="0 0 22 10" aria-hidden="true"><path d="M1 5H21" stroke="var(--train)" stroke-width="2"/></svg>mean of ${window} steps</li>`;
  const points = html`<li><svg class="key" viewBox="0 0 22 10" aria-hidden="true"><path d="M1 5H21" stroke="var(--held-out)" stroke-width="1.5"/><circle cx="11" cy="5" r="4" fill="var(--held-out)"/></svg>${heldOut} after each epoch</li>`;
  return html`<figure class="chart">
<h3>${title}</h3>
<ul class="legend">
<li><svg class="key" viewBox="0 0 22 10" aria-hidden="true"><path d="M1 7L6 3L11 7L16 3L21 6" stroke="var(--train)" stroke-opacity=".75" fill="none"/></svg>training step</li>
${window > 1 ? mean : null}
${spec.heldOut.length > 0 ? points : null}
</ul>
${SIZES.map((size) => html`<div class="${size.name}">${raw(draw({ ...spec, id: `${spec.id}-${size.name}` }, size.width, size.height))}</div>`)}
</figure>`;
}

function lossSpec(data: ReportData, heldOut: string): ChartSpec | null {
  const series = seriesOf(
    data,
    (step) => step.loss,
    (epoch) => epoch.valLoss,
  );
  const drawn = [...series.smooth, ...series.heldOut].map((point) => point.y).filter(Number.isFinite);
  const rawValues = series.raw.map((point) => point.y);
  if (drawn.length === 0) return null;
  const highest = Math.max(quantile(rawValues, 0.998) || 0, quantile(drawn, 1));
  const lowest = quantile(drawn, 0);
  const log = lowest > 0 && highest / lowest >= 10;
  const floor = Math.min(
    lowest,
    quantile(
      rawValues.filter((value) => value > 0),
      0.02,
    ) || lowest,
  );
  return {
    ...series,
    id: 'loss',
    label: `Loss over ${integer(data.steps.length)} training steps, ${heldOut} loss after each epoch.`,
    xLabel: 'step',
    yLabel: `loss (${data.lossName ?? 'cross-entropy, nats'}${log ? '; log scale' : ''})`,
    yType: log ? 'log' : 'linear',
    yDomain: log ? [floor * 0.85, highest * 1.1] : [Math.min(0, lowest), highest > 0 ? highest * 1.05 : 1],
    yFormat: (value) => String(Number(value.toPrecision(3))),
  };
}

function accuracySpec(data: ReportData, heldOut: string): ChartSpec | null {
  const series = seriesOf(
    data,
    (step) => step.accuracy,
    (epoch) => epoch.valAccuracy,
  );
  const held = series.heldOut.map((point) => point.y);
  const low = Math.min(
    quantile(
      series.smooth.map((point) => point.y),
      0.04,
    ) || 0,
    ...held.filter(Number.isFinite),
  );
  if ([...series.raw, ...series.heldOut].every((point) => !Number.isFinite(point.y))) return null;
  // Room for the part that matters: the axis starts at a multiple of 10% below all but the first steps.
  const floor = low > 0.5 ? Math.floor(low * 10 - 0.2) / 10 : 0;
  return {
    ...series,
    id: 'accuracy',
    label: `Accuracy over ${integer(data.steps.length)} training steps, ${heldOut} accuracy after each epoch.`,
    xLabel: 'step',
    yLabel: `accuracy (%${floor > 0 ? `; axis from ${percent(floor, 0)}` : ''})`,
    yType: 'linear',
    yDomain: [floor, 1],
    yFormat: (value) => String(Number((value * 100).toFixed(1))),
  };
}

function seriesOf(data: ReportData, step: (step: ReportStep) => number, epoch: (epoch: ReportEpoch) => number) {
  const rawPoints: Point[] = data.steps.map((entry) => ({ x: entry.step, y: step(entry) }));
  const heldOut: Point[] = data.epochs.map((entry) => ({ x: entry.step, y: epoch(entry) }));
  return {
    raw: rawPoints,
    smooth: runningMean(rawPoints, smoothingWindow(rawPoints.length)),
    heldOut: heldOut.filter((point) => Number.isFinite(point.y)),
    xMax: Math.max(1, rawPoints.at(-1)?.x ?? 0, heldOut.at(-1)?.x ?? 0),
  };
}

function lossNotice(steps: readonly ReportStep[]): Html | null {
  if (steps.length === 0) return html`<p class="notice">No training step was recorded.</p>`;
  const bad = steps.filter((step) => !Number.isFinite(step.loss));
  if (!bad[0]) return null;
  const share = `${integer(bad.length)} of ${integer(steps.length)} steps`;
  return html`<p class="notice"><strong>The loss is not finite</strong> in ${share}, first in step ${integer(bad[0].step)}.</p>`;
}

function epochTable(epochs: readonly ReportEpoch[], heldOut: string): Html {
  if (epochs.length === 0) return html`<p class="empty">No epoch was finished.</p>`;
  const rows = epochs.map(
    (epoch) =>
      html`<tr><th scope="row">${integer(epoch.epoch)}</th><td>${integer(epoch.step)}</td><td>${loss(epoch.loss)}</td><td>${loss(epoch.valLoss)}</td><td>${percent(epoch.accuracy)}</td><td>${percent(epoch.valAccuracy)}</td></tr>`,
  );
  return html`<div class="scroll" role="region" aria-label="Epochs" tabindex="0"><table class="data">
<caption>After each epoch: training is the mean over the epoch, ${heldOut} is measured at its end.</caption>
<thead><tr><th scope="col">Epoch</th><th scope="col">Step</th><th scope="col">Training loss</th><th scope="col" class="cap">${heldOut} loss</th><th scope="col">Training accuracy</th><th scope="col" class="cap">${heldOut} accuracy</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}
