/** The vocabulary of a graph: values, nodes, kernels. Plain data; imports only util and layout. */
import type { DeviceCaps } from '../util/caps.ts';
import type { Shape } from '../util/shape.ts';
import type { Layout } from './layout.ts';

export type DType = 'f32' | 'i32' | 'u32';

/** What JSON can hold: attributes of nodes and configurations of layers are made of it, so that plans print and models save. */
export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type Attrs = { readonly [key: string]: Json };

export interface ValueSpec {
  readonly shape: Shape;
  readonly dtype: DType;
}

/** Where a value comes from. Names are unique within a kind. */
export type Source =
  /** Given at every run. */
  | { readonly kind: 'input'; readonly name: string }
  /** Trained: lives in the parameter arena. */
  | { readonly kind: 'parameter'; readonly name: string }
  /** Kept between steps but not trained (running statistics): lives in the state arena. */
  | { readonly kind: 'state'; readonly name: string }
  /** A buffer owned by somebody else (a data set). */
  | { readonly kind: 'external'; readonly name: string }
  /** All elements equal `value`, or are its numbers in row-major order; written once, when the plan is prepared. */
  | { readonly kind: 'constant'; readonly value: number | readonly number[] };

/** A symbolic tensor: what the user's function computes with. It has a shape, never data, so there is nothing to free. */
export interface Value extends ValueSpec {
  readonly id: number;
  readonly source: Source | { readonly kind: 'node'; readonly node: Node; readonly index: number };
  /** Layout in memory where it is not up to the planner: parameters and states. */
  readonly layout?: Layout;
}

/** An output and the input whose memory it may take. */
export interface InPlace {
  readonly output: number;
  readonly input: number;
}

/** An operation applied to values. */
export interface Node {
  readonly id: number;
  readonly op: string;
  readonly attrs: Attrs;
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Name of the layer it belongs to, for messages and profiles; '' outside layers. */
  readonly scope: string;
  readonly impl: BoundOp;
}

/** An op with its attributes closed over: all that the passes may ask of a node. They never ask which op it is. */
export interface BoundOp {
  readonly view: boolean;
  /** See `OpSpec`. */
  readonly pointwise: Pointwise | null;
  readonly picks: 'all' | 'largest' | null;
  readonly acceptsEpilogue: boolean | 'operand' | 'channels';
  /** Outputs that may lie in the memory of an input; see OpSpec. */
  readonly inPlace: readonly InPlace[];
  /** What it is as a window over the results of the kernel that makes its input; null where it is none. */
  readonly window: WindowRule | null;
  /** Whether its kernels for this device take such a window over their results without becoming slower than two kernels. */
  acceptsWindow(rule: WindowRule, inputs: readonly ValueSpec[], caps: DeviceCaps): boolean;
  /** It is the gradient of a pool by a WindowRule, which kernels that read it may work out as they load. See OpSpec. */
  readonly spread: boolean;
  /** Whether its kernels for this device load input number `input` spread. */
  acceptsSpread(input: number, inputs: readonly ValueSpec[], caps: DeviceCaps): boolean;
  /** Layouts besides that of `layout` that it can store its first output in, alone or with this window. */
  stores(window: WindowRule | null): readonly Layout[];
  /** The op once more, on other inputs. */
  apply(inputs: readonly Value[]): readonly Value[];
  /** What it is as an epilogue of the kernel that makes its input number `input`; null where it is none. */
  epilogue(input: number): EpilogueRule | null;
  readonly grad: ((context: Omit<GradContext<Attrs>, 'attrs'>) => readonly (Value | null)[]) | null;
  layout(values: readonly LaidOut[]): LayoutChoice;
  variants(context: Omit<KernelContext<Attrs>, 'attrs'>, caps: DeviceCaps): readonly Variant[];
  flops(inputs: readonly ValueSpec[], outputs: readonly ValueSpec[]): number;
}

export interface GradContext<A> {
  readonly inputs: readonly Value[];
  readonly outputs: readonly Value[];
  /** Gradient of each output; null where nothing depends on it. At least one is not null. */
  readonly dOutputs: readonly (Value | null)[];
  /** Which inputs need a gradient; the results of others are dropped. */
  readonly needs: readonly boolean[];
  readonly attrs: A;
}

export interface LaidOut extends ValueSpec {
  readonly layout: Layout;
}

export interface LayoutChoice {
  readonly inputs: readonly Layout[];
  readonly outputs: readonly Layout[];
}

/** A function of one value, element by element; monotone: the largest of its values is its value of the largest. */
export type Pointwise = 'monotone' | 'other';

/** Pooling without padding or overlap that another kernel may apply to its results before it stores them. */
export interface WindowRule {
  readonly kind: 'max';
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  /** Number of the output that says which element of each window was taken. The first output is the pooled value. */
  readonly codes: number;
}

/** A pointwise function, as WGSL of `v`, that another kernel may apply to what it stores. */
export interface EpilogueRule {
  readonly name: string;
  /** WGSL of `v` and, with an operand, of its element `s` at the same place. */
  readonly expression: string;
  /** f(0) = 0 (f(0, 0) = 0), so that padding lanes stay zero without a mask. */
  readonly zeroPreserving: boolean;
  /** Number of the input that is the operand, of the result's shape; null where there is none. */
  readonly operand: number | null;
  /** Inputs [c] whose numbers for the element's channel it reads, by way of `p`; where it does, f(0) = 0 for p = 0. */
  readonly channels?: ByChannel<number>;
}

/** What an epilogue knows of each channel (axis 1 of the result): `p`, a vec4f, which is zero in padding. */
export interface ByChannel<V> {
  /** One to four, [c]: the components of `c`; those that are not there are 0. */
  readonly values: readonly V[];
  /** WGSL of `p` by `c`, both vec4f. */
  readonly prepare: string;
}

/** What a kernel applies to what it stores: see `epilogueParts`. */
export interface Epilogue {
  readonly name: string;
  /** WGSL statements that change `v`, and may read `s` and `p`. */
  readonly statements: string;
  /** In the layout of the output. */
  readonly operand: PlanValue | null;
  readonly channels: ByChannel<PlanValue> | null;
}

/** A value with its place in a plan: what kernels are chosen for. */
export interface PlanValue extends LaidOut {
  readonly id: number;
  readonly source: Source | { readonly kind: 'node' };
}

/** Memory for the dispatches of one node only. */
export interface Scratch {
  readonly scratch: string;
  readonly elements: number;
}

export interface KernelContext<A> {
  readonly inputs: readonly PlanValue[];
  readonly outputs: readonly PlanValue[];
  /** Which outputs anybody reads; a variant may leave the others out. */
  readonly used: readonly boolean[];
  readonly epilogue: Epilogue | null;
  /** Where it is set, the outputs are the pooled value, to which the epilogue belongs, and the codes of the rule's op. */
  readonly window: WindowRule | null;
  readonly attrs: A;
}

/** A .wgsl file and the files it includes, by the path under shaders/. */
export interface ShaderSource {
  readonly file: string;
  readonly text: string;
  readonly includes: { readonly [file: string]: string };
}

export interface Kernel {
  readonly shader: ShaderSource;
  readonly defines?: { readonly [name: string]: number | boolean | string };
  readonly slots?: { readonly [name: string]: string };
  /** Storage bindings by their name in the shader. */
  readonly bind: { readonly [name: string]: PlanValue | Scratch };
  /** Fields of the shader's `struct Params`, by name. */
  readonly params?: { readonly [name: string]: number };
  readonly workgroups: readonly [number, number, number];
  /**
   * Read-only arrays of vec4f that the shader reads as uniform buffers where those are faster (`gathersUniforms`), the array is
   * bound, and holds at most UNIFORM_VECTORS with the largest batch too. Default none.
   */
  readonly uniform?: readonly string[];
  /** So small that it gains by sharing a dispatch with a neighbour that it does not depend on. Default false. */
  readonly joins?: boolean;
}

/** A result left in parts, one after another in scratch: it is their sum, element by element. All numbers are multiples of 4. */
export interface PartSum {
  readonly output: PlanValue;
  readonly scratch: string;
  /** Element where the first part of this result begins. */
  readonly first: number;
  readonly elements: number;
  /** Elements from one part to the next. */
  readonly stride: number;
  readonly parts: number;
}

/** One way to compute a node. An op offers them best first for a device; all give the same result. */
export interface Variant {
  readonly id: string;
  readonly kernels: readonly Kernel[];
  /** Results are rounded even where integers could be exact, so that equal ones may come out unequal. */
  readonly rounds?: true;
  /** Kernels that leave all results in parts instead, for a plan that adds those of many nodes at once. */
  readonly deferred?: { readonly kernels: readonly Kernel[]; readonly sums: readonly PartSum[] };
}
