/**
 * Sections about cost: time per phase, layers and plan. May import the report's own modules.
 */

import { bytes, integer, NONE, percent, si } from './format.ts';
import { type Html, html } from './html.ts';
import type { ReportData, ReportLayer } from './types.ts';

/** Colours of the phases in the style sheet (`--phase-0` ...), used in turn. */
export const PHASE_COLORS = 7;

/** Section "Time". */
export function timeSection({ phases, adapter }: ReportData): Html {
  const total = phases.reduce((sum, phase) => sum + phase.seconds, 0);
  const share = (seconds: number) => (total > 0 ? seconds / total : 0);
  const color = (i: number) => `var(--phase-${i % PHASE_COLORS})`;
  const text = phases.map((phase) => `${phase.name} ${percent(share(phase.seconds), 0)}`).join(', ');
  const bar = phases.map(
    (phase, i) => html`<i style="width:${(share(phase.seconds) * 100).toFixed(3)}%;background:${color(i)}"></i>`,
  );
  const rows = phases.map(
    (phase, i) =>
      html`<tr><th scope="row"><i class="swatch" style="background:${color(i)}" aria-hidden="true"></i>${phase.name}</th><td>${seconds(phase.seconds)}</td><td>${percent(share(phase.seconds), 1)}</td></tr>`,
  );
  const table = html`<div class="phase-bar" role="img" aria-label="Share of the time: ${text}">${bar}</div>
<table class="data">
<caption>Wall-clock time${adapter.software ? ', software adapter' : ''}.</caption>
<thead><tr><th scope="col">Phase</th><th scope="col">Seconds</th><th scope="col">Share</th></tr></thead>
<tbody>${rows}</tbody>
<tfoot><tr><th scope="row">Total</th><td>${seconds(total)}</td><td>${total > 0 ? '100.0%' : NONE}</td></tr></tfoot></table>`;
  return html`<section id="time" aria-labelledby="time-h">
<h2 id="time-h">Time per phase</h2>
${phases.length > 0 ? table : html`<p class="empty">No time was measured.</p>`}
</section>`;
}

/** Section "Model": layers and plan. */
export function modelSection(data: ReportData): Html {
  const plan = [['Dispatches per training step', integer(data.dispatchesPerStep)] as const, ...(data.plan ?? [])];
  return html`<section id="model" aria-labelledby="model-h">
<h2 id="model-h">Model and plan</h2>
${data.layers.length > 0 ? layerTable(data.layers, data.layersPer) : html`<p class="empty">No layers.</p>`}
<h3>Plan</h3>
<dl class="settings">${plan.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</section>`;
}

function layerTable(layers: readonly ReportLayer[], per: string): Html {
  const total = (value: (layer: ReportLayer) => number) => layers.reduce((sum, layer) => sum + value(layer), 0);
  const rows = layers.map(
    (layer) =>
      html`<tr><th scope="row">${layer.name}</th><td class="text">${layer.type}</td><td>${layer.outputShape.join(' × ')}</td><td>${integer(layer.parameters)}</td><td>${si(layer.flops)}</td><td>${bytes(layer.bytes)}</td></tr>`,
  );
  return html`<div class="scroll" role="region" aria-label="Layers" tabindex="0"><table class="data">
<caption>FLOPs and bytes: ${per}.</caption>
<thead><tr><th scope="col">Layer</th><th scope="col" class="text">Type</th><th scope="col">Output shape</th><th scope="col">Parameters</th><th scope="col">FLOPs</th><th scope="col">Bytes</th></tr></thead>
<tbody>${rows}</tbody>
<tfoot><tr><th scope="row">Total</th><td></td><td></td><td>${integer(total((layer) => layer.parameters))}</td><td>${si(total((layer) => layer.flops))}</td><td>${bytes(total((layer) => layer.bytes))}</td></tr></tfoot>
</table></div>`;
}

function seconds(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)} s` : NONE;
}
