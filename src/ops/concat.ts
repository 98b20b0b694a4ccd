/** Tensors one after another along an axis. Imports graph, util, slice and its shader. */
import concatText from '../../shaders/concat/concat.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import { defineOp } from '../graph/define-op.ts';
import { memoryAxes } from '../graph/layout.ts';
import type { Kernel, LaidOut, LayoutChoice, PlanValue, ShaderSource, Value } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import { ShapeError } from '../util/errors.ts';
import { ceilDiv, normalizeAxis, show, sizeOf } from '../util/shape.ts';
import { slice } from './slice.ts';

const shader: ShaderSource = {
  file: 'concat/concat.wgsl',
  text: concatText,
  includes: { 'lib/linear-id.wgsl': linearIdText },
};

/** Inputs of a dispatch: with y they are the 8 storage buffers that every device binds. More take more dispatches. */
const MOST_INPUTS = 7;

/** An axis in memory: elements outside of it (slower), along it, padding included, and inside of it (faster). */
function around({ shape, layout }: PlanValue, axis: number): { outer: number; pitch: number; inner: number } {
  const axes = memoryAxes(shape, layout);
  const at = axes.findIndex((a) => a.axis === axis);
  const sizes = axes.map(({ size }) => size);
  return { outer: sizeOf(sizes.slice(0, at)), pitch: sizes[at]!, inner: sizeOf(sizes.slice(at + 1)) };
}

interface Span {
  readonly x: PlanValue;
  readonly start: number;
  readonly end: number;
  readonly pitch: number;
}

function spansOf(inputs: readonly PlanValue[], axis: number): Span[] {
  let end = 0;
  return inputs.map((x) => {
    const start = end;
    end += x.shape[axis]!;
    return { x, start, end, pitch: around(x, axis).pitch };
  });
}

/** Numbers that go together along i and along a. */
interface Units {
  readonly inner: 1 | 4;
  readonly axis: 1 | 4;
}

/** Writes the region of y that belongs to neighbouring inputs; the last ones also the padding behind them. */
function groupKernel(y: PlanValue, axis: number, { spans, units }: { spans: readonly Span[]; units: Units }): Kernel {
  const whole = around(y, axis);
  const pitch = whole.pitch / units.axis;
  const inner = whole.inner / units.inner;
  const last = spans.at(-1)!;
  const first = spans[0]!.start / units.axis;
  const region = (last.end === y.shape[axis] ? pitch : last.end / units.axis) - first;
  const count = whole.outer * region * inner;
  const params: Record<string, number> = { count, inner, pitch, first, region };
  for (const [k, span] of spans.entries()) {
    params[`start${k}`] = span.start / units.axis;
    params[`end${k}`] = ceilDiv(span.end, units.axis);
    params[`pitch${k}`] = span.pitch / units.axis;
  }
  const four = units.inner * units.axis === 4;
  return {
    shader,
    defines: { COUNT: spans.length },
    slots: { element: `alias ELEMENT = ${four ? `vec4<${y.dtype}>` : y.dtype};` },
    bind: { y, ...Object.fromEntries(spans.map(({ x }, k) => [`x${k}`, x])) },
    params,
    workgroups: linearGroups(count, 64),
  };
}

function kernels(spans: readonly Span[], y: PlanValue, { axis, units }: { axis: number; units: Units }): Kernel[] {
  return Array.from({ length: ceilDiv(spans.length, MOST_INPUTS) }, (_, i) =>
    groupKernel(y, axis, { spans: spans.slice(i * MOST_INPUTS, (i + 1) * MOST_INPUTS), units }),
  );
}

/** How numbers can go in fours; null where they lie apart. Padding is zero, so the last input may end inside of four. */
function fours(spans: readonly Span[], { inner, pitch }: { inner: number; pitch: number }): Units | null {
  if (inner % 4 === 0) return { inner: 4, axis: 1 };
  const aligned = pitch % 4 === 0 && spans.every((span) => span.start % 4 === 0 && span.pitch % 4 === 0);
  return inner === 1 && aligned ? { inner: 1, axis: 4 } : null;
}

/** Images stay in nhwc where one of them is; then the others come along. */
function layoutOf(inputs: readonly LaidOut[]): LayoutChoice {
  const layout = inputs.some((x) => x.layout === 'nhwc') ? 'nhwc' : 'plain';
  return { inputs: inputs.map(() => layout), outputs: [layout] };
}

const concatOp = defineOp<{ readonly axis: number }>({
  name: 'concat',
  infer([first, ...rest], { axis }, at) {
    const { shape, dtype } = first!;
    for (const [i, x] of rest.entries()) {
      if (
        x.dtype !== dtype ||
        x.shape.length !== shape.length ||
        x.shape.some((s, k) => k !== axis && s !== shape[k])
      ) {
        throw new ShapeError(
          `${at}: input ${i + 1} is ${x.dtype} ${show(x.shape)}, input 0 is ${dtype} ${show(shape)}. ` +
            `Make them equal but for the size of axis ${axis}.`,
        );
      }
    }
    const total = [first!, ...rest].reduce((sum, x) => sum + x.shape[axis]!, 0);
    return [{ shape: shape.map((size, k) => (k === axis ? total : size)), dtype }];
  },
  layout: layoutOf,
  grad({ inputs, dOutputs: [dy], needs, attrs: { axis } }) {
    let end = 0;
    return inputs.map((x, i) => {
      const start = end;
      end += x.shape[axis]!;
      return needs[i] ? slice(dy!, { axes: [axis], starts: [start], ends: [end] }) : null;
    });
  },
  variants({ inputs, outputs: [y], attrs: { axis } }) {
    const spans = spansOf(inputs, axis);
    const packed = fours(spans, around(y!, axis));
    const single = { id: 'single', kernels: kernels(spans, y!, { axis, units: { inner: 1, axis: 1 } }) };
    return packed ? [{ id: 'packed', kernels: kernels(spans, y!, { axis, units: packed }) }, single] : [single];
  },
  flops: () => 0,
});

/** Values one after another along an axis, as many as you like; default axis 1, the channels of images. (torch.cat) */
export function concat(values: readonly Value[], { axis = 1 }: { readonly axis?: number } = {}): Value {
  const [first] = values;
  if (!first || first.shape.length === 0)
    throw new ShapeError(
      `concat: ${first ? 'scalars have no axis to join them along' : 'no values'}. Pass a list of values of rank 1 or more.`,
    );
  const along = normalizeAxis(axis, first.shape.length, 'concat');
  return values.length === 1 ? first : concatOp(values, { axis: along })[0];
}
