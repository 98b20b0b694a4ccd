/**
 * One line chart as an SVG string, drawn by Observable Plot on a linkedom document.
 * May import those two (dynamically: only a report needs them) and the report's own modules.
 */

import { integer } from './format.ts';
import { escapeHtml } from './html.ts';
import { integerTicks, linearTicks, logTicks, type Point, thinByRange, thinEvenly } from './series.ts';

/** What a chart shows. */
export interface ChartSpec {
  /** Distinguishes the identifiers inside the SVG from those of other charts. */
  readonly id: string;
  /** Text alternative. */
  readonly label: string;
  readonly xLabel: string;
  readonly yLabel: string;
  readonly yType: 'linear' | 'log';
  readonly yDomain: readonly [low: number, high: number];
  readonly yFormat: (value: number) => string;
  readonly xMax: number;
  /** Training, one value per step: thin. */
  readonly raw: readonly Point[];
  /** Training, running mean: strong. */
  readonly smooth: readonly Point[];
  /** Held-out set: points joined by a line. */
  readonly heldOut: readonly Point[];
}

/** Draws a chart in a size. */
export type ChartDrawer = (spec: ChartSpec, width: number, height: number) => string;

type Plot = typeof import('@observablehq/plot');

/** Loads the libraries. */
export async function loadChartDrawer(): Promise<ChartDrawer> {
  const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom/worker')]);
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  return (spec, width, height) => draw(plot, document, spec, width, height);
}

function draw(plot: Plot, document: Document, spec: ChartSpec, width: number, height: number): string {
  const ticks = spec.yType === 'log' ? logTicks(...spec.yDomain) : linearTicks(...spec.yDomain, height / 55);
  const figure = plot.plot({
    document,
    width,
    height,
    marginLeft: 46,
    marginRight: 14,
    marginTop: 26,
    marginBottom: 38,
    className: 'plot',
    x: { domain: [0, spec.xMax], label: null },
    y: { type: spec.yType, domain: [...spec.yDomain], label: null },
    marks: [
      plot.gridY(ticks, { stroke: 'var(--grid)', strokeOpacity: 1 }),
      plot.axisY(ticks, { text: spec.yFormat, tickSize: 0, label: spec.yLabel, labelArrow: 'none' }),
      plot.axisX({
        ticks: integerTicks(spec.xMax, width / 95),
        tickFormat: integer,
        tickSize: 4,
        label: spec.xLabel,
        labelArrow: 'none',
      }),
      ...marks(plot, spec, width),
    ],
  });
  // Not through linkedom, which leaves < and & in attributes as they are.
  const attributes = `role="img" aria-label="${escapeHtml(spec.label)}"`;
  return tidy(figure.outerHTML, spec.id).replace(/^<svg/, () => `<svg ${attributes}`);
}

function marks(plot: Plot, spec: ChartSpec, width: number) {
  const at = { x: 'x', y: 'y', clip: true } as const;
  const raw = thinByRange(spec.raw, Math.round(width * 0.6));
  const smooth = thinEvenly(spec.smooth, Math.round(width * 0.6));
  const few = spec.raw.length <= 40;
  return [
    plot.ruleX(spec.heldOut, { x: 'x', stroke: 'var(--grid)', strokeDasharray: '2 3' }),
    plot.lineY(raw, { ...at, stroke: 'var(--train)', strokeWidth: 0.8, strokeOpacity: 0.38 }),
    few ? plot.dot(spec.raw, { ...at, fill: 'var(--train)', r: 2.5 }) : null,
    plot.lineY(smooth, { ...at, stroke: 'var(--train)', strokeWidth: 2 }),
    plot.lineY(spec.heldOut, { ...at, stroke: 'var(--held-out)', strokeWidth: 1.5 }),
    plot.dot(spec.heldOut, { x: 'x', y: 'y', fill: 'var(--held-out)', stroke: 'var(--surface)', r: 4.5 }),
  ];
}

/** Plot's style sheet out (the page has its own), identifiers the same in every run, coordinates short. */
function tidy(svg: string, id: string): string {
  const names = new Map<string, string>();
  return svg
    .replace(/<style>[\s\S]*?<\/style>/g, '')
    .replace(/plot-clip-\d+/g, (name) => {
      if (!names.has(name)) names.set(name, `${id}-clip-${names.size}`);
      return names.get(name) ?? name;
    })
    .replace(/="[^"]*"/g, (value) =>
      value.replace(/\d+\.\d{3,}/g, (number) => String(Number(Number(number).toFixed(2)))),
    );
}
