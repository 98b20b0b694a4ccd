/** A choice between two tensors, element by element, with NumPy broadcasting. Imports graph, util, other ops and its shaders. */
import libBroadcastText from '../../shaders/lib/broadcast.wgsl?raw';
import libColumnsText from '../../shaders/lib/columns.wgsl?raw';
import linearIdText from '../../shaders/lib/linear-id.wgsl?raw';
import broadcastText from '../../shaders/where/broadcast.wgsl?raw';
import columnsText from '../../shaders/where/columns.wgsl?raw';
import sameText from '../../shaders/where/same.wgsl?raw';
import { constant, defineOp, type Op } from '../graph/define-op.ts';
import { physicalSize } from '../graph/layout.ts';
import type { PlanValue, ShaderSource, Value, Variant } from '../graph/types.ts';
import { linearGroups } from '../graph/workgroups.ts';
import type { DeviceCaps } from '../util/caps.ts';
import { ShapeError } from '../util/errors.ts';
import { broadcastShapes, ceilDiv, show } from '../util/shape.ts';
import { broadcastAxes, broadcastLayout, columnsOf, liesAs } from './broadcast.ts';
import { sumTo } from './reduce.ts';

const includes = {
  'lib/broadcast.wgsl': libBroadcastText,
  'lib/columns.wgsl': libColumnsText,
  'lib/linear-id.wgsl': linearIdText,
};
const same: ShaderSource = { file: 'where/same.wgsl', text: sameText, includes };
const columns: ShaderSource = { file: 'where/columns.wgsl', text: columnsText, includes };
const broadcast: ShaderSource = { file: 'where/broadcast.wgsl', text: broadcastText, includes };

interface Choice {
  readonly condition: PlanValue;
  readonly a: PlanValue;
  readonly b: PlanValue;
  readonly y: PlanValue;
}

function whereVariants({ condition, a, b, y }: Choice, caps: DeviceCaps): Variant[] {
  const slots = { element: `alias ELEMENT = ${condition.dtype};` };
  const bind = { condition, a, b, y };
  const count = physicalSize(y.shape, y.layout);
  const { rank, params } = broadcastAxes(y, { a, b, c: condition });
  const general = {
    shader: broadcast,
    defines: { RANK: rank },
    slots,
    bind,
    params: { count, ...params },
    workgroups: linearGroups(count, 64),
  };
  const variants = [{ id: 'broadcast', kernels: [general] }];
  if ([condition, a, b].every((operand) => liesAs(y, operand))) {
    const count4 = ceilDiv(count, 4);
    const kernel = { shader: same, slots, bind, params: { count4 }, workgroups: linearGroups(count4, 64) };
    return [{ id: 'same', kernels: [kernel] }, ...variants];
  }
  const found = columnsOf(y, { a, b, c: condition }, caps);
  return found ? [{ id: 'columns', kernels: [{ shader: columns, slots, bind, ...found }] }, ...variants] : variants;
}

const whereOp: Op<Readonly<Record<string, never>>> = defineOp<Readonly<Record<string, never>>>({
  name: 'where',
  infer([condition, a, b], _, at) {
    if (a!.dtype !== 'f32' || b!.dtype !== 'f32') {
      throw new ShapeError(
        `${at}: choices are ${a!.dtype} ${show(a!.shape)} and ${b!.dtype} ${show(b!.shape)}. Pass f32 values.`,
      );
    }
    const shape = broadcastShapes(condition!.shape, broadcastShapes(a!.shape, b!.shape, at), at);
    return [{ shape, dtype: 'f32' }];
  },
  // The condition's own layout does not decide: it is often a mask that was uploaded.
  layout([condition, a, b]) {
    const { inputs, outputs } = broadcastLayout([a!, b!, condition!]);
    return { inputs: [inputs[2]!, inputs[0]!, inputs[1]!], outputs };
  },
  grad({ inputs: [condition, a, b], dOutputs: [dy], needs }) {
    const zero = constant(0, []);
    return [
      null,
      needs[1] ? sumTo(whereOp([condition!, dy!, zero], {})[0], a!.shape) : null,
      needs[2] ? sumTo(whereOp([condition!, zero, dy!], {})[0], b!.shape) : null,
    ];
  },
  variants: ({ inputs: [condition, a, b], outputs: [y] }, caps) =>
    whereVariants({ condition: condition!, a: a!, b: b!, y: y! }, caps),
});

/** a where the condition (of any dtype) is not 0, else b; all three broadcast. (torch.where) */
export const where = (condition: Value, a: Value, b: Value): Value => whereOp([condition, a, b], {})[0];
