/**
 * Head of the report: title, adapter, date, headline figures, command and settings. May import the report's own modules.
 */

import { duration, integer, loss, percent, utcDate } from './format.ts';
import { type Html, html } from './html.ts';
import type { ReportData } from './types.ts';

/** The head. */
export function headerSection(data: ReportData): Html {
  const { adapter } = data;
  const badge = adapter.software
    ? html`<span class="badge software">Software adapter</span>`
    : html`<span class="badge">GPU</span>`;
  const notice = html`<p class="notice"><strong>Computed on the CPU</strong> by a software adapter: the results are valid, the times say nothing about a GPU.</p>`;
  return html`<header>
<p class="eyebrow">gabor training report</p>
<h1>${data.title}</h1>
<p class="meta">${badge} <span>${adapter.name}</span>${adapter.driver ? html` <span class="muted">${adapter.driver}</span>` : null} <time datetime="${data.date}">${utcDate(data.date)}</time></p>
${adapter.software ? notice : null}
${figures(data)}
<div class="repeat">
<h2 class="small" id="repeat-h">To repeat this run</h2>
<pre aria-labelledby="repeat-h" tabindex="0"><code>${data.command}</code></pre>
<dl class="settings">${data.settings.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>
</div>
</header>`;
}

function figures({ headline, heldOut = 'test' }: ReportData): Html {
  const items: readonly [name: string, value: number | null, format: (value: number) => string][] = [
    [`${heldOut} accuracy`, headline.accuracy, percent],
    [`${heldOut} loss`, headline.loss, loss],
    ['training time', headline.trainingSeconds, duration],
    ['images per second', headline.imagesPerSecond, integer],
    ['parameters', headline.parameters, integer],
  ];
  return html`<dl class="figures">${items.map(([name, value, format]) =>
    value === null ? null : html`<div><dt class="cap">${name}</dt><dd>${format(value)}</dd></div>`,
  )}</dl>`;
}
