/** `defineOp` makes an op from its shape rule, gradient and kernels; `input`, `parameter`, ... make the leaves of a graph. */
import type { DeviceCaps } from '../util/caps.ts';
import { GaborError, ShapeError } from '../util/errors.ts';
import { type Shape, sameShape, show, sizeOf } from '../util/shape.ts';
import type { Layout } from './layout.ts';
import { currentScope, inScope, recordOp } from './trace.ts';
import type {
  Attrs,
  DType,
  EpilogueRule,
  GradContext,
  InPlace,
  KernelContext,
  LaidOut,
  LayoutChoice,
  Node,
  Pointwise,
  Source,
  Value,
  ValueSpec,
  Variant,
  WindowRule,
} from './types.ts';

export interface OpSpec<A extends Attrs> {
  readonly name: string;
  /** Shapes and dtypes of the outputs. Throws ShapeError with `at` (op and layer) in front. */
  infer(inputs: readonly Value[], attrs: A, at: string): readonly ValueSpec[];
  /** Gradient nodes, one for each input (null: no gradient flows there). Absent: not differentiable. */
  grad?(context: GradContext<A>): readonly (Value | null)[];
  /** Layouts it wants for inputs and gives to outputs; default: everything plain. */
  layout?(inputs: readonly LaidOut[], attrs: A): LayoutChoice;
  /** Kernels, best first for the device. */
  variants?(context: KernelContext<A>, caps: DeviceCaps): readonly Variant[];
  /** The output is the input's memory under another shape: no kernel at all. */
  readonly view?: boolean;
  /** It is a function of its one input, element by element. */
  pointwise?(attrs: A): Pointwise;
  /**
   * Its first output holds elements of its one input: all of them, under another shape, or the largest of some. Pointwise
   * functions (for the largest: monotone ones) of the input are then applied to the output instead, which has fewer elements
   * or is nearer to a kernel that takes them.
   */
  readonly picks?: 'all' | 'largest';
  /** Set where it is a pool that the kernel of its input may apply before it stores. */
  window?(inputs: readonly ValueSpec[], attrs: A): WindowRule | null;
  /** Its kernels on this device apply such a window as they store, without becoming slower than two kernels. */
  acceptsWindow?(context: WindowContext<A>, caps: DeviceCaps): boolean;
  /**
   * It is the gradient of a pool of 2 x 2 windows: of each window, input 0 at the place that input 1, the codes, names, and 0
   * elsewhere. Kernels that read it may work that out as they load.
   */
  spread?(attrs: A): boolean;
  /** Its kernels on this device do so with input number `input`; the codes are then a further input, the last. */
  acceptsSpread?(context: SpreadContext<A>, caps: DeviceCaps): boolean;
  /** Layouts that its kernels can store the first output in besides what `layout` says, alone or with a window. */
  stores?(window: WindowRule | null): readonly Layout[];
  /** Set where it is a pointwise function that the kernel of its input number `input` may apply while it stores. */
  epilogue?(attrs: A, input: number): EpilogueRule | null;
  /**
   * Its kernels have a slot for somebody's epilogue; `'operand'`: also for one that reads another value; `'channels'`: and
   * one that reads numbers of the channels, which are along axis 1.
   */
  readonly acceptsEpilogue?: boolean | 'operand' | 'channels';
  /**
   * Outputs that may lie in the memory of an input, as a new state in that of the old one: all its kernels that read any
   * of these inputs come before those that write any of these outputs.
   */
  inPlace?(attrs: A): readonly InPlace[];
  /** Floating point operations, for the summary and benchmarks; default: one an output element. */
  flops?(inputs: readonly ValueSpec[], outputs: readonly ValueSpec[], attrs: A): number;
}

export interface SpreadContext<A> {
  readonly input: number;
  readonly inputs: readonly ValueSpec[];
  readonly attrs: A;
}

export interface WindowContext<A> {
  readonly rule: WindowRule;
  readonly inputs: readonly ValueSpec[];
  readonly attrs: A;
}

/** An op: called with values it adds a node and returns the node's outputs. */
export interface Op<A extends Attrs> {
  (inputs: readonly Value[], attrs: A): readonly [Value, ...Value[]];
  readonly opName: string;
}

let nextId = 1;

const all = (count: number, layout: Layout): Layout[] => new Array<Layout>(count).fill(layout);

/** The layout rule of ops that work on memory as it lies: outputs of the first input's shape keep its layout, all inputs of that shape share it. */
export function followFirst(inputs: readonly LaidOut[], outputs: number): LayoutChoice {
  const layout = inputs[0]?.layout ?? 'plain';
  return { inputs: all(inputs.length, layout), outputs: all(outputs, layout) };
}

/** A gradient rule's results as they are: a value of its shape, or null, for each input that needs one. */
function checkRule(
  results: readonly (Value | null)[],
  { inputs, needs }: Pick<GradContext<Attrs>, 'inputs' | 'needs'>,
  at: string,
): readonly (Value | null)[] {
  for (const [i, { shape }] of inputs.entries()) {
    const result = results[i];
    if (!needs[i] || result === null || (result && sameShape(result.shape, shape))) continue;
    throw new ShapeError(
      `${at}: its gradient rule gives ${result ? show(result.shape) : 'nothing'} for input ${i} (${show(shape)}). ` +
        "Return a value of the input's shape, or null, for each input.",
    );
  }
  return results;
}

/** Makes an op. See ARCHITECTURE.md, "One op", and CONTRIBUTING.md for a worked example. */
export function defineOp<A extends Attrs>(spec: OpSpec<A>): Op<A> {
  const call = (inputs: readonly Value[], attrs: A): readonly [Value, ...Value[]] => {
    const scope = currentScope();
    const at = scope === '' ? spec.name : `${spec.name} "${scope}"`;
    const specs = spec.infer(inputs, attrs, at);
    const outputs: Value[] = [];
    const node: Node = {
      id: nextId++,
      op: spec.name,
      attrs,
      inputs: [...inputs],
      outputs,
      scope,
      impl: {
        view: spec.view ?? false,
        pointwise: spec.pointwise?.(attrs) ?? null,
        picks: spec.picks ?? null,
        window: spec.window?.(inputs, attrs) ?? null,
        acceptsWindow: (rule, values, caps) => spec.acceptsWindow?.({ rule, inputs: values, attrs }, caps) ?? false,
        spread: spec.spread?.(attrs) ?? false,
        acceptsSpread: (input, values, caps) => spec.acceptsSpread?.({ input, inputs: values, attrs }, caps) ?? false,
        stores: (window) => spec.stores?.(window) ?? [],
        apply: (values) => inScope(scope, () => call(values, attrs)),
        acceptsEpilogue: spec.acceptsEpilogue ?? false,
        inPlace: spec.inPlace?.(attrs) ?? [],
        epilogue: (index) => spec.epilogue?.(attrs, index) ?? null,
        grad: spec.grad ? (context) => checkRule(spec.grad!({ ...context, attrs }), context, at) : null,
        layout: (values) =>
          spec.layout?.(values, attrs) ?? { inputs: all(inputs.length, 'plain'), outputs: all(specs.length, 'plain') },
        variants: (context, caps) => spec.variants?.({ ...context, attrs }, caps) ?? [],
        flops: (i, o) => spec.flops?.(i, o, attrs) ?? o.reduce((sum, v) => sum + sizeOf(v.shape), 0),
      },
    };
    for (const [index, { shape, dtype }] of specs.entries()) {
      outputs.push({ id: nextId++, shape, dtype, source: { kind: 'node', node, index } });
    }
    const [first, ...rest] = outputs;
    if (!first) throw new GaborError(`${at}: an op needs at least one output. Return one from infer().`);
    recordOp(spec.name, attrs, inputs, outputs);
    return [first, ...rest];
  };
  return Object.assign(call, { opName: spec.name });
}

function leaf(source: Source, spec: ValueSpec, layout?: Layout): Value {
  return { id: nextId++, shape: spec.shape, dtype: spec.dtype, source, layout };
}

/** A value given at every run. */
export const input = (name: string, shape: Shape, dtype: DType = 'f32'): Value =>
  leaf({ kind: 'input', name }, { shape, dtype });

/** A trained tensor. */
export const parameter = (name: string, shape: Shape, layout: Layout = 'plain'): Value =>
  leaf({ kind: 'parameter', name }, { shape, dtype: 'f32' }, layout);

/** A tensor kept between steps but not trained. */
export const state = (name: string, shape: Shape): Value =>
  leaf({ kind: 'state', name }, { shape, dtype: 'f32' }, 'plain');

/** A buffer that somebody else owns and binds when the plan is prepared. */
export const external = (name: string, shape: Shape, dtype: DType): Value =>
  leaf({ kind: 'external', name }, { shape, dtype }, 'plain');

/** All elements equal `value`, or are its numbers in row-major order. */
export const constant = (value: number | readonly number[], shape: Shape): Value =>
  leaf({ kind: 'constant', value }, { shape, dtype: 'f32' });

/** True for a constant 1: gradient rules leave out a multiplication by it. */
export const isOne = (value: Value): boolean => value.source.kind === 'constant' && value.source.value === 1;
