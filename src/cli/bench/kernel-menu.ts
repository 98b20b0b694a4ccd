/** The menu of `bench kernels`: typical layers of typical nets. Imports kernel-case, kernel-references, graph types, ops, train/program. */
import type { Value } from '../../graph/types.ts';
import * as ops from '../../ops/index.ts';
import { f32, grad, i32 } from '../../train/program.ts';
import { type GraphCase, graphCase, type KernelCase } from './kernel-case.ts';
import * as reference from './kernel-references.ts';
import { updateCases } from './update-case.ts';

type Layer = Omit<reference.Convolution, 'groups' | 'stride' | 'padding'> &
  Partial<Pick<reference.Convolution, 'groups' | 'stride' | 'padding'>>;

const LAYERS: { readonly [name: string]: Layer } = {
  'lenet.conv1 64x1x28 6@5x5': { n: 64, c: 1, side: 28, o: 6, k: 5, padding: 2 },
  'lenet.conv2 64x6x14 16@5x5': { n: 64, c: 6, side: 14, o: 16, k: 5 },
  'mnistcnn.conv1 64x1x28 32@3x3': { n: 64, c: 1, side: 28, o: 32, k: 3 },
  'mnistcnn.conv2 64x32x26 64@3x3': { n: 64, c: 32, side: 26, o: 64, k: 3 },
  'vgg.conv1 32x3x32 32@3x3': { n: 32, c: 3, side: 32, o: 32, k: 3, padding: 1 },
  'vgg.conv2 32x32x32 32@3x3': { n: 32, c: 32, side: 32, o: 32, k: 3, padding: 1 },
  'vgg.conv5 32x64x8 128@3x3': { n: 32, c: 64, side: 8, o: 128, k: 3, padding: 1 },
  'resnet.stage2 16x64x28 64@3x3': { n: 16, c: 64, side: 28, o: 64, k: 3, padding: 1 },
  'resnet.down 16x64x28 128@3x3/2': { n: 16, c: 64, side: 28, o: 128, k: 3, padding: 1, stride: 2 },
  'resnet.last 16x256x7 256@3x3': { n: 16, c: 256, side: 7, o: 256, k: 3, padding: 1 },
  'depthwise 16x64x28 3x3': { n: 16, c: 64, side: 28, o: 64, k: 3, padding: 1, groups: 64 },
  '1x1 16x64x28 128': { n: 16, c: 64, side: 28, o: 128, k: 1 },
};

function convolutions(name: string, layer: Layer): GraphCase[] {
  const g: reference.Convolution = { groups: 1, stride: 1, padding: 0, ...layer };
  const { n, c, side, o, k, groups, stride, padding } = g;
  const [x, w, b] = [f32(n, c, side, side), f32(o, c / groups, k, k), f32(o)];
  const dy = f32(n, o, reference.outSide(g), reference.outSide(g));
  const conv = (v: { readonly [name: string]: Value }, bias = v.b ?? null) =>
    ops.conv2d(v.x!, v.w!, bias, { stride, padding, groups });
  const cases: GraphCase[] = [
    {
      ...{ name: `conv2d ${name}`, op: 'conv2d', inputs: { x, w, b } },
      body: (v) => ({ y: conv(v) }),
      reference: reference.convForward(g),
    },
    {
      ...{ name: `conv2d dw ${name}`, op: 'conv2dBackwardWeight', inputs: { x, w, b, dy } },
      body: (v) => {
        const [dw, db] = grad(conv(v), [v.w!, v.b!], { seed: v.dy! });
        return { y: dw!, db: db! };
      },
      reference: reference.convWeight(g),
    },
  ];
  // The first layer of a net needs no gradient of its input.
  if (c < 4) return cases;
  const dx: GraphCase = {
    ...{ name: `conv2d dx ${name}`, op: 'conv2dBackwardInput', inputs: { x, w, dy } },
    body: (v) => ({ y: grad(conv(v), [v.x!], { seed: v.dy! })[0]! }),
    reference: reference.convInput(g),
  };
  return [cases[0]!, dx, cases[1]!];
}

const LINEAR: { readonly [name: string]: readonly [rows: number, inputs: number, outputs: number] } = {
  'lenet.fc1 64x400 120': [64, 400, 120],
  'lenet.fc3 64x84 10': [64, 84, 10],
  'mnistcnn.fc1 64x9216 128': [64, 9216, 128],
  'one row 1x1024 1024': [1, 1024, 1024],
};

function linear(name: string, [m, k, n]: readonly [number, number, number]): GraphCase[] {
  const [x, w, b, dy] = [f32(m, k), f32(n, k), f32(n), f32(m, n)];
  return [
    {
      ...{ name: `linear ${name}`, op: 'matmul', inputs: { x, w, b } },
      body: (v) => ({ y: ops.linear(v.x!, v.w!, v.b!) }),
      reference: reference.product(
        { k, columns: n },
        (d, row, i) => d.x![row * k + i]!,
        (d, i, column) => d.w![column * k + i]!,
      ),
    },
    {
      ...{ name: `linear dx ${name}`, op: 'matmul', inputs: { x, w, dy } },
      body: (v) => ({ y: grad(ops.linear(v.x!, v.w!), [v.x!], { seed: v.dy! })[0]! }),
      reference: reference.product(
        { k: n, columns: k },
        (d, row, i) => d.dy![row * n + i]!,
        (d, i, column) => d.w![i * k + column]!,
      ),
    },
    {
      ...{ name: `linear dw ${name}`, op: 'linearBackward', inputs: { x, w, bias: b, dy } },
      body: (v) => {
        const [dw, db] = grad(ops.linear(v.x!, v.w!, v.bias!), [v.w!, v.bias!], { seed: v.dy! });
        return { y: dw!, db: db! };
      },
      reference: reference.product(
        { k: m, columns: k },
        (d, row, i) => d.dy![i * n + row]!,
        (d, i, column) => d.x![i * k + column]!,
      ),
    },
  ];
}

function square(size: number): GraphCase {
  return {
    ...{ name: `matmul ${size}x${size}x${size}`, op: 'matmul', inputs: { x: f32(size, size), w: f32(size, size) } },
    body: (v) => ({ y: ops.matmul(v.x!, v.w!) }),
    reference: reference.product(
      { k: size, columns: size },
      (d, row, i) => d.x![row * size + i]!,
      (d, i, column) => d.w![i * size + column]!,
    ),
  };
}

const IMAGES = [64, 32, 24, 24] as const;
const [N, C, SIDE] = IMAGES;
const PLANE = SIDE * SIDE;
const x = f32(...IMAGES);
const halves = f32(N, C, SIDE / 2, SIDE / 2);
const own: reference.Reference = (d, at) => d.x![at]!;

const POOLS: readonly GraphCase[] = [
  {
    ...{ name: 'maxPool2d 64x32x24x24 2', op: 'maxPool2d', inputs: { x } },
    body: (v) => ({ y: ops.maxPool2d(v.x!, { kernel: 2 }).y }),
    reference: (d, at) => Math.max(...reference.window2(d.x!, at, SIDE)),
  },
  {
    ...{ name: 'maxPool2d backward 64x32x24x24 2', op: 'maxPool2dBackward', inputs: { x, dy: halves } },
    body: (v) => ({ y: grad(ops.maxPool2d(v.x!, { kernel: 2 }).y, [v.x!], { seed: v.dy! })[0]! }),
    reference: reference.maxPoolBackward(SIDE),
  },
  {
    ...{ name: 'avgPool2d 64x32x24x24 2', op: 'avgPool2d', inputs: { x } },
    body: (v) => ({ y: ops.avgPool2d(v.x!, { kernel: 2 }) }),
    reference: (d, at) => reference.window2(d.x!, at, SIDE).reduce((sum, value) => sum + value, 0) / 4,
  },
  {
    ...{ name: 'globalAvgPool2d 64x32x24x24', op: 'globalAvgPool2d', inputs: { x }, tolerance: 1e-5 },
    body: (v) => ({ y: ops.globalAvgPool2d(v.x!) }),
    reference: (d, at) =>
      Array.from({ length: PLANE }, (_, i) => d.x![at * PLANE + i]!).reduce((sum, value) => sum + value, 0) / PLANE,
  },
];

const channels = { w: f32(C), b: f32(C) };
const normed = (v: { readonly [name: string]: Value }): Value =>
  ops.batchNorm2d(v.x!, { weight: v.w!, bias: v.b!, training: true }).y;

const NORMS: readonly GraphCase[] = [
  {
    ...{ name: 'batchNorm2d 64x32x24x24', op: 'batchNorm2d', inputs: { x, ...channels }, tolerance: 1e-4 },
    body: (v) => ({ y: normed(v) }),
    reference: reference.batchNorm({ n: N, c: C, plane: PLANE }),
  },
  {
    ...{ name: 'batchNorm2d backward 64x32x24x24', op: 'batchNorm2dBackward', tolerance: 1e-4 },
    inputs: { x, ...channels, dy: x },
    body: (v) => {
      const [dx, dw, db] = grad(normed(v), [v.x!, v.w!, v.b!], { seed: v.dy! });
      return { y: dx!, dw: dw!, db: db! };
    },
    reference: reference.batchNorm({ n: N, c: C, plane: PLANE }),
  },
  {
    ...{ name: 'layerNorm 1024x256', op: 'layerNorm', tolerance: 1e-4 },
    inputs: { x: f32(1024, 256), w: f32(256), b: f32(256) },
    body: (v) => ({ y: ops.layerNorm(v.x!, 256, { weight: v.w!, bias: v.b! }) }),
    reference: reference.layerNorm(256),
  },
];

const CLASSES: readonly GraphCase[] = [10, 1000].flatMap((classes): GraphCase[] => [
  {
    ...{ name: `softmax 256x${classes}`, op: 'softmax', inputs: { x: f32(256, classes) }, tolerance: 1e-5 },
    body: (v) => ({ y: ops.softmax(v.x!) }),
    reference: reference.softmax(classes),
  },
  {
    ...{ name: `crossEntropy 64x${classes}`, op: 'crossEntropy', tolerance: 1e-5, classes },
    inputs: { x: f32(64, classes), labels: i32(64) },
    body: (v) => {
      const { loss, correct } = ops.crossEntropy(v.x!, v.labels!);
      return { y: loss, correct, dx: grad(loss, [v.x!])[0]! };
    },
    reference: reference.crossEntropy(classes),
  },
]);

const MOVES: readonly GraphCase[] = [
  {
    ...{ name: 'pointwise relu 64x32x24x24', op: 'relu', inputs: { x } },
    body: (v) => ({ y: ops.relu(v.x!) }),
    reference: (d, at) => Math.max(0, d.x![at]!),
  },
  {
    ...{ name: 'pointwise sigmoid 64x32x24x24', op: 'sigmoid', inputs: { x }, tolerance: 1e-5 },
    body: (v) => ({ y: ops.sigmoid(v.x!) }),
    reference: (d, at) => 1 / (1 + Math.exp(-d.x![at]!)),
  },
  {
    ...{ name: 'binary add 64x32x24x24', op: 'add', inputs: { x, z: x } },
    body: (v) => ({ y: ops.add(v.x!, v.z!) }),
    reference: (d, at) => d.x![at]! + d.z![at]!,
  },
  {
    ...{ name: 'binary mul by channel 64x32x24x24', op: 'mul', inputs: { x, z: f32(C, 1, 1) } },
    body: (v) => ({ y: ops.mul(v.x!, v.z!) }),
    reference: (d, at) => d.x![at]! * d.z![Math.floor(at / PLANE) % C]!,
  },
  {
    ...{ name: 'sum rows 1024x256', op: 'sum', inputs: { x: f32(1024, 256) } },
    body: (v) => ({ y: ops.sum(v.x!, { axes: [0] }) }),
    reference: (d, at) =>
      Array.from({ length: 1024 }, (_, i) => d.x![i * 256 + at]!).reduce((sum, value) => sum + value, 0),
  },
  {
    ...{ name: 'relayout to nhwc 64x32x24x24', op: 'relayout', inputs: { x } },
    body: (v) => ({ y: ops.maxPool2d(v.x!, { kernel: 1 }).y }),
    reference: own,
  },
  {
    ...{ name: 'relayout to plain 64x32x24x24', op: 'relayout', last: true, inputs: { x } },
    body: (v) => ({ y: ops.flatten(ops.maxPool2d(v.x!, { kernel: 1 }).y) }),
    reference: own,
  },
];

/** All cases, in the order in which they run. */
export function kernelMenu(): KernelCase[] {
  const graphs = [
    ...Object.entries(LAYERS).flatMap(([name, layer]) => convolutions(name, layer)),
    ...Object.entries(LINEAR).flatMap(([name, shape]) => linear(name, shape)),
    square(256),
    square(512),
    ...POOLS,
    ...NORMS,
    ...CLASSES,
    ...MOVES,
  ];
  return [...graphs.map(graphCase), ...updateCases()];
}
