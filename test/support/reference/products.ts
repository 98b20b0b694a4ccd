/**
 * Operators whose outputs are sums of products a * b: convolution, transposed convolution, matmul, gemm, linear.
 * May import test/support/tensor.ts and attrs.ts.
 *
 * Each is described by its taps: which element of a times which element of b is added to which element of y. Value and
 * both gradients follow from that one list: y += a * b, ga += gy * b, gb += gy * a.
 */
import { broadcastPositions, broadcastShape, need, reshaped, sizeOf, type Tensor, tensor } from '../tensor.ts';
import { type Attrs, flagAttr, numberAttr, paddingAttr, pairAttr, type ReferenceOp } from './attrs.ts';

/** Positions in a, in b and in y of one product. */
type Visit = (a: number, b: number, y: number) => void;

interface Product {
  readonly shape: readonly number[];
  taps(visit: Visit): void;
}

function multiply(product: Product, a: Tensor, b: Tensor): Tensor {
  const y = tensor(product.shape);
  product.taps((ia, ib, iy) => {
    y.data[iy] = y.data[iy]! + a.data[ia]! * b.data[ib]!;
  });
  return y;
}

function gradients(product: Product, a: Tensor, b: Tensor, upstream: Tensor): { a: Tensor; b: Tensor } {
  const ga = tensor(a.shape);
  const gb = tensor(b.shape);
  product.taps((ia, ib, iy) => {
    ga.data[ia] = ga.data[ia]! + upstream.data[iy]! * b.data[ib]!;
    gb.data[ib] = gb.data[ib]! + upstream.data[iy]! * a.data[ia]!;
  });
  return { a: ga, b: gb };
}

function dims4(t: Tensor): [number, number, number, number] {
  const [n, c, h, w] = t.shape;
  if (t.shape.length !== 4) throw new Error(`shape [${t.shape}] is not of rank 4`);
  return [n!, c!, h!, w!];
}

/**
 * The geometry of a convolution from an image of shape `large` to positions of shape `small`, with weights
 * [small channels, large channels / groups, kh, kw]: visits every triple (large, weight, small) that meets.
 */
function convolutionTaps(
  large: readonly number[],
  weight: Tensor,
  small: readonly number[],
  attrs: Attrs,
  visit: Visit,
): void {
  const [batch, channels, height, width] = large as [number, number, number, number];
  const [, outputs, rows, columns] = small as [number, number, number, number];
  const [, perGroup, kh, kw] = dims4(weight);
  const [sy, sx] = pairAttr(attrs, 'stride', [1, 1]);
  const [dy, dx] = pairAttr(attrs, 'dilation', [1, 1]);
  const { top, left } = paddingAttr(attrs);
  const outputsPerGroup = outputs / numberAttr(attrs, 'groups', 1);
  for (let n = 0; n < batch; n++)
    for (let o = 0; o < outputs; o++)
      for (let i = 0; i < perGroup; i++) {
        const c = Math.floor(o / outputsPerGroup) * perGroup + i;
        for (let ky = 0; ky < kh; ky++)
          for (let kx = 0; kx < kw; kx++)
            for (let oy = 0; oy < rows; oy++) {
              const y = oy * sy - top + ky * dy;
              if (y < 0 || y >= height) continue;
              for (let ox = 0; ox < columns; ox++) {
                const x = ox * sx - left + kx * dx;
                if (x < 0 || x >= width) continue;
                const from = ((n * channels + c) * height + y) * width + x;
                const to = ((n * outputs + o) * rows + oy) * columns + ox;
                visit(from, ((o * perGroup + i) * kh + ky) * kw + kx, to);
              }
            }
      }
}

function conv2dProduct(x: Tensor, weight: Tensor, attrs: Attrs): Product {
  const [n, , h, w] = dims4(x);
  const [out, , kh, kw] = dims4(weight);
  const [sy, sx] = pairAttr(attrs, 'stride', [1, 1]);
  const [dy, dx] = pairAttr(attrs, 'dilation', [1, 1]);
  const { top, left, bottom, right } = paddingAttr(attrs);
  const oh = Math.floor((h + top + bottom - dy * (kh - 1) - 1) / sy) + 1;
  const ow = Math.floor((w + left + right - dx * (kw - 1) - 1) / sx) + 1;
  const shape = [n, out, oh, ow];
  return { shape, taps: (visit) => convolutionTaps(x.shape, weight, shape, attrs, visit) };
}

/** The transposed convolution runs the same taps backwards: its input is the small side, its output the large one. */
function convTransposeProduct(x: Tensor, weight: Tensor, attrs: Attrs): Product {
  const [n, , h, w] = dims4(x);
  const [, outPerGroup, kh, kw] = dims4(weight);
  const [sy, sx] = pairAttr(attrs, 'stride', [1, 1]);
  const [dy, dx] = pairAttr(attrs, 'dilation', [1, 1]);
  const [extraY, extraX] = pairAttr(attrs, 'output_padding', [0, 0]);
  const { top, left, bottom, right } = paddingAttr(attrs);
  const oh = (h - 1) * sy - top - bottom + dy * (kh - 1) + extraY + 1;
  const ow = (w - 1) * sx - left - right + dx * (kw - 1) + extraX + 1;
  const shape = [n, outPerGroup * numberAttr(attrs, 'groups', 1), oh, ow];
  return {
    shape,
    taps: (visit) => convolutionTaps(shape, weight, x.shape, attrs, (large, k, small) => visit(small, k, large)),
  };
}

function addPerChannel(y: Tensor, bias: Tensor): void {
  const inner = sizeOf(y.shape.slice(2));
  y.data.forEach((value, i) => {
    y.data[i] = value + bias.data[Math.floor(i / inner) % bias.data.length]!;
  });
}

function sumPerChannel(upstream: Tensor, bias: Tensor): Tensor {
  const sums = tensor(bias.shape);
  const inner = sizeOf(upstream.shape.slice(2));
  upstream.data.forEach((value, i) => {
    const channel = Math.floor(i / inner) % bias.data.length;
    sums.data[channel] = sums.data[channel]! + value;
  });
  return sums;
}

/** x, weight and optional bias (per channel, axis 1) to y. */
function weighted(productOf: (x: Tensor, weight: Tensor, attrs: Attrs) => Product): Required<ReferenceOp> {
  return {
    forward(tensors, attrs) {
      const x = need(tensors, 'x');
      const weight = need(tensors, 'weight');
      const y = multiply(productOf(x, weight, attrs), x, weight);
      if (tensors.bias) addPerChannel(y, tensors.bias);
      return { y };
    },
    backward(tensors, attrs, upstream) {
      const x = need(tensors, 'x');
      const weight = need(tensors, 'weight');
      const g = need(upstream, 'y');
      const { a, b } = gradients(productOf(x, weight, attrs), x, weight, g);
      return { x: a, weight: b, ...(tensors.bias && { bias: sumPerChannel(g, tensors.bias) }) };
    },
  };
}

/** Matrix product of the last two axes; the axes before them broadcast. */
function matmulProduct(a: Tensor, b: Tensor, attrs: Attrs): Product {
  const ta = flagAttr(attrs, 'transpose_a', false);
  const tb = flagAttr(attrs, 'transpose_b', false);
  const [rowsA, columnsA] = a.shape.slice(-2) as [number, number];
  const [rowsB, columnsB] = b.shape.slice(-2) as [number, number];
  const [m, k] = ta ? [columnsA, rowsA] : [rowsA, columnsA];
  const [kb, n] = tb ? [columnsB, rowsB] : [rowsB, columnsB];
  if (k !== kb || a.shape.length < 2 || b.shape.length < 2) throw new Error(`matmul of [${a.shape}] and [${b.shape}]`);
  const batch = broadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const batchA = broadcastPositions(a.shape.slice(0, -2), batch);
  const batchB = broadcastPositions(b.shape.slice(0, -2), batch);
  const taps = (visit: Visit): void => {
    for (let p = 0; p < sizeOf(batch); p++)
      for (let i = 0; i < m; i++)
        for (let j = 0; j < n; j++)
          for (let l = 0; l < k; l++) {
            const ia = batchA[p]! * m * k + (ta ? l * m + i : i * k + l);
            const ib = batchB[p]! * k * n + (tb ? j * k + l : l * n + j);
            visit(ia, ib, (p * m + i) * n + j);
          }
  };
  return { shape: [...batch, m, n], taps };
}

export const conv2d = weighted(conv2dProduct);
export const convTranspose2d = weighted(convTransposeProduct);

export const matmul: Required<ReferenceOp> = {
  forward(tensors, attrs) {
    const a = need(tensors, 'a');
    const b = need(tensors, 'b');
    return { y: multiply(matmulProduct(a, b, attrs), a, b) };
  },
  backward(tensors, attrs, upstream) {
    const a = need(tensors, 'a');
    const b = need(tensors, 'b');
    return gradients(matmulProduct(a, b, attrs), a, b, need(upstream, 'y'));
  },
};

/** y = x W^T + bias over the last axis of x; weight [out, in]. */
const flatLinear = weighted((x, weight) => matmulProduct(x, weight, { transpose_b: true }));

function flatRows(x: Tensor): Tensor {
  const last = x.shape.at(-1)!;
  return reshaped(x, [x.data.length / last, last]);
}

export const linear: Required<ReferenceOp> = {
  forward(tensors, attrs) {
    const x = need(tensors, 'x');
    const { y } = flatLinear.forward({ ...tensors, x: flatRows(x) }, attrs);
    return { y: reshaped(y!, [...x.shape.slice(0, -1), y!.shape[1]!]) };
  },
  backward(tensors, attrs, upstream) {
    const x = need(tensors, 'x');
    const g = flatRows(need(upstream, 'y'));
    const flat = flatLinear.backward({ ...tensors, x: flatRows(x) }, attrs, { y: g });
    return { ...flat, x: reshaped(flat.x!, x.shape) };
  },
};

/** y = alpha * op(a) op(b) + beta * c, where c broadcasts to the result. */
export const gemm: Required<ReferenceOp> = {
  forward(tensors, attrs) {
    const y = matmul.forward(tensors, attrs).y!;
    const alpha = numberAttr(attrs, 'alpha', 1);
    const beta = numberAttr(attrs, 'beta', 1);
    const at = tensors.c && broadcastPositions(tensors.c.shape, y.shape);
    return {
      y: tensor(
        y.shape,
        y.data.map((v, i) => alpha * v + (at ? beta * tensors.c!.data[at[i]!]! : 0)),
      ),
    };
  },
  backward(tensors, attrs, upstream) {
    const g = need(upstream, 'y');
    const alpha = numberAttr(attrs, 'alpha', 1);
    const beta = numberAttr(attrs, 'beta', 1);
    const result: Record<string, Tensor> = matmul.backward(tensors, attrs, {
      y: tensor(
        g.shape,
        g.data.map((v) => alpha * v),
      ),
    });
    if (tensors.c) {
      const at = broadcastPositions(tensors.c.shape, g.shape);
      const gc = tensor(tensors.c.shape);
      g.data.forEach((v, i) => {
        gc.data[at[i]!] = gc.data[at[i]!]! + beta * v;
      });
      result.c = gc;
    }
    return result;
  },
};

export const products: Record<string, ReferenceOp> = {
  conv2d,
  conv_transpose2d: convTranspose2d,
  linear,
  matmul,
  gemm,
};
