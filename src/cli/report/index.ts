/**
 * The training report: one HTML file that needs nothing else. May import the report's own modules.
 */

import { loadChartDrawer } from './chart.ts';
import { confusionSection } from './confusion-table.ts';
import { modelSection, timeSection } from './cost.ts';
import { curvesSection } from './curves.ts';
import { headerSection } from './header.ts';
import { html, raw } from './html.ts';
import { loadPngEncoder } from './images.ts';
import { filtersSection, mistakesSection } from './pictures.ts';
import { STYLE } from './style.ts';
import type { ReportData } from './types.ts';

export { type ConfusedPair, confusedPairs, confusionMatrix, type Mistake, worstMistakes } from './confusion.ts';
export type * from './types.ts';

/** Forbids every request: what the page shows is inside it. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/** The report on a training run as one HTML document; the same data gives the same text. */
export async function renderReport(data: ReportData): Promise<string> {
  const [draw, encode] = await Promise.all([loadChartDrawer(), loadPngEncoder()]);
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${raw(POLICY)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${data.title} · gabor training report</title>
<link rel="icon" href="data:,">
<style>${raw(STYLE)}</style>
</head>
<body>
<div class="page">
${headerSection(data)}
<main>
${curvesSection(data, draw)}
${confusionSection(data)}
${mistakesSection(data, encode)}
${filtersSection(data, encode)}
${timeSection(data)}
${modelSection(data)}
</main>
<footer>Written by gabor. This file is complete: it loads nothing.</footer>
</div>
</body>
</html>
`.text;
}
