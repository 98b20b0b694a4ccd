/** The mountain in the worker: one computation at a time, and its picture. Loaded by the service when the panel is first seen. */
import { messageOf } from '../../engine/failures.ts';
import type { Experiment, Lab } from '../../engine/lab.ts';
import { cameraOf } from './camera.ts';
import { RUNNER_NAMES } from './names.ts';
import { facing } from './orbit.ts';
import type { MountainEvent, View, Wish } from './protocol.ts';
import { Renderer } from './renderer.ts';
import { type Scale, scaleOf } from './scale.ts';
import { type Scene, sceneOf } from './scene.ts';
import { Survey } from './survey.ts';

/** Of the canvas on the page, and how many pixels it has for one of the page. */
export interface Size {
  readonly width: number;
  readonly height: number;
  readonly ratio: number;
}

/** Names of the directions; shorter ones where there is little room. */
const axesOf = ({ plane }: Wish, width: number): [string, string] => {
  const kind = width < 480 ? 'dir.' : `${plane} direction`;
  return [`1st ${kind}`, `2nd ${kind}`];
};

/** Between two pictures while it computes, ms: a software adapter has better things to do. */
const REDRAW_MS = { gpu: 50, software: 800 };
const PROGRESS_MS = 80;

const NOTHING: Scene = { segments: new Float32Array(0), labels: [] };

export class Mountain {
  #lab: Lab;
  #experiment: Experiment | null = null;
  #canvas: OffscreenCanvas | null = null;
  #size: Size = { width: 1, height: 1, ratio: 1 };
  #renderer: { readonly device: GPUDevice; readonly renderer: Renderer } | null = null;
  #view: View | null = null;
  #survey: Survey | null = null;
  #running: AbortController | null = null;
  #visible = false;
  /** Ends the waits for being seen. */
  #waiting = new Set<() => void>();
  #scale: Scale | null = null;
  #drawing = false;
  /** The survey that the camera has turned to. */
  #faced: Survey | null = null;
  #lastDrawn = 0;
  #lastProgress = 0;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  #tell(data: MountainEvent): void {
    this.#lab.emit({ type: 'panel', panel: 'mountain', data });
  }

  /** A computation ends with its network. The picture of the last one stays, on the device that there is. */
  attach(experiment: Experiment | null): void {
    this.#running?.abort(new Error('The network was exchanged or the GPU lost. Compute again.'));
    this.#experiment = experiment;
    if (experiment) this.#drawSoon();
  }

  canvas(canvas: OffscreenCanvas, size: Size, view: View): void {
    this.#canvas = canvas;
    this.#view = view;
    this.resize(size);
  }

  resize(size: Size): void {
    this.#size = size;
    if (!this.#canvas) return;
    this.#canvas.width = Math.max(1, Math.round(size.width * size.ratio));
    this.#canvas.height = Math.max(1, Math.round(size.height * size.ratio));
    this.#drawSoon();
  }

  show(view: View): void {
    this.#view = view;
    this.#drawSoon();
  }

  visible(visible: boolean): void {
    this.#visible = visible;
    if (!visible) return;
    for (const go of this.#waiting) go();
    this.#waiting.clear();
    this.#drawSoon();
  }

  /** Waits while nobody looks; throws where the computation is no longer wanted. */
  async #gate(signal: AbortSignal): Promise<void> {
    if (!this.#visible && !signal.aborted)
      await new Promise<void>((resolve) => {
        this.#waiting.add(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    signal.throwIfAborted();
  }

  cancel(): void {
    this.#running?.abort(null);
  }

  /** Returns when it is done, has failed or was cancelled; tells of it, too. */
  async compute(wish: Wish): Promise<void> {
    this.cancel();
    const experiment = this.#experiment ?? this.#lab.experiment;
    const running = new AbortController();
    this.#running = running;
    const { signal } = running;
    const now = (): boolean => this.#running === running;
    const survey = new Survey({
      experiment,
      train: this.#lab.mnist.train,
      wish,
      hooks: {
        gate: () => this.#gate(signal),
        onProgress: (stage, done, total) => now() && this.#progress(stage, done, total),
        onStep: (step, losses) => now() && this.#tell({ kind: 'race', step, losses }),
        onSummary: (summary) => now() && this.#tell({ kind: 'summary', summary }),
        onChange: () => now() && this.#changed(),
      },
    });
    this.#survey = survey;
    this.#drawSoon();
    try {
      await survey.run();
      if (now()) this.#tell({ kind: 'end', message: null });
    } catch (error) {
      // What fails because the device is gone is told by the lab.
      const reason: unknown = signal.aborted ? signal.reason : error;
      if (now()) this.#tell({ kind: 'end', message: reason === null ? null : messageOf(reason) });
    } finally {
      if (now()) this.#running = null;
    }
    this.#drawSoon();
  }

  #progress(stage: string, done: number, total: number): void {
    const time = performance.now();
    if (time - this.#lastProgress < PROGRESS_MS && done < total) return;
    this.#lastProgress = time;
    this.#tell({ kind: 'progress', stage, done, total });
  }

  #changed(): void {
    const pause = this.#experiment?.device.adapter.software ? REDRAW_MS.software : REDRAW_MS.gpu;
    if (performance.now() - this.#lastDrawn > pause) this.#drawSoon();
  }

  #drawSoon(): void {
    if (this.#drawing) return;
    this.#drawing = true;
    requestAnimationFrame(() => {
      this.#drawing = false;
      this.#draw();
    });
  }

  #rendererNow(): Renderer | null {
    const device = this.#experiment?.device;
    if (!this.#canvas || !device || device.failure) return null;
    if (this.#renderer?.device !== device.gpu) {
      this.#renderer?.renderer.dispose();
      this.#renderer = { device: device.gpu, renderer: new Renderer(device.gpu, this.#canvas) };
    }
    return this.#renderer.renderer;
  }

  #scaleNow(losses: Float32Array | null, view: View): Scale {
    const real = view.paths === 'real' ? (this.#survey?.lines ?? []).flatMap(({ points }) => points) : [];
    const scale = scaleOf([...(losses ?? []), ...real.flatMap(({ loss }) => loss ?? [])], view);
    const { low, high, ticks } = scale;
    if (losses && (low !== this.#scale?.low || high !== this.#scale.high || ticks.length !== this.#scale.ticks.length))
      this.#tell({ kind: 'scale', low, high, ticks });
    this.#scale = losses && scale;
    return scale;
  }

  #draw(): void {
    const [view, survey] = [this.#view, this.#survey];
    const renderer = this.#rendererNow();
    if (!renderer || !view) return;
    this.#lastDrawn = performance.now();
    const { width, height, ratio } = this.#size;
    const camera = cameraOf(view, width / height);
    const losses = survey?.surface() ?? null;
    const scale = this.#scaleNow(losses, view);
    const heights = losses?.map((loss) => scale.heightOf(loss)) ?? null;
    if (survey && heights && this.#faced !== survey) {
      this.#faced = survey;
      this.#tell({ kind: 'facing', yaw: facing(heights) });
    }
    const { segments, labels } =
      survey?.extent && heights
        ? sceneOf({
            view,
            camera,
            scale,
            heights,
            extent: survey.extent,
            axes: axesOf(survey.wish, width),
            paths: survey.lines.map(({ track: { id }, points }) => ({ id, name: RUNNER_NAMES[id], points })),
            ratio,
            size: [width, height],
          })
        : NOTHING;
    renderer.draw({
      camera,
      card: view.colors.card,
      heights,
      stride: survey?.stride ?? 1,
      contours: scale.contours,
      segments,
    });
    this.#tell({ kind: 'labels', labels });
  }
}
