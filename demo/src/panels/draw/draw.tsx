/** Panel "Draw": a pad, what the network sees of it, and what it makes of that. Imports state, ui, pad. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import {
  attempt,
  digit,
  lab,
  probabilities,
  ready,
  refreshProbabilities,
  showTestImage,
  testImage,
} from '../../state.ts';
import { Code } from '../../ui/code.tsx';
import { percent } from '../../ui/format.ts';
import { Pad } from './pad.tsx';
import { rgbaOf, SIDE } from './strokes.ts';
import './draw.css';

const CODE = `
const session = gabor.createSession(await gabor.requestDevice(), bytes); // of a .safetensors file
const digit = toMnistDigit(drawing);                     // 28 x 28 bytes, centred and scaled
const images = gabor.imageDataset({
  images: digit, labels: [0], shape: [1, 28, 28], classes: 10, mean: [0.1307], std: [0.3081],
});
const probabilities = await session.predict(images);     // ten numbers that add up to 1`;

function Seen() {
  const canvas = useRef<HTMLCanvasElement>(null);
  const pixels = digit.value;
  useEffect(() => {
    const image = new ImageData(rgbaOf(pixels ?? new Uint8Array(784)), 28, 28);
    canvas.current!.getContext('2d')!.putImageData(image, 0, 0);
  }, [pixels]);
  return (
    <canvas
      class="seen"
      ref={canvas}
      width={28}
      height={28}
      role="img"
      aria-label="The digit as the network sees it, 28 by 28 pixels"
    />
  );
}

function Bar({ value, best, label }: { value: number; best: boolean; label: number }) {
  const bar = useRef<HTMLSpanElement>(null);
  useEffect(() => {
    bar.current!.style.width = `${100 * value}%`;
  }, [value]);
  return (
    <li class={best ? 'best' : ''}>
      <span>{label}</span>
      <span class="track" aria-hidden="true">
        <span class="bar" ref={bar} />
      </span>
      <span class="value">
        {percent(value)}
        {best && <span class="visually-hidden"> (most likely)</span>}
      </span>
    </li>
  );
}

function Answer({ label }: { label: number | null }) {
  const values = probabilities.value ?? new Array<number>(10).fill(0);
  const best = probabilities.value ? values.indexOf(Math.max(...values)) : -1;
  return (
    <div class="answer">
      <p class="verdict" aria-live="polite">
        {best < 0 ? (
          'Draw a digit, or take one of the test set.'
        ) : (
          <>
            The network reads <strong>{best}</strong>
            {label !== null && (best === label ? ', which is right.' : `, but it is ${label}.`)}
          </>
        )}
      </p>
      <ol class="bars" start={0}>
        {values.map((value, i) => (
          <Bar key={`bar${i}`} value={value} best={i === best} label={i} />
        ))}
      </ol>
    </div>
  );
}

export default function Draw() {
  const image = testImage.value;
  /** What was made of the pad last. */
  const drawn = useRef<Uint8Array<ArrayBuffer> | null>(null);
  /** Grows when the pad is to be wiped. */
  const wipes = useSignal(0);

  const take = async (label: number | null): Promise<void> => {
    showTestImage(await lab.panels.draw.next(label));
    await refreshProbabilities();
  };
  const read = async (gray: Float32Array | null): Promise<void> => {
    drawn.current = gray && (await lab.panels.draw.digitOf(gray, SIDE));
    digit.value = drawn.current;
    await refreshProbabilities();
  };
  useEffect(() => {
    if (ready.value && digit.value === null) void attempt(() => take(null));
  }, [ready.value]);
  // Another panel may choose a digit.
  useEffect(
    () =>
      digit.subscribe((pixels) => {
        if (!pixels) return;
        if (pixels !== drawn.current) wipes.value++;
        void refreshProbabilities();
      }),
    [],
  );

  return (
    <>
      <p class="lead">
        Draw a digit with mouse, pen or finger. It is scaled and centred the way MNIST's digits were, and read anew as
        the network learns.
      </p>
      <div class="draw-grid">
        <Pad wipes={wipes.value} onDrawn={read} />
        <figure>
          <Seen />
          <figcaption>
            {image
              ? `Test image ${image.index}, labelled ${image.label}.`
              : 'What the network sees: 28 × 28 pixels, the ink in 20 × 20, its centre of mass in the middle.'}
          </figcaption>
          <div class="digits">
            <span class="soft">From the test set:</span>
            {Array.from({ length: 10 }, (_, i) => (
              <button
                type="button"
                key={`digit${i}`}
                disabled={!ready.value}
                onClick={() => attempt(() => take(i))}
                aria-label={`A test image of a ${i}`}
              >
                {i}
              </button>
            ))}
            <button type="button" disabled={!ready.value} onClick={() => attempt(() => take(null))}>
              Any
            </button>
          </div>
        </figure>
        <Answer label={image?.label ?? null} />
      </div>
      <Code>{CODE}</Code>
    </>
  );
}
