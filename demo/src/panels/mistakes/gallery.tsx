/** The images of a cell, or all mistakes: each with what it was read as, and what speaks for that. Imports view, confusion, state, ui. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { showTestImage, type TestImage, testImage } from '../../state.ts';
import { Toggle } from '../../ui/fields.tsx';
import { percent, whole } from '../../ui/format.ts';
import { overlay } from '../../ui/heat.ts';
import { type Cell, DIGITS, imagesOf, isRight, likeliest } from './confusion.ts';
import type { Explained, Images, Survey } from './part.ts';
import { mistakes, cell as open } from './view.ts';

const SIDE = 28;
const PIXELS = SIDE * SIDE;
/** Images that are shown, at first and at most. */
const FIRST = 12;
const MOST = 60;

type Image = TestImage & { readonly predicted: number; readonly shares: ReturnType<typeof likeliest> };

function Tile({ image, map }: { image: Image; map: Float32Array | null }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const { index, label, predicted, shares, pixels } = image;
  useEffect(() => {
    canvas.current!.getContext('2d')!.putImageData(new ImageData(overlay(pixels, map), SIDE, SIDE), 0, 0);
  }, [pixels, map]);
  const said = shares.map(({ digit, share }) => `${digit} ${percent(share)}`).join(', ');
  return (
    <li>
      <button
        type="button"
        class="tile"
        aria-pressed={testImage.value?.index === index}
        aria-label={`Test image ${index}: a ${label}, read as ${predicted} (${said}). Look at it in the other panels.`}
        onClick={() => showTestImage(image)}
      >
        <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={`A ${label}`} />
        <span class="what">
          {label} read as <strong>{predicted}</strong>
        </span>
        {shares.map(({ digit, share }) => (
          <span class={`share ${digit === label ? 'true' : ''}`} key={digit}>
            <span>{digit}</span>
            <i aria-hidden="true">
              <b style={{ width: `${100 * share}%` }} />
            </i>
            <span>{percent(share, 0)}</span>
          </span>
        ))}
      </button>
    </li>
  );
}

function titleOf(cell: Cell, count: number): string {
  if (!cell) return count === 1 ? 'The only mistake' : `All ${whole(count)} mistakes, the surest first`;
  const images = `${whole(count)} ${count === 1 ? 'image' : 'images'}`;
  const what = `${cell.label} read as ${cell.predicted}: ${images}`;
  return count < 2 ? what : `${what}, the ${isRight(cell) ? 'least sure' : 'surest'} first`;
}

const imagesFrom = (indices: readonly number[], { pixels, probabilities }: Images, survey: Survey): Image[] =>
  indices.map((index, at) => ({
    index,
    label: survey.labels[index]!,
    predicted: survey.predicted[index]!,
    pixels: pixels.slice(PIXELS * at, PIXELS * (at + 1)),
    shares: likeliest(probabilities.subarray(DIGITS * at, DIGITS * (at + 1)), survey.labels[index]!),
  }));

/** Fetches the images to be shown, then what explains them; those before stay until then. */
function useImages(survey: Survey, indices: readonly number[], heat: boolean) {
  const images = useSignal<readonly Image[]>([]);
  const explained = useSignal<Explained | null>(null);
  const key = indices.join();
  useEffect(() => {
    let wanted = true;
    const fetch = async (): Promise<void> => {
      const fetched = await mistakes.images(indices);
      if (!wanted) return;
      explained.value = null;
      images.value = imagesFrom(indices, fetched, survey);
      if (!heat || indices.length === 0) return;
      const result = await mistakes.explain(
        fetched.pixels,
        indices.map((index) => survey.predicted[index]!),
      );
      if (wanted) explained.value = result;
    };
    // The GPU was lost, or the network is being exchanged: another survey comes.
    fetch().catch(() => {});
    return () => {
      wanted = false;
    };
  }, [survey, key, heat]);
  return { images: images.value, explained: explained.value };
}

const LEGEND = {
  gradCam: 'Orange: what speaks for the digit that it is read as (Grad-CAM of the last convolution).',
  saliency: 'Orange: pixels that the score of what it is read as hangs on most (saliency).',
} as const;

export function Gallery({ survey }: { survey: Survey }) {
  const heat = useSignal(true);
  const all = useSignal(false);
  const cell = open.value;
  const found = imagesOf(survey, cell);
  const indices = found.slice(0, all.value ? MOST : FIRST);
  const { images, explained } = useImages(survey, indices, heat.value);
  const taken = testImage.value && indices.includes(testImage.value.index) ? testImage.value : null;
  const more = Math.min(MOST, found.length);
  return (
    <div class="mistakes-images">
      <div class="mistakes-head">
        <h3 aria-live="polite">{titleOf(cell, found.length)}</h3>
        {cell && (
          <button type="button" class="compact" onClick={() => (open.value = null)}>
            All mistakes
          </button>
        )}
        <Toggle label="What speaks for it" value={heat.value} onChange={(on) => (heat.value = on)} />
      </div>
      <p class="soft small" role="status">
        {taken
          ? `Test image ${whole(taken.index)} is now the digit of Draw and Look inside.`
          : explained
            ? LEGEND[explained.kind]
            : found.length > 0
              ? 'Choose an image to see it in Draw and Look inside.'
              : 'There is none.'}
      </p>
      <ul class="tiles">
        {images.map((image, at) => (
          <Tile
            key={image.index}
            image={image}
            map={explained?.maps.subarray(PIXELS * at, PIXELS * (at + 1)) ?? null}
          />
        ))}
      </ul>
      {found.length > FIRST && (
        <button type="button" onClick={() => (all.value = !all.value)}>
          {all.value ? 'Show fewer' : `Show ${more}`}
        </button>
      )}
    </div>
  );
}
