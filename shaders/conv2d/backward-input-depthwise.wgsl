// dx = epilogue(sum over the filter of dy * weight + bias) where every input channel has outputs of its own (groups =
// input channels).
//
// Threads: one for T pixels of a row and a vec4 of input channels, channels first; 64 a workgroup. Its pixels are `sx`
// apart, so that they are reached through the same taps. WINDOWED, sx = 1: it goes down the filter row by row with the
// WINDOW columns of dy that reach its pixels; DX: horizontal dilation.
// Layouts: dy, dx nhwc; weight hwio, bias plain. MULTIPLE: an input channel has several outputs, whose channels are taken
// one by one. Pixels outside wrap to large unsigned numbers and fail the comparison.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
//#if MULTIPLE
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
//#else
@group(0) @binding(0) var<storage, read> dy: array<vec4f>;
@group(0) @binding(1) var<storage, read> weight: array<vec4f>;
//#endif
@group(0) @binding(2) var<storage, read_write> dx: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<vec4f>;
//#endif

//#epilogue

//#include "conv2d/store.wgsl"

// Output number j of each of the input channels 4 q to 4 q + 3.
//#if MULTIPLE
fn channels(q: u32, j: u32) -> vec4u {
  return min(4u * q + vec4u(0u, 1u, 2u, 3u), vec4u(params.c - 1u)) * (params.o / params.groups) + j;
}
fn dy_of(pixel: u32, q: u32, j: u32) -> vec4f {
  let at = pixel * params.os + channels(q, j);
  return vec4f(dy[at.x], dy[at.y], dy[at.z], dy[at.w]);
}
// Channels behind the last have no weight, so that they become zero.
fn weight_of(tap: u32, q: u32, j: u32) -> vec4f {
  let at = tap * params.os + channels(q, j);
  let w = vec4f(weight[at.x], weight[at.y], weight[at.z], weight[at.w]);
  return select(vec4f(), w, 4u * q + vec4u(0u, 1u, 2u, 3u) < vec4u(params.c));
}
//#else
fn dy_of(pixel: u32, q: u32, j: u32) -> vec4f { return dy[pixel * (params.os / 4u) + q]; }
fn weight_of(tap: u32, q: u32, j: u32) -> vec4f { return weight[tap * (params.os / 4u) + q]; }
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let c4 = params.cs / 4u;
  let index = linear_group(wg, groups) * 64u + li;
  let columns = (params.w + params.sx - 1u) / params.sx;
  let blocks = (columns + ${T-1}u) / ${T}u;
  let q = index % c4;
  let block = index / c4 % blocks * ${T}u;
  let phase = index / c4 / blocks % params.sx;
  let row = index / c4 / blocks / params.sx;
  let n = row / params.h;
  if (n >= params.n) { return; }
//#for P 0 T
  var acc$P = bias_of(q, params.c);
//#endfor
  for (var j = 0u; j < params.o / params.groups; j++) {
    for (var ky = 0u; ky < params.kh; ky++) {
      let y = row % params.h + params.top - ky * params.dy;
      if (i32(y) < 0 || y % params.sy != 0u || y / params.sy >= params.oh) { continue; }
      let at = (n * params.oh + y / params.sy) * params.ow;
//#if WINDOWED
      let left = block + params.left - ${(KW-1)*DX}u;
//#for X 0 WINDOW
      let d$X = select(vec4f(), dy_of(at + left + $Xu, q, j), left + $Xu < params.ow);
//#endfor
//#for KX 0 KW
      let w$KX = weight_of(ky * ${KW}u + $KXu, q, j);
//#for P 0 T
      acc$P += w$KX * d${P+(KW-1-KX)*DX};
//#endfor
//#endfor
//#else
      for (var kx = 0u; kx < params.kw; kx++) {
        // Larger by a multiple of the stride than what it stands for, which may be negative.
        let x = phase + params.left + (params.kw * params.sx - kx) * params.dx;
        if (x % params.sx != 0u) { continue; }
        let left = block + x / params.sx - params.kw * params.dx;
        let w = weight_of(ky * params.kw + kx, q, j);
//#for P 0 T
        acc$P += w * select(vec4f(), dy_of(at + left + $Pu, q, j), left + $Pu < params.ow);
//#endfor
      }
//#endif
    }
  }
  let by = by_channel(q, params.c);
//#for P 0 T
  {
    let ix = phase + (block + $Pu) * params.sx;
    if (ix < params.w) { let to = (row * params.w + ix) * c4 + q; dx[to] = finish(acc$P, to, by); }
  }
//#endfor
}
