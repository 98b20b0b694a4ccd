/** Line charts on uPlot, which is loaded with the first data, that follow their data, their width and the theme. Imports theme. */
import { signal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { colorOf, themeChanges } from './theme.ts';

export interface Line {
  readonly label: string;
  /** A custom property of the style sheet. */
  readonly color: `--${string}`;
  readonly width?: number;
  readonly dash?: readonly number[];
  /** 0..1; default 1. */
  readonly alpha?: number;
  /** Draw a point where each value is; default false. */
  readonly points?: boolean;
}

export interface ChartProps {
  /** For screen readers: what the chart shows. */
  readonly label: string;
  readonly lines: readonly Line[];
  /** x and then one row for each line, all of the same length; null leaves a gap. Read when a signal that it reads changes. */
  data(): uPlot.AlignedData;
  readonly height?: number;
  readonly xLabel?: string;
  readonly yLabel: string;
  readonly logarithmic?: boolean;
  readonly yRange?: readonly [number | null, number | null];
  readonly format?: (value: number) => string;
}

/** uPlot, as soon as some chart has had something to draw. */
const library = signal<typeof uPlot | null>(null);
let asked = false;

function load(): void {
  if (asked) return;
  asked = true;
  void import('uplot').then((module) => {
    library.value = module.default;
  });
}

export function Chart({
  label,
  lines,
  data,
  height = 220,
  xLabel = 'step',
  yLabel,
  logarithmic = false,
  yRange,
  format = String,
}: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);

  const make = (Plot: typeof uPlot): void => {
    plot.current?.destroy();
    const axis = {
      stroke: colorOf('--ink-soft'),
      grid: { stroke: colorOf('--line'), width: 1 },
      ticks: { show: false },
      font: '12px system-ui, sans-serif',
      labelFont: '12px system-ui, sans-serif',
    };
    plot.current = new Plot(
      {
        width: Math.max(200, box.current!.clientWidth),
        height,
        legend: { live: true },
        cursor: { drag: { x: false, y: false } },
        scales: {
          x: { time: false },
          y: {
            distr: logarithmic ? 3 : 1,
            ...(yRange && { range: (_, low, high) => [yRange[0] ?? low, yRange[1] ?? high] }),
          },
        },
        axes: [
          { ...axis, label: xLabel, labelSize: 22, size: 34 },
          {
            ...axis,
            label: yLabel,
            labelSize: 22,
            size: 56,
            values: (_, ticks) => ticks.map((tick) => (tick === null ? '' : format(tick))),
          },
        ],
        series: [
          { label: xLabel },
          ...lines.map(({ label: name, color, width = 2, dash, alpha = 1, points = false }) => ({
            label: name,
            stroke: colorOf(color),
            width,
            alpha,
            dash: dash ? [...dash] : undefined,
            points: { show: points, size: 6 },
            spanGaps: true,
            value: (_: uPlot, value: number | null) => (value === null || value === undefined ? '-' : format(value)),
          })),
        ],
      },
      data(),
      box.current!,
    );
  };

  useSignalEffect(() => {
    void themeChanges.value;
    const next = data();
    if (next[0].length > 0) load();
    if (library.value === null) return;
    // The theme may have changed as well as the data: colours are read when the plot is made.
    if (plot.current && plot.current.root.dataset.theme === String(themeChanges.peek())) plot.current.setData(next);
    else if (box.current) {
      make(library.value);
      plot.current!.root.dataset.theme = String(themeChanges.peek());
    }
  });

  useEffect(() => {
    const resize = new ResizeObserver(() => {
      const width = box.current?.clientWidth ?? 0;
      if (plot.current && width > 0 && width !== plot.current.width) plot.current.setSize({ width, height });
    });
    resize.observe(box.current!);
    return () => {
      resize.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);

  return (
    <div class="chart" ref={box} role="img" aria-label={label} style={{ minHeight: `${height}px` }}>
      {library.value === null ? <p class="hint">Nothing to draw yet.</p> : null}
    </div>
  );
}
