/**
 * Sections with pictures: the kernels of the first layer and the most confident mistakes. May import the report's own
 * modules.
 */

import { integer, percent } from './format.ts';
import { type Html, html } from './html.ts';
import { divergingPicture, type PngEncoder } from './images.ts';
import type { ReportData, ReportFilters, ReportMistake } from './types.ts';

/** More kernels or input channels than these are not drawn. */
const MAX_FILTERS = 64;
const MAX_CHANNELS = 3;

/** Section "First-layer filters". */
export function filtersSection({ filters }: ReportData, encode: PngEncoder): Html | null {
  if (!filters) return null;
  const [out, input, kh, kw] = filters.shape;
  const limit = filters.data.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  );
  const channels = Math.min(input, MAX_CHANNELS);
  const shown = Math.min(out, MAX_FILTERS);
  const parts = [
    `${integer(out)} kernels of ${kh} × ${kw} from layer ${filters.layer}, one colour scale for all`,
    shown < out ? `the first ${shown} are shown` : '',
    channels > 1
      ? `side by side: ${input === 3 ? 'red, green and blue input' : `the first ${channels} of ${input} inputs`}`
      : '',
  ];
  const size = limit.toPrecision(2);
  return html`<section id="filters" aria-labelledby="filters-h">
<h2 id="filters-h">First-layer filters</h2>
<p>${parts.filter((part) => part !== '').join('; ')}.</p>
<p class="scale"><span>−${size}</span><i class="ramp diverging" role="img" aria-label="Colour scale from blue, negative, to orange, positive; zero has no colour."></i><span>+${size}</span></p>
<ol class="filters channels-${channels}" start="0">${Array.from({ length: shown }, (_, k) => filter(filters, { k, channels, limit }, encode))}</ol>
</section>`;
}

function filter(
  { shape: [, input, kh, kw], data }: ReportFilters,
  { k, channels, limit }: { readonly k: number; readonly channels: number; readonly limit: number },
  encode: PngEncoder,
): Html {
  const pictures = Array.from({ length: channels }, (_, c) => {
    const start = (k * input + c) * kh * kw;
    const url = encode(divergingPicture(data.subarray(start, start + kh * kw), kw, kh, limit));
    return html`<img src="${url}" width="${kw}" height="${kh}" alt="Kernel ${k}${channels > 1 ? `, input ${c}` : ''}">`;
  });
  return html`<li><div>${pictures}</div><span>${k}</span></li>`;
}

/** Section "Most confident mistakes". */
export function mistakesSection(data: ReportData, encode: PngEncoder): Html {
  const heldOut = data.heldOut ?? 'test';
  const list = html`<ol class="mistakes">${data.mistakes.map((mistake) => card(mistake, data, encode))}</ol>`;
  return html`<section id="mistakes" aria-labelledby="mistakes-h">
<h2 id="mistakes-h">Most confident mistakes</h2>
${
  data.mistakes.length > 0
    ? html`<p>Wrongly classified ${heldOut} images with the highest predicted probability; the three most probable classes of each.</p>${list}`
    : html`<p class="empty">No mistakes to show.</p>`
}
</section>`;
}

function card(mistake: ReportMistake, { confusion, heldOut = 'test' }: ReportData, encode: PngEncoder): Html {
  const name = (index: number) => confusion?.classes[index] ?? String(index);
  const { index, label, predicted, image, width, height, channels } = mistake;
  const ranked = Array.from({ length: mistake.probabilities.length }, (_, c) => ({
    c,
    p: mistake.probabilities[c] ?? 0,
  }));
  const top = ranked.toSorted((a, b) => b.p - a.p).slice(0, 3);
  const alt = `Image ${index} of the ${heldOut} set: true ${name(label)}, predicted ${name(predicted)}`;
  const bars = top.map(({ c, p }) => {
    const kind = c === label ? 'right' : c === predicted ? 'wrong' : '';
    return html`<li class="${kind}"><span class="name">${name(c)}</span><i aria-hidden="true"><b style="width:${barWidth(p)}%"></b></i><span>${p > 0 && p < 0.0005 ? '<0.1%' : percent(p, 1)}</span></li>`;
  });
  return html`<li>
<img src="${encode({ data: image, width, height, channels })}" width="${width}" height="${height}" alt="${alt}">
<p><span>true <strong class="true">${name(label)}</strong></span> <span>predicted <strong class="predicted">${name(predicted)}</strong></span></p>
<ul class="bars" aria-label="Most probable classes">${bars}</ul>
<p class="muted index">#${integer(index)} · ${percent(mistake.probabilities[predicted] ?? Number.NaN, 2)}</p>
</li>`;
}

function barWidth(share: number): number {
  return Number.isFinite(share) ? Math.round(Math.min(1, Math.max(0, share)) * 1000) / 10 : 0;
}
