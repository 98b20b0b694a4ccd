/** What the page would be, from one recorded run: accuracy, first filters, what is read in a digit, as the network learns. No GPU is needed. */
import './recorded.css';
import { useEffect, useRef, useState } from 'preact/hooks';
import data from '../../record/lenet.json';
import { percent, whole } from '../ui/format.ts';
import {
  bytesOf,
  curve,
  decodeFilters,
  digitPixels,
  type Frame,
  filterPixels,
  placeOf,
  type Recording,
} from './recording.ts';

const recording: Recording = data;
const { frames, batchSize, label } = recording;
const LAST = frames.length - 1;
const FRAME_MS = 700;
/** How many frames the end stays. */
const END_FRAMES = 4;
const KERNEL = 5;
/** Images of an epoch: the last batch of it is not full. */
const EPOCH = 60_000;
const BOX = { width: 300, height: 120 } as const;

function Picture({ pixels, side, alt }: { pixels: Uint8ClampedArray<ArrayBuffer>; side: number; alt: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useEffect(() => {
    canvas.current!.getContext('2d')!.putImageData(new ImageData(pixels, side, side), 0, 0);
  }, [pixels]);
  return <canvas ref={canvas} width={side} height={side} role="img" aria-label={alt} />;
}

function Accuracy({ step, accuracy }: Frame) {
  const x = BOX.width * placeOf(step, frames[LAST]!.step);
  return (
    <figure>
      <figcaption>Accuracy on {whole(recording.tested)} test images</figcaption>
      <p class="recorded-big">{percent(accuracy)}</p>
      <svg
        viewBox={`-6 -6 ${BOX.width + 12} ${BOX.height + 12}`}
        role="img"
        aria-label={`At step ${step}: ${percent(accuracy)}`}
      >
        <path class="grid" d={[0, 0.5, 1].map((share) => `M0 ${BOX.height * share}H${BOX.width}`).join('')} />
        <polyline points={curve(frames, BOX)} />
        <circle cx={x} cy={BOX.height * (1 - accuracy)} r={5} />
      </svg>
      <p class="soft recorded-axis">
        <span>first step</span>
        <span>step {whole(frames[LAST]!.step)}</span>
      </p>
    </figure>
  );
}

function Filters({ filters }: Frame) {
  return (
    <figure>
      <figcaption>Filters of the first layer: below zero blue, above orange</figcaption>
      <div class="recorded-filters">
        {decodeFilters(filters, KERNEL * KERNEL).map((values, i) => (
          <Picture key={i} pixels={filterPixels(values)} side={KERNEL} alt={`Filter ${i + 1}`} />
        ))}
      </div>
    </figure>
  );
}

const digit = digitPixels(bytesOf(recording.pixels));

function Reading({ probabilities }: Frame) {
  const best = probabilities.indexOf(Math.max(...probabilities));
  return (
    <figure class="recorded-reading">
      <figcaption>
        What it reads in this {label}: <strong>{best}</strong>
      </figcaption>
      <Picture pixels={digit} side={28} alt={`A handwritten ${label}`} />
      <ol>
        {probabilities.map((share, k) => (
          <li key={k} class={k === best ? 'best' : ''}>
            <span>{k}</span>
            <i aria-hidden="true">
              <b style={{ width: `${100 * share}%` }} />
            </i>
            <span>{percent(share, 0)}</span>
          </li>
        ))}
      </ol>
    </figure>
  );
}

/** The frame that is shown: it goes on by itself while it plays, and from the end to the beginning. */
function usePlayback() {
  const [at, setAt] = useState(LAST);
  const [playing, setPlaying] = useState(() => !matchMedia('(prefers-reduced-motion: reduce)').matches);
  useEffect(() => {
    if (!playing) return;
    const timer = setTimeout(() => setAt(at === LAST ? 0 : at + 1), FRAME_MS * (at === LAST ? END_FRAMES : 1));
    return () => clearTimeout(timer);
  }, [at, playing]);
  return { at, setAt, playing, setPlaying };
}

export function Recorded() {
  const { at, setAt, playing, setPlaying } = usePlayback();
  const frame = frames[at]!;
  const said = `Step ${whole(frame.step)}, ${whole(Math.min(EPOCH, frame.step * batchSize))} images learned from`;
  return (
    <section class="recorded" aria-labelledby="recorded-title">
      <h2 id="recorded-title">What it would be</h2>
      <p class="soft">
        A network learns to read handwritten digits while you watch, and you can draw for it, look into it, break it and
        see where it errs. This is a recording of one run of it, made on {recording.date} with {recording.adapter}; with
        WebGPU everything is computed here, live.
      </p>
      <div class="recorded-grid">
        <Accuracy {...frame} />
        <Filters {...frame} />
        <Reading {...frame} />
      </div>
      <div class="recorded-controls">
        <button type="button" onClick={() => setPlaying(!playing)}>
          {playing ? 'Pause' : 'Play'}
        </button>
        <label>
          <span>{said}</span>
          <input
            type="range"
            min={0}
            max={LAST}
            value={at}
            aria-valuetext={said}
            onInput={({ currentTarget }) => {
              setPlaying(false);
              setAt(currentTarget.valueAsNumber);
            }}
          />
        </label>
      </div>
    </section>
  );
}
