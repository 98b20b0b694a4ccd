/** The digit with Grad-CAM or saliency over it, the receptive field of the chosen unit, and which digit it is. Imports view, state, ui. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { attempt, lab, probabilities, showTestImage } from '../../state.ts';
import { Select } from '../../ui/fields.tsx';
import { percent, short } from '../../ui/format.ts';
import { overlay } from '../../ui/heat.ts';
import { latest } from '../../ui/latest.ts';
import { receptiveField } from './field.ts';
import type { Explained, Explanation } from './part.ts';
import { chosen, drawn, feeds, look, onScreen, rows, shownDigit } from './view.ts';

const SIDE = 28;
const EXPLAIN_MS = 500;
const DIGITS = Array.from({ length: 10 }, (_, i) => i);
const PREDICTED = -1;
const LAST_LAYER = '';

export async function takeTestDigit(label: number): Promise<void> {
  showTestImage(await lab.panels.draw.next(label));
}

function TestDigits() {
  return (
    <fieldset class="look-take">
      <legend>Another test image of a</legend>
      {DIGITS.map((label) => (
        <button
          key={label}
          type="button"
          aria-label={`Another test image of a ${label}`}
          onClick={() => attempt(() => takeTestDigit(label))}
        >
          {label}
        </button>
      ))}
    </fieldset>
  );
}

const share = (pixels: number): string => `${(100 * pixels) / SIDE}%`;

/** Outlines of what the chosen pixel sees, or of the pixels that feed a unit most. What lies in the padding is cut off. */
function Fields() {
  const now = chosen.value;
  const { row, of } = feeds.value;
  const strongest = row === null ? of.flatMap(({ region }) => region ?? []) : [];
  const regions = now?.pixel ? [receptiveField(rows.value, now)] : strongest;
  return (
    <>
      {regions.map(({ y0, x0, y1, x1 }) => (
        <i
          key={`${y0} ${x0}`}
          class="region"
          style={{ left: share(x0), top: share(y0), width: share(x1 - x0), height: share(y1 - y0) }}
        />
      ))}
    </>
  );
}

function caption(way: Explanation, { label, map }: Explained): string {
  if (way === 'saliency') return `Saliency: the score of ${label} hangs on the orange pixels most`;
  return `Grad-CAM: ${map ? 'what is orange' : 'nothing here'} speaks for ${label}`;
}

export function DigitView() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const kind = useSignal<Explanation | 'none'>('gradCam');
  const label = useSignal(PREDICTED);
  const layer = useSignal(LAST_LAYER);
  const answer = useSignal<(Explained & { readonly of: Uint8Array }) | null>(null);
  // An answer about the digit before is none.
  const explained = useComputed(() => (answer.value?.of === shownDigit.value ? answer.value : null));
  const layers = rows.value.filter(({ kind: of }) => of === 'conv').map(({ name }) => name);
  const used = kind.value === 'gradCam' && layers.length === 0 ? 'saliency' : kind.value;
  const at = layers.includes(layer.value) ? layer.value : LAST_LAYER;

  const asked = useRef({ used, at });
  asked.current = { used, at };
  const explain = useMemo(
    () =>
      latest(async () => {
        const { used: how, at: where } = asked.current;
        const pixels = shownDigit.peek();
        if (how === 'none' || !onScreen.peek()) return;
        const request = { digit: pixels, kind: how, label: label.peek() === PREDICTED ? null : label.peek() };
        const result = await look.explain({ ...request, layer: where || null });
        if (result && asked.current.used === how) answer.value = { ...result, of: pixels };
      }, EXPLAIN_MS),
    [],
  );
  useSignalEffect(() => {
    void [drawn.value, label.value];
    explain();
  });
  useEffect(() => {
    answer.value = null;
    explain();
  }, [used, at]);
  useSignalEffect(() => {
    const pixels = overlay(shownDigit.value, explained.value?.map ?? null);
    canvas.current!.getContext('2d')!.putImageData(new ImageData(pixels, SIDE, SIDE), 0, 0);
  });

  const predicted = probabilities.value?.reduce((best, p, i, all) => (p > all[best]! ? i : best), 0);
  const of = explained.value;
  const seen = of && used !== 'none' ? caption(used, of) : 'The digit';
  return (
    <div class="look-digit">
      <div class="look-frame">
        <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={seen} />
        <Fields />
      </div>
      <div class="look-controls">
        <p class="look-verdict">
          {predicted === undefined ? (
            'Not read yet'
          ) : (
            <>
              Read as <strong>{predicted}</strong>, {percent(probabilities.value![predicted]!, 0)}
            </>
          )}
        </p>
        <Select
          label="Over the digit"
          value={used}
          options={[
            ...(layers.length > 0 ? ([['gradCam', 'Grad-CAM']] as const) : []),
            ['saliency', 'Saliency'],
            ['none', 'Nothing'],
          ]}
          onChange={(next) => (kind.value = next)}
        />
        <Select
          label="Speaks for class"
          value={label.value}
          disabled={used === 'none'}
          options={[[PREDICTED, 'the one it reads'], ...DIGITS.map((k) => [k, `${k}`] as const)]}
          onChange={(next) => (label.value = next)}
        />
        {used === 'gradCam' && (
          <Select
            label="Seen by layer"
            value={at}
            options={[
              [LAST_LAYER, `${layers.at(-1)} (the last)`],
              ...layers.slice(0, -1).map((name) => [name, name] as const),
            ]}
            onChange={(next) => (layer.value = next)}
          />
        )}
      </div>
      <p class="look-caption soft">
        {used === 'none' ? 'The digit alone.' : `${seen}${of ? ` (score ${short(of.score)})` : ''}.`}
      </p>
      <TestDigits />
    </div>
  );
}
