/** Panel "Convolution, step by step": a window slides over the digit, and every number of it is shown. Imports state, ui, its own parts. */
import './convolution.css';
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { attempt, digit, historyLength, lab, model, ready } from '../../state.ts';
import { Code } from '../../ui/code.tsx';
import { useVisible } from '../../ui/visible.ts';
import { codeOf } from './code-of.ts';
import { Controls } from './controls.tsx';
import { Figures } from './figures.tsx';
import { Numbers } from './grids.tsx';
import { compute, image, onScreen, problem, readFilters, settings } from './view.ts';

/** A digit to begin with, where nobody has chosen one. */
async function takeDigit(): Promise<void> {
  const { pixels } = await lab.panels.draw.next(null);
  digit.value ??= pixels;
}

export default function Convolution() {
  const visible = useVisible();
  useEffect(() => {
    onScreen.value = visible;
  }, [visible]);
  useSignalEffect(() => {
    void [problem.value, model.value];
    if (onScreen.value && ready.value) compute();
  });
  useSignalEffect(() => {
    void [historyLength.value, model.value];
    if (onScreen.value && ready.value) readFilters();
  });
  const begun = useRef(false);
  useSignalEffect(() => {
    if (begun.current || !onScreen.value || !ready.value) return;
    begun.current = true;
    if (!digit.value) void attempt(takeDigit);
  });
  const { rows, columns } = image.value;
  return (
    <>
      <p class="lead">
        A window slides over the image. At every place its numbers are multiplied by those of a filter and added up, or
        the largest or their average is taken: one pixel of the output. Type over the filter, or take one that the
        network is learning just now.
      </p>
      <div class="conv-grid">
        <Controls />
        <div class="conv-stage">
          <Figures />
          <Numbers />
        </div>
      </div>
      <Code>{codeOf(settings.value, [rows, columns])}</Code>
    </>
  );
}
