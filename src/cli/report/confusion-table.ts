/**
 * Section "Confusion": the matrix as a coloured table, and the pairs confused most. May import the report's own modules.
 */

import { confusedPairs } from './confusion.ts';
import { integer, NONE, percent } from './format.ts';
import { type Html, html } from './html.ts';
import type { ReportConfusion, ReportData } from './types.ts';

/** Names longer than this stand upright above their column. */
const LONG_NAME = 3;

/** The section. */
export function confusionSection({ confusion, heldOut = 'test' }: ReportData): Html | null {
  if (!confusion) return null;
  return html`<section id="confusion" aria-labelledby="confusion-h">
<h2 id="confusion-h">Confusion matrix</h2>
<div class="columns uneven">
${matrix(confusion, heldOut)}
${pairs(confusion)}
</div>
</section>`;
}

function matrix(confusion: ReportConfusion, heldOut: string): Html {
  const { classes, counts } = confusion;
  const totals = counts.map(sum);
  const predicted = classes.map((_, c) => sum(counts.map((row) => row[c] ?? 0)));
  const hits = classes.map((_, c) => counts[c]?.[c] ?? 0);
  const worst = worstShare(counts, totals);
  const upright = classes.some((name) => name.length > LONG_NAME) ? 'upright' : '';
  const rows = counts.map((row, r) => {
    const cells = row.map((count, c) => cell(count, totals[r] ?? 0, { diagonal: r === c, worst }));
    return html`<tr><th scope="row">${classes[r] ?? r}</th>${cells}<td class="edge">${ratio(hits[r] ?? 0, totals[r] ?? 0)}</td></tr>`;
  });
  const precision = classes.map((_, c) => html`<td class="edge">${ratio(hits[c] ?? 0, predicted[c] ?? 0)}</td>`);
  return html`<div><div class="scroll" role="region" aria-label="Confusion matrix" tabindex="0"><table class="matrix ${upright}">
<caption>${integer(sum(totals))} ${heldOut} images. Row: true class; column: predicted class. Recall and precision in %.</caption>
<colgroup><col class="name"><col span="${classes.length}"><col class="total"></colgroup>
<thead><tr><td></td>${classes.map((name) => html`<th scope="col"><span>${name}</span></th>`)}<th scope="col" class="edge"><span>recall</span></th></tr></thead>
<tbody>${rows}</tbody>
<tfoot><tr><th scope="row" class="edge">precision</th>${precision}<td class="edge"><strong>${ratio(sum(hits), sum(totals))}</strong></td></tr></tfoot>
</table></div>
<ul class="legend">
<li><i class="ramp right" aria-hidden="true"></i>correct, 0 to 100% of the row</li>
<li><i class="ramp wrong" aria-hidden="true"></i>wrong, 0 to ${percent(worst, 1)} of the row (square-root scale)</li>
</ul></div>`;
}

/** One count; the colour's strength is the share of its row, for wrong ones relative to the worst share. */
function cell(count: number, total: number, scale: { readonly diagonal: boolean; readonly worst: number }): Html {
  const share = total > 0 ? count / total : 0;
  const strength = scale.diagonal ? share : Math.sqrt(scale.worst > 0 ? share / scale.worst : 0);
  const strong = strength > 0.8 ? ' strong' : '';
  if (count === 0) return html`<td class="zero">0</td>`;
  return html`<td class="${scale.diagonal ? 'right' : 'wrong'}${strong}" style="--t:${Math.round(strength * 100)}%">${count}</td>`;
}

function pairs(confusion: ReportConfusion): Html {
  const { classes, counts } = confusion;
  const list = confusedPairs(confusion, 8);
  if (list.length === 0)
    return html`<div><h3>Confused most</h3><p class="empty">No image was classified wrongly.</p></div>`;
  const rows = list.map(({ label, predicted, count }) => {
    const share = percent(count / sum(counts[label] ?? []), 1);
    return html`<tr><th scope="row">${classes[label] ?? label} <span class="muted">taken for</span> ${classes[predicted] ?? predicted}</th><td>${integer(count)}</td><td>${share}</td></tr>`;
  });
  return html`<div><h3>Confused most</h3><table class="data">
<caption>Share is of the true class.</caption>
<thead><tr><th scope="col">Pair</th><th scope="col">Images</th><th scope="col">Share</th></tr></thead>
<tbody>${rows}</tbody></table></div>`;
}

function worstShare(counts: ReportConfusion['counts'], totals: readonly number[]): number {
  const shares = counts.flatMap((row, r) => row.map((count, c) => (r === c || !totals[r] ? 0 : count / totals[r])));
  return Math.max(0, ...shares);
}

function ratio(part: number, whole: number): string {
  return whole > 0 ? ((part / whole) * 100).toFixed(1) : NONE;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
