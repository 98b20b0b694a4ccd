/** Draws tiles of GPU tensors on canvases, and picks numbers out of them, on one device. Runs in the worker; imports gabor, tiles. */
import { type Device, type GpuTensor, physicalSize } from '../../../../src/index.ts';
import largestText from './largest.wgsl?raw';
import pickText from './pick.wgsl?raw';
import { packTiles, type Source, sourceOf, type TileGroup } from './tiles.ts';
import tilesText from './tiles.wgsl?raw';

export type Tensors = ReadonlyMap<string, GpuTensor>;

/** A canvas with what is on it. */
export interface Scene {
  readonly width: number;
  readonly height: number;
  /** Pixels of the screen for one of CSS. */
  readonly ratio: number;
  readonly groups: readonly TileGroup[];
}

/** A part of a tensor to be read: what the first indices leave. */
export interface Pick {
  readonly tensor: string;
  readonly at: readonly number[];
}

interface Drawing {
  readonly context: GPUCanvasContext;
  readonly scene: Scene;
  readonly groups: { readonly tiles: GPUBuffer; readonly view: GPUBuffer; bind: GPUBindGroup; tensor: GpuTensor }[];
}

/** Tensors whose largest value is known at a time. */
const SLOTS = 256;
const UNIFORM_STEP = 256;

const binding = ({ buffer, offset, bytes }: GpuTensor): GPUBufferBinding => ({ buffer, offset, size: bytes });

export class Renderer {
  #gpu: GPUDevice;
  #format = navigator.gpu.getPreferredCanvasFormat();
  #draw: GPURenderPipeline;
  #measure: GPUComputePipeline;
  #pick: GPUComputePipeline;
  #largest: GPUBuffer;
  #slotParams: GPUBuffer;
  #slots = new Map<string, { readonly slot: number; readonly tensor: GpuTensor; readonly bind: GPUBindGroup }>();
  #drawings = new Map<string, Drawing>();

  constructor({ gpu }: Device) {
    this.#gpu = gpu;
    const module = (label: string, code: string) => gpu.createShaderModule({ label, code });
    const tiles = module('look tiles', tilesText);
    this.#draw = gpu.createRenderPipeline({
      layout: 'auto',
      vertex: { module: tiles },
      fragment: { module: tiles, targets: [{ format: this.#format }] },
      primitive: { topology: 'triangle-strip' },
    });
    const compute = (label: string, code: string) =>
      gpu.createComputePipeline({ layout: 'auto', compute: { module: module(label, code) } });
    this.#measure = compute('look largest', largestText);
    this.#pick = compute('look pick', pickText);
    this.#largest = gpu.createBuffer({ size: SLOTS * 4, usage: GPUBufferUsage.STORAGE });
    this.#slotParams = this.#buffer(SLOTS * UNIFORM_STEP, GPUBufferUsage.UNIFORM);
  }

  #buffer(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    return this.#gpu.createBuffer({ size, usage: usage | GPUBufferUsage.COPY_DST });
  }

  /** The place where a tensor's largest value is written. */
  #slotOf(name: string, tensor: GpuTensor) {
    const known = this.#slots.get(name);
    if (known && known.tensor.buffer === tensor.buffer && known.tensor.offset === tensor.offset) return known;
    const slot = known?.slot ?? this.#slots.size;
    const offset = slot * UNIFORM_STEP;
    this.#gpu.queue.writeBuffer(
      this.#slotParams,
      offset,
      Uint32Array.of(physicalSize(tensor.shape, tensor.layout), slot),
    );
    const bind = this.#gpu.createBindGroup({
      layout: this.#measure.getBindGroupLayout(0),
      entries: [
        { binding: 0, resource: binding(tensor) },
        { binding: 1, resource: { buffer: this.#largest } },
        { binding: 2, resource: { buffer: this.#slotParams, offset, size: 8 } },
      ],
    });
    const made = { slot, tensor, bind };
    this.#slots.set(name, made);
    return made;
  }

  #bindTiles({ tiles, view }: { tiles: GPUBuffer; view: GPUBuffer }, tensor: GpuTensor): GPUBindGroup {
    const resources = [{ buffer: view }, { buffer: tiles }, binding(tensor), { buffer: this.#largest }];
    return this.#gpu.createBindGroup({
      layout: this.#draw.getBindGroupLayout(0),
      entries: resources.map((resource, i) => ({ binding: i, resource })),
    });
  }

  /** Whether a canvas is ready for this scene. */
  has(id: string, scene: Scene): boolean {
    return this.#drawings.get(id)?.scene === scene;
  }

  /** Takes a canvas, or what is to be on it from now on. */
  place(id: string, canvas: OffscreenCanvas, { scene, tensors }: { scene: Scene; tensors: Tensors }): void {
    this.remove(id);
    const { width, height } = scene;
    const ratio = Math.min(scene.ratio, this.#gpu.limits.maxTextureDimension2D / Math.max(width, height));
    canvas.width = Math.max(1, Math.floor(width * ratio));
    canvas.height = Math.max(1, Math.floor(height * ratio));
    const context = canvas.getContext('webgpu')!;
    context.configure({ device: this.#gpu, format: this.#format, alphaMode: 'premultiplied' });
    const groups = scene.groups.map((group) => {
      const tensor = tensors.get(group.tensor)!;
      const packed = packTiles(group, tensor, ratio);
      const tiles = this.#buffer(packed.byteLength, GPUBufferUsage.STORAGE);
      this.#gpu.queue.writeBuffer(tiles, 0, packed);
      const view = this.#buffer(16, GPUBufferUsage.UNIFORM);
      return { tiles, view, tensor, bind: this.#bindTiles({ tiles, view }, tensor) };
    });
    this.#drawings.set(id, { context, scene, groups });
  }

  remove(id: string): void {
    const known = this.#drawings.get(id);
    if (!known) return;
    for (const { tiles, view } of known.groups) {
      tiles.destroy();
      view.destroy();
    }
    this.#drawings.delete(id);
  }

  /** Draws these canvases: one submit, nothing is read back. */
  draw(ids: readonly string[], tensors: Tensors, { dark }: { readonly dark: boolean }): void {
    const encoder = this.#gpu.createCommandEncoder();
    const drawings = ids.flatMap((id) => this.#drawings.get(id) ?? []);
    const shown = new Set(drawings.flatMap(({ scene }) => scene.groups.map(({ tensor }) => tensor)));
    const measure = encoder.beginComputePass();
    measure.setPipeline(this.#measure);
    for (const name of shown) {
      measure.setBindGroup(0, this.#slotOf(name, tensors.get(name)!).bind);
      measure.dispatchWorkgroups(1);
    }
    measure.end();
    for (const drawing of drawings) this.#encode(encoder, drawing, { tensors, dark });
    this.#gpu.queue.submit([encoder.finish()]);
  }

  #encode(
    encoder: GPUCommandEncoder,
    { context, scene, groups }: Drawing,
    { tensors, dark }: { tensors: Tensors; dark: boolean },
  ): void {
    const target = context.getCurrentTexture();
    const pass = encoder.beginRenderPass({
      colorAttachments: [
        { view: target.createView(), loadOp: 'clear', storeOp: 'store', clearValue: { r: 0, g: 0, b: 0, a: 0 } },
      ],
    });
    pass.setPipeline(this.#draw);
    for (const [i, group] of groups.entries()) {
      const { tensor: name, rects } = scene.groups[i]!;
      const tensor = tensors.get(name)!;
      if (tensor.buffer !== group.tensor.buffer) {
        group.tensor = tensor;
        group.bind = this.#bindTiles(group, tensor);
      }
      const words = new ArrayBuffer(16);
      new Float32Array(words).set([target.width, target.height]);
      new Uint32Array(words).set([dark ? 1 : 0, this.#slotOf(name, tensor).slot], 2);
      this.#gpu.queue.writeBuffer(group.view, 0, words);
      pass.setBindGroup(0, group.bind);
      pass.draw(4, rects.length / 4);
    }
    pass.end();
  }

  /** Reads parts of tensors, each row-major. */
  async pick(picks: readonly Pick[], tensors: Tensors): Promise<Float32Array<ArrayBuffer>[]> {
    let total = 0;
    const parts = picks.map(({ tensor: name, at }) => {
      const tensor = tensors.get(name)!;
      const source = sourceOf(tensor, at);
      const count = source.counts.reduce((a, b) => a * b);
      total += count;
      return { tensor, source, count, first: total - count };
    });
    const results = this.#gpu.createBuffer({
      size: total * 4,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC,
    });
    const staging = this.#buffer(total * 4, GPUBufferUsage.MAP_READ);
    const params = this.#buffer(parts.length * UNIFORM_STEP, GPUBufferUsage.UNIFORM);
    const encoder = this.#gpu.createCommandEncoder();
    const pass = encoder.beginComputePass();
    pass.setPipeline(this.#pick);
    for (const [i, { tensor, source, count, first }] of parts.entries()) {
      this.#gpu.queue.writeBuffer(params, i * UNIFORM_STEP, pickParams(source, { count, first }));
      const resources = [
        binding(tensor),
        { buffer: results },
        { buffer: params, offset: i * UNIFORM_STEP, size: PICK_BYTES },
      ];
      const entries = resources.map((resource, index) => ({ binding: index, resource }));
      pass.setBindGroup(0, this.#gpu.createBindGroup({ layout: this.#pick.getBindGroupLayout(0), entries }));
      pass.dispatchWorkgroups(Math.ceil(count / 64));
    }
    pass.end();
    encoder.copyBufferToBuffer(results, 0, staging, 0, total * 4);
    this.#gpu.queue.submit([encoder.finish()]);
    try {
      await staging.mapAsync(GPUMapMode.READ);
      const all = new Float32Array(staging.getMappedRange().slice(0));
      return parts.map(({ first, count }) => all.slice(first, first + count));
    } finally {
      for (const buffer of [results, staging, params]) buffer.destroy();
    }
  }

  dispose(): void {
    for (const id of [...this.#drawings.keys()]) this.remove(id);
    this.#largest.destroy();
    this.#slotParams.destroy();
  }
}

const PICK_BYTES = 32;

const pickParams = ({ offset, counts, strides }: Source, { count, first }: { count: number; first: number }) =>
  Uint32Array.of(offset, counts[1], counts[2], count, ...strides, first);
