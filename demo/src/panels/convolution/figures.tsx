/** The image and the output side by side, and what moves the window over them. Imports view, player, plane, pure parts. */
import { useEffect } from 'preact/hooks';
import { Slider } from '../../ui/fields.tsx';
import { useVisible } from '../../ui/visible.ts';
import { nearestOutput } from './geometry.ts';
import { inputExtent, paintInput, paintOutput } from './paint.ts';
import { Plane } from './plane.tsx';
import { afterKey, isFirst, isLast, moveBy, play, playing, run, speed } from './player.ts';
import { numberText, outputSizeText, placeText, sizeText } from './text.ts';
import { computedResult, goTo, place, settings, shown, step } from './view.ts';
import type { Place } from './window.ts';

function choose(next: Place): void {
  playing.value = false;
  goTo(next);
}

const paddingText = ([top, left, bottom, right]: readonly number[]): string => {
  if (top === left && top === bottom && top === right) return top === 0 ? 'no padding' : `padding ${top}`;
  return `padding ${top} above, ${left} left, ${bottom} below, ${right} right`;
};

function Input() {
  const { problem } = shown.value;
  const { rows, columns } = problem.axes;
  const [height, width] = inputExtent(problem);
  const padding = paddingText([rows.before, columns.before, rows.after, columns.after]);
  const { taps } = step.value;
  const [first, last] = [taps[0]!, taps.at(-1)!];
  const what = `${settings.value.input === 'digit' ? 'Digit' : 'Example'}, ${sizeText(rows.size, columns.size)}, ${padding}`;
  const window = `the window covers rows ${first.row + 1} to ${last.row + 1}, columns ${first.column + 1} to ${last.column + 1}`;
  return (
    <figure>
      <Plane
        label={`${what}: ${window}`}
        rows={height}
        columns={width}
        paint={(brush) => paintInput(brush, problem, place.value)}
        onPick={({ row, column }) =>
          choose({
            row: nearestOutput(rows, row - rows.before),
            column: nearestOutput(columns, column - columns.before),
          })
        }
      />
      <figcaption>{what}</figcaption>
    </figure>
  );
}

function Output() {
  const { problem, output } = shown.value;
  const { rows, columns } = problem.axes;
  const at = place.value;
  const index = at.row * columns.outputs + at.column;
  const value = computedResult.value;
  const text = `${placeText(at)}: ${value === null ? 'being computed' : numberText(value)}`;
  return (
    <figure>
      <div
        class="conv-output"
        role="slider"
        tabIndex={0}
        aria-label="Place in the output"
        aria-valuemin={1}
        aria-valuemax={rows.outputs * columns.outputs}
        aria-valuenow={index + 1}
        aria-valuetext={text}
        onKeyDown={(event) => {
          const next = afterKey(event.key, place.peek());
          if (!next) return;
          event.preventDefault();
          choose(next);
        }}
      >
        <Plane
          label={`Output, ${outputSizeText(problem.axes)}; ${text}`}
          rows={rows.outputs}
          columns={columns.outputs}
          paint={(brush) =>
            paintOutput(brush, problem, { output, place: at, upTo: playing.value ? index : Number.POSITIVE_INFINITY })
          }
          onPick={choose}
        />
      </div>
      <figcaption>Output, {outputSizeText(problem.axes)}, computed by the engine</figcaption>
    </figure>
  );
}

function Player() {
  const visible = useVisible();
  useEffect(() => (playing.value && visible ? run() : undefined), [playing.value, visible]);
  return (
    <div class="conv-player">
      <div class="buttons">
        <button
          type="button"
          class="primary"
          onClick={() => {
            if (playing.value) playing.value = false;
            else play();
          }}
        >
          {playing.value ? 'Pause' : 'Slide'}
        </button>
        <button type="button" disabled={playing.value || isFirst()} onClick={() => moveBy(-1)}>
          Back
        </button>
        <button type="button" disabled={playing.value || isLast()} onClick={() => moveBy(1)}>
          Step
        </button>
      </div>
      <Slider
        label="Speed"
        value={speed.value}
        min={1}
        max={60}
        unit="/ s"
        onChange={(value) => (speed.value = value)}
      />
      <p class="hint">Or press a pixel of either picture; in the output, arrow keys move the window.</p>
    </div>
  );
}

export function Figures() {
  return (
    <>
      <div class={`conv-figures ${settings.value.input}`}>
        <Input />
        <Output />
      </div>
      <Player />
    </>
  );
}
