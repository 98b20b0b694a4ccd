/** What an inspector takes and gives. Imports types of graph, train, util. */
import type { Layout } from '../graph/layout.ts';
import type { NamedTensor } from '../train/engine.ts';
import type { InferenceSession } from '../train/inference.ts';
import type { Trainer } from '../train/trainer.ts';
import type { Shape } from '../util/shape.ts';

/** A value on the GPU, to be drawn without reading it back. */
export interface GpuTensor {
  readonly buffer: GPUBuffer;
  /** Where it begins and how long it is, in bytes. */
  readonly offset: number;
  readonly bytes: number;
  /** 'plain': row-major; 'nhwc': [n, h, w, c'], where c' is the channels rounded up to a multiple of 4 (1 stays 1), the rest zero; 'hwio': [kh, kw, i', o']. */
  readonly layout: Layout;
  /** [n, c, h, w] or [n, features], of filters [o, i, kh, kw], of rows for flattened images [o, c, h, w], whatever the layout. */
  readonly shape: Shape;
  /** Elements from one to the next along each axis of the shape: all that a shader needs to find one. */
  readonly strides: readonly number[];
}

export interface InspectOptions {
  /** Look at the averaged weights of a trainer; default false. */
  readonly useEma?: boolean;
}

/** One class for all images, or one for each; default: the class that the model gives. */
export interface ClassOptions {
  readonly classes?: number | readonly number[];
}

export interface GradCamOptions extends ClassOptions {
  /** A layer whose output is [n, c, h, w]; default: the last convolution. */
  readonly layer?: string;
  /** 'input' (default): enlarged to the size of the images; 'layer': as large as the layer's output. */
  readonly size?: 'input' | 'layer';
  /** Divide each map by its maximum; default false. */
  readonly normalize?: boolean;
}

/** What explanations have in common. */
export interface Explained {
  /** The class that was asked for, for each image. */
  readonly classes: readonly number[];
  /** Its score: the model's output before softmax. */
  readonly scores: readonly number[];
}

export interface Saliency extends Explained {
  /** Gradient of the class score with respect to the images, [n, c, h, w]. */
  readonly gradient: NamedTensor;
  /** Its largest absolute value over the channels, [n, h, w] (Simonyan et al. 2013). */
  readonly map: NamedTensor;
}

export interface GradCam extends Explained {
  readonly layer: string;
  /** [n, h, w], not negative. */
  readonly map: NamedTensor;
}

export type InspectTarget = Trainer | InferenceSession;
