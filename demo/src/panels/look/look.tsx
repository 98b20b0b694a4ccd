/** Panel "Look inside": every layer's maps and filters for one digit, live from the GPU's buffers. Imports state, ui, its own parts. */
import './look.css';
import { useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { attempt, digit, historyLength, model, ready } from '../../state.ts';
import { Code } from '../../ui/code.tsx';
import { isDark } from '../../ui/theme.ts';
import { useVisible } from '../../ui/visible.ts';
import { DigitView, takeTestDigit } from './digit-view.tsx';
import { LayerRow } from './layer-row.tsx';
import { Unit } from './unit.tsx';
import { draw, onScreen, rows } from './view.ts';

function Legend() {
  return (
    <p class="look-legend soft">
      <span>below zero</span>
      <i aria-hidden="true" />
      <span>above zero</span>
      <span>Each layer's maps, and its filters, by their own largest value.</span>
    </p>
  );
}

function codeFor(layer: string): string {
  return `
const inspector = gabor.inspect(trainer);
// Left on the GPU: bind these buffers in your own shaders; element [n, c, y, x] is at the strides' sum.
const maps = await inspector.onGpu(image, ['${layer}']);
const { buffer, offset, bytes, shape, strides } = maps.get('${layer}');
const filters = inspector.weightsOnGpu(['${layer}.weight']);
// Read back as row-major numbers.
const numbers = await inspector.activations(image, ['${layer}']);
// Which pixels speak for a 7.
const { map } = await inspector.gradCam(image, { classes: 7, normalize: true });
inspector.dispose();
`;
}

export default function Look() {
  const visible = useVisible();
  useEffect(() => {
    onScreen.value = visible;
  }, [visible]);
  // Anything that changes the picture asks for another one.
  useSignalEffect(() => {
    void [digit.value, historyLength.value, model.value, isDark()];
    if (onScreen.value) draw();
  });
  // Once, where nobody has chosen a digit yet: a wiped pad stays empty.
  const begun = useRef(false);
  useSignalEffect(() => {
    if (begun.current || !onScreen.value || !ready.value) return;
    begun.current = true;
    if (!digit.value) void attempt(() => takeTestDigit(7));
  });
  return (
    <>
      <p class="lead">
        What the network makes of one digit, layer by layer, while it learns. Point at a map, a filter or a cell, or
        walk through them with the arrow keys (with Shift: over the pixels of a map), to see what feeds it.
      </p>
      <Legend />
      <div class="look-grid">
        <DigitView />
        <div class="look-rows">
          <div class="look-scroll">
            {rows.value.map((row) => (
              <LayerRow key={`${row.index} ${row.name}`} row={row} />
            ))}
          </div>
        </div>
        <Unit />
      </div>
      <Code>{codeFor(rows.value[0]?.name ?? 'conv1')}</Code>
    </>
  );
}
