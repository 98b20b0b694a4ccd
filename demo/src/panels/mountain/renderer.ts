/** Draws the mountain with WebGPU on the lab's device: mesh, lines, depth, four samples a pixel. Imports camera, colours and shaders. */
import { type Camera, RELIEF } from './camera.ts';
import { STOPS } from './colors.ts';
import linesText from './lines.wgsl?raw';
import type { Rgb } from './protocol.ts';
import { SEGMENT_FLOATS } from './segments.ts';
import surfaceText from './surface.wgsl?raw';

export interface Picture {
  readonly camera: Camera;
  readonly card: Rgb;
  /** Row by row, NaN where there is none; null before the first round is measured. */
  readonly heights: Float32Array | null;
  /** Distance of the points that are measured. */
  readonly stride: number;
  readonly contours: readonly number[];
  readonly segments: Float32Array<ArrayBuffer>;
}

const SAMPLES = 4;
const MOST_CONTOURS = 24;
/** Of contour and grid lines: dark, whatever the theme, as the surface is the same in both. */
const CONTOUR: Rgb = [0.06, 0.11, 0.16];
/** Floats of View in surface.wgsl. */
const VIEW_FLOATS = 16 + 4 + 4 + 4 + 24 + 24;

export class Renderer {
  #device: GPUDevice;
  #canvas: OffscreenCanvas;
  #context: GPUCanvasContext;
  #format = navigator.gpu.getPreferredCanvasFormat();
  #layout: GPUBindGroupLayout;
  #surface: GPURenderPipeline;
  #lines: GPURenderPipeline;
  #hidden: GPURenderPipeline;
  #view: GPUBuffer;
  #heights: GPUBuffer;
  #segments: GPUBuffer;
  #targets: readonly [GPUTexture, GPUTexture] | null = null;

  constructor(device: GPUDevice, canvas: OffscreenCanvas) {
    const context = canvas.getContext('webgpu');
    if (!context) throw new Error('This browser draws no WebGPU into a canvas of a worker.');
    this.#device = device;
    this.#canvas = canvas;
    this.#context = context;
    context.configure({ device, format: this.#format, alphaMode: 'opaque' });
    this.#layout = device.createBindGroupLayout({
      entries: [
        { binding: 0, visibility: 3, buffer: { type: 'uniform' } },
        { binding: 1, visibility: 1, buffer: { type: 'read-only-storage' } },
        { binding: 2, visibility: 1, buffer: { type: 'read-only-storage' } },
      ],
    });
    this.#surface = this.#pipeline(surfaceText, { constants: { RELIEF }, depth: 'less', writesDepth: true });
    this.#lines = this.#pipeline(linesText, { constants: { HIDDEN: 0 }, depth: 'less-equal', writesDepth: false });
    this.#hidden = this.#pipeline(linesText, { constants: { HIDDEN: 1 }, depth: 'greater', writesDepth: false });
    this.#view = this.#buffer(4 * VIEW_FLOATS, GPUBufferUsage.UNIFORM);
    this.#heights = this.#buffer(16, GPUBufferUsage.STORAGE);
    this.#segments = this.#buffer(4 * SEGMENT_FLOATS, GPUBufferUsage.STORAGE);
  }

  #buffer(size: number, usage: GPUBufferUsageFlags): GPUBuffer {
    return this.#device.createBuffer({ label: 'mountain', size, usage: usage | GPUBufferUsage.COPY_DST });
  }

  #pipeline(
    code: string,
    {
      constants,
      depth,
      writesDepth,
    }: { constants: Record<string, number>; depth: GPUCompareFunction; writesDepth: boolean },
  ): GPURenderPipeline {
    const device = this.#device;
    const module = device.createShaderModule({ label: 'mountain', code });
    const over = { srcFactor: 'src-alpha', dstFactor: 'one-minus-src-alpha' } as const;
    return device.createRenderPipeline({
      label: 'mountain',
      layout: device.createPipelineLayout({ bindGroupLayouts: [this.#layout] }),
      vertex: { module, constants },
      fragment: {
        module,
        constants: code === linesText ? constants : {},
        targets: [{ format: this.#format, blend: { color: over, alpha: over } }],
      },
      primitive: { topology: 'triangle-list', cullMode: 'none' },
      depthStencil: { format: 'depth24plus', depthCompare: depth, depthWriteEnabled: writesDepth },
      multisample: { count: SAMPLES },
    });
  }

  /** Colours and depths at the canvas's size. */
  #targetsOf({ width, height }: OffscreenCanvas): readonly [GPUTexture, GPUTexture] {
    const [color] = this.#targets ?? [];
    if (this.#targets && color?.width === width && color.height === height) return this.#targets;
    for (const texture of this.#targets ?? []) texture.destroy();
    const make = (format: GPUTextureFormat): GPUTexture =>
      this.#device.createTexture({
        label: 'mountain',
        size: [width, height],
        format,
        sampleCount: SAMPLES,
        usage: GPUTextureUsage.RENDER_ATTACHMENT,
      });
    this.#targets = [make(this.#format), make('depth24plus')];
    return this.#targets;
  }

  #write(buffer: GPUBuffer, data: Float32Array<ArrayBuffer>): GPUBuffer {
    let target = buffer;
    if (data.byteLength > buffer.size) {
      buffer.destroy();
      target = this.#buffer(data.byteLength, GPUBufferUsage.STORAGE);
    }
    this.#device.queue.writeBuffer(target, 0, data);
    return target;
  }

  #viewOf({ camera, heights, stride, contours }: Picture): Float32Array<ArrayBuffer> {
    const view = new Float32Array(VIEW_FLOATS);
    const count = Math.min(MOST_CONTOURS, contours.length);
    view.set(camera.matrix);
    view.set([...camera.eye, Math.sqrt(heights?.length ?? 0)], 16);
    view.set([this.#canvas.width, this.#canvas.height, stride, count], 20);
    view.set([...CONTOUR, 1], 24);
    for (const [i, stop] of STOPS.entries()) view.set([...stop, 1], 28 + 4 * i);
    view.set(contours.slice(0, count), 52);
    return view;
  }

  draw(picture: Picture): void {
    const { heights, segments, card } = picture;
    const [color, depth] = this.#targetsOf(this.#canvas);
    this.#device.queue.writeBuffer(this.#view, 0, this.#viewOf(picture));
    if (heights)
      this.#heights = this.#write(
        this.#heights,
        Float32Array.from(heights, (height) => (Number.isFinite(height) ? height : -2)),
      );
    if (segments.length > 0) this.#segments = this.#write(this.#segments, segments);
    const resources = [this.#view, this.#heights, this.#segments];
    const group = this.#device.createBindGroup({
      layout: this.#layout,
      entries: resources.map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const encoder = this.#device.createCommandEncoder({ label: 'mountain' });
    const [r, g, b] = card;
    const pass = encoder.beginRenderPass({
      colorAttachments: [
        {
          view: color.createView(),
          resolveTarget: this.#context.getCurrentTexture().createView(),
          clearValue: { r, g, b, a: 1 },
          loadOp: 'clear',
          storeOp: 'discard',
        },
      ],
      depthStencilAttachment: {
        view: depth.createView(),
        depthClearValue: 1,
        depthLoadOp: 'clear',
        depthStoreOp: 'discard',
      },
    });
    pass.setBindGroup(0, group);
    if (heights) {
      pass.setPipeline(this.#surface);
      pass.draw(6 * (Math.sqrt(heights.length) - 1) ** 2);
    }
    for (const pipeline of [this.#hidden, this.#lines]) {
      pass.setPipeline(pipeline);
      pass.draw(6, segments.length / SEGMENT_FLOATS);
    }
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  dispose(): void {
    for (const thing of [this.#view, this.#heights, this.#segments, ...(this.#targets ?? [])]) thing.destroy();
    this.#context.unconfigure();
  }
}
