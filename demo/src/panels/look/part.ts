/** Panel "Look inside" in the worker, loaded with the panel: runs the network on one digit and draws what its layers hold. Imports gabor, lab, renderer. */
import * as gabor from '../../../../src/index.ts';
import type { Experiment, Lab, Service } from '../../engine/lab.ts';
import { type Pick, Renderer, type Scene, type Tensors } from './renderer.ts';
import { rowsOf } from './rows.ts';

export type Explanation = 'gradCam' | 'saliency';

export interface ExplainRequest {
  readonly digit: Uint8Array<ArrayBuffer>;
  readonly kind: Explanation;
  /** Default: the one that the network gives. */
  readonly label: number | null;
  /** Of Grad-CAM; default: the last convolution. */
  readonly layer: string | null;
}

export interface Explained {
  /** 28 x 28 values from 0 to 1; null where nothing speaks for the class. */
  readonly map: Float32Array<ArrayBuffer> | null;
  readonly label: number;
  readonly score: number;
}

interface Bench {
  readonly experiment: Experiment;
  readonly inspector: gabor.Inspector;
  readonly renderer: Renderer;
  readonly names: readonly string[];
  /** The digit on the GPU, drawn as what the first layer takes. */
  readonly input: gabor.GpuTensor;
  tensors: Tensors | null;
}

const SIDE = 28;

export class Look implements Service {
  #lab: Lab;
  #bench: Bench | null = null;
  #canvases = new Map<string, OffscreenCanvas>();
  #scenes = new Map<string, Scene>();

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  attach(experiment: Experiment | null): void {
    const old = this.#bench;
    this.#bench = null;
    if (old) {
      old.inspector.dispose();
      old.renderer.dispose();
      old.input.buffer.destroy();
    }
    if (experiment) this.#bench = benchOf(experiment);
  }

  /** Takes a canvas of the page. */
  open(id: string, canvas: OffscreenCanvas): void {
    this.#canvases.set(id, canvas);
  }

  close(id: string): void {
    this.#canvases.delete(id);
    this.#scenes.delete(id);
    this.#bench?.renderer.remove(id);
  }

  /** What is to be on a canvas from the next `draw` on. */
  place(id: string, scene: Scene): void {
    this.#scenes.set(id, scene);
  }

  /** Runs the network on a digit and draws these canvases. Returns when the GPU is done, false where there is no network. */
  async draw({
    digit,
    ids,
    dark,
  }: {
    digit: Uint8Array<ArrayBuffer>;
    ids: readonly string[];
    dark: boolean;
  }): Promise<boolean> {
    const bench = this.#bench;
    if (!bench) return false;
    const { device } = bench.experiment;
    const outputs = await bench.inspector.onGpu(this.#lab.dataOf(digit), bench.names);
    if (this.#bench !== bench) return false;
    device.gpu.queue.writeBuffer(
      bench.input.buffer,
      0,
      Float32Array.from(digit, (byte) => byte / 255),
    );
    const tensors = new Map([...outputs, ...bench.inspector.weightsOnGpu(), ['input', bench.input]]);
    bench.tensors = tensors;
    const drawn = ids.filter((id) => this.#isPlaced(id, bench, tensors));
    bench.renderer.draw(drawn, tensors, { dark });
    await device.gpu.queue.onSubmittedWorkDone();
    return true;
  }

  /** Prepares a canvas. Not where its scene is one of another network, whose rows the page is still taking away. */
  #isPlaced(id: string, { renderer }: Bench, tensors: Tensors): boolean {
    const [canvas, scene] = [this.#canvases.get(id), this.#scenes.get(id)];
    if (!canvas || !scene?.groups.every(({ tensor }) => tensors.has(tensor))) return false;
    if (!renderer.has(id, scene)) renderer.place(id, canvas, { scene, tensors });
    return true;
  }

  /** Numbers of the last drawing, for the unit that somebody points at. Empty before there is one. */
  async pick(picks: readonly Pick[]): Promise<Float32Array<ArrayBuffer>[]> {
    const { tensors, renderer } = this.#bench ?? {};
    if (!tensors || !renderer || !picks.every(({ tensor }) => tensors.has(tensor))) return [];
    return renderer.pick(picks, tensors);
  }

  /** Which parts of the digit speak for a class. */
  async explain({ digit, kind, label, layer }: ExplainRequest): Promise<Explained | null> {
    const bench = this.#bench;
    if (!bench) return null;
    const images = this.#lab.dataOf(digit);
    const classes = label ?? undefined;
    const {
      map,
      classes: found,
      scores,
    } = kind === 'gradCam'
      ? await bench.inspector.gradCam(images, { classes, layer: layer ?? undefined })
      : await bench.inspector.saliency(images, { classes });
    const most = map.data.reduce((a, b) => Math.max(a, b), 0);
    return { map: most > 0 ? map.data.map((v) => v / most) : null, label: found[0]!, score: scores[0]! };
  }
}

function benchOf(experiment: Experiment): Bench {
  const { device, trainer, info } = experiment;
  const buffer = device.gpu.createBuffer({
    size: SIDE * SIDE * 4,
    usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST,
  });
  const input: gabor.GpuTensor = {
    buffer,
    offset: 0,
    bytes: buffer.size,
    layout: 'plain',
    shape: [1, 1, SIDE, SIDE],
    strides: [SIDE * SIDE, SIDE * SIDE, SIDE, 1],
  };
  return {
    experiment,
    inspector: gabor.inspect(trainer),
    renderer: new Renderer(device),
    names: rowsOf(info).map(({ name }) => name),
    input,
    tensors: null,
  };
}
