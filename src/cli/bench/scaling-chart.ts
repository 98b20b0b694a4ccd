/** A curve beside its straight line through the origin, as an SVG file. May import Observable Plot and linkedom (dynamically), cli/report. */
import { escapeHtml } from '../report/html.ts';
import { logTicks } from '../report/series.ts';

export interface ScalingChart {
  /** What the y axis shows, with its unit. */
  readonly title: string;
  readonly adapter: string;
  readonly xLabel: string;
  readonly yFormat: (value: number) => string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** y of the line at x = 1. */
  readonly slope: number;
}

const [BLUE, GREY, INK] = ['#0072b2', '#8a929c', '#1a1f26'];

/** Loads the libraries; the drawer gives the text of an SVG file. Both axes are logarithmic: the line rises by one decade in one. */
export async function loadScalingChart(): Promise<(chart: ScalingChart) => string> {
  const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom/worker')]);
  const { document } = parseHTML('<!doctype html><html><body></body></html>');
  return ({ title, adapter, xLabel, yFormat, points, slope }) => {
    const xs = points.map(({ x }) => x);
    const [low, high] = [Math.min(...xs), Math.max(...xs)];
    const line = [low, high].map((x) => ({ x, y: slope * x }));
    const ys = [...points, ...line].map(({ y }) => y);
    const y = [Math.min(...ys) / 1.3, Math.max(...ys) * 1.3] as const;
    const figure = plot.plot({
      ...{ document, width: 640, height: 400, marginLeft: 64, marginRight: 20, marginTop: 56, marginBottom: 44 },
      style: { background: 'white', color: INK, fontFamily: 'system-ui, sans-serif', fontSize: '12px' },
      x: { type: 'log', domain: [low / 1.1, high * 1.1], label: null },
      y: { type: 'log', domain: [...y], label: null },
      marks: [
        plot.gridY(logTicks(...y), { stroke: '#e2e4e8', strokeOpacity: 1 }),
        plot.axisY(logTicks(...y), { text: yFormat, tickSize: 0, label: null }),
        plot.axisX(logTicks(low, high), {
          text: (v: number) => v.toLocaleString('en'),
          label: xLabel,
          labelArrow: 'none',
        }),
        plot.lineY(line, { x: 'x', y: 'y', stroke: GREY, strokeWidth: 1.5, strokeDasharray: '5 4' }),
        plot.lineY(points, { x: 'x', y: 'y', stroke: BLUE, strokeWidth: 2 }),
        plot.dot(points, { x: 'x', y: 'y', fill: BLUE, r: 3.5 }),
        plot.text([title], { frameAnchor: 'top-left', dy: -48, fontSize: 14, fontWeight: '600' }),
        plot.text([`${adapter}; dashed: proportional, a straight line through the origin`], {
          ...{ frameAnchor: 'top-left', dy: -28, fill: '#5c6672' },
        }),
      ],
    });
    const attributes = `xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${escapeHtml(title)}"`;
    return `${figure.outerHTML.replace(/ xmlns(:xlink)?="[^"]*"/g, '').replace(/^<svg/, () => `<svg ${attributes}`)}\n`;
  };
}
