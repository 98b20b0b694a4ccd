/** A layer's outputs: how they were spread at each look, and how they are now. Imports state, strip, ui. */
import { computed } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { percent, short } from '../../ui/format.ts';
import { colorOf } from '../../ui/theme.ts';
import { useWidth } from '../../ui/width.ts';
import { symlog } from './look.ts';
import type { Spread, Stage, StageLook } from './protocol.ts';
import { lookCount, looks, MOST_LOOKS } from './state.ts';
import { bytesOf, ROWS, rowsOf, stripPixels } from './strip.ts';

/** Small pictures stay away from the GPU, which is busy with training. */
const IN_MEMORY: CanvasRenderingContext2DSettings = { willReadFrequently: true };

const HEIGHT = 56;
/** Room for the values at the left, and for what is now at the right; px. */
const LEFT = 26;
const NOW = 64;
const GAP = 6;
/** Looks that there is room for at first; more narrow the columns. */
const FEWEST = 20;

/** Values that are written beside the strip. */
const ticksOf = ({ low, high }: Spread): readonly number[] =>
  low < 0 ? [low, 0, high] : [low, high / (high > 1 ? 10 : 2), high];

/** Asked for once, since each answer costs a layout. */
const palette = computed(() => ({
  paper: colorOf('--paper'),
  data: colorOf('--train'),
  soft: colorOf('--ink-soft'),
}));

interface Style {
  readonly width: number;
  readonly colors: typeof palette.value;
}

function paint(canvas: HTMLCanvasElement, spreads: readonly Spread[], { width, colors }: Style): void {
  const ratio = devicePixelRatio;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(HEIGHT * ratio);
  const brush = canvas.getContext('2d', IN_MEMORY)!;
  brush.scale(ratio, ratio);
  const last = spreads.at(-1);
  const strip = { x: LEFT, width: width - LEFT - NOW - GAP };
  brush.fillStyle = colors.paper;
  brush.fillRect(strip.x, 0, strip.width, HEIGHT);
  brush.fillRect(width - NOW, 0, NOW, HEIGHT);
  if (!last) return;
  const columns = Math.min(MOST_LOOKS, Math.max(FEWEST, spreads.length));
  const picture = new OffscreenCanvas(columns, ROWS);
  const pixels = stripPixels(spreads, { columns, color: bytesOf(colors.data) });
  picture.getContext('2d', IN_MEMORY)!.putImageData(new ImageData(pixels, columns, ROWS), 0, 0);
  brush.imageSmoothingEnabled = false;
  brush.drawImage(picture, strip.x, 0, strip.width, HEIGHT);
  const rows = rowsOf(last);
  const largest = Math.max(...rows);
  brush.fillStyle = colors.data;
  rows.forEach((share, row) => {
    const length = largest > 0 ? NOW * Math.sqrt(share / largest) : 0;
    brush.fillRect(width - NOW, (row * HEIGHT) / ROWS, length, HEIGHT / ROWS + 0.3);
  });
  const place = (value: number): number =>
    (HEIGHT * (symlog(last.high) - symlog(value))) / (symlog(last.high) - symlog(last.low));
  brush.fillStyle = colors.soft;
  brush.font = '10px system-ui, sans-serif';
  brush.textAlign = 'right';
  brush.textBaseline = 'middle';
  for (const tick of ticksOf(last))
    brush.fillText(short(tick), LEFT - 4, Math.min(HEIGHT - 5, Math.max(6, place(tick))));
}

function described({ watched }: Stage, look: StageLook | undefined): string {
  if (!look) return `Outputs of ${watched}: none yet`;
  const broken = look.nonFinite > 0 ? `, ${percent(look.nonFinite)} are infinite or no number` : '';
  return `Outputs of ${watched}: mean ${short(look.mean)}, standard deviation ${short(look.std)}${broken}`;
}

export function Outputs({ stage, index }: { stage: Stage; index: number }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { element, width } = useWidth<HTMLDivElement>();
  const count = lookCount.value;
  const colors = palette.value;
  useEffect(() => {
    if (!canvas.current || width < LEFT + NOW) return;
    const spreads = looks.flatMap((look) => look.stages[index]?.spread ?? []);
    paint(canvas.current, spreads, { width, colors });
  }, [count, width, colors, index]);
  return (
    <div class="health-outputs" ref={element}>
      <canvas
        ref={canvas}
        role="img"
        aria-label={described(stage, looks.at(-1)?.stages[index])}
        title={described(stage, looks.at(-1)?.stages[index])}
      />
    </div>
  );
}
