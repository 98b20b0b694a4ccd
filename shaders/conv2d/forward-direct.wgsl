// y = epilogue(x * weight + bias): convolution for any attributes on any device.
//
// Threads: one for each element of y as it lies in memory, padding channels too, which get zero.
// Layouts: x, y nhwc; weight hwio; bias plain. Pixels outside wrap to large unsigned numbers and fail the one comparison.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
//#if BIAS
@group(0) @binding(4) var<storage, read> bias: array<f32>;
//#endif

//#if OPERAND
@group(0) @binding(5) var<storage, read> operand: array<f32>;
//#endif

//#epilogue

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let index = linear_group(wg, groups) * 64u + li;
  let o = index % params.os;
  let pixel = index / params.os;
  let ox = pixel % params.ow;
  let oy = pixel / params.ow % params.oh;
  let n = pixel / params.ow / params.oh;
  if (n >= params.n) { return; }
  if (o >= params.o) { y[index] = 0.0; return; }
  let first = o / (params.o / params.groups) * params.i;
  var sum = 0.0;
  for (var ky = 0u; ky < params.kh; ky++) {
    let iy = oy * params.sy + ky * params.dy - params.top;
    if (iy >= params.h) { continue; }
    for (var kx = 0u; kx < params.kw; kx++) {
      let ix = ox * params.sx + kx * params.dx - params.left;
      if (ix >= params.w) { continue; }
      let xs = ((n * params.h + iy) * params.w + ix) * params.cs + first;
      let ws = (ky * params.kw + kx) * params.is * params.os + o;
      for (var i = 0u; i < params.i; i++) { sum += x[xs + i] * weight[ws + i * params.os]; }
    }
  }
//#if BIAS
  sum += bias[o];
//#endif
//#if OPERAND
  let s = operand[index];
//#else
  let s = 0.0;
//#endif
  y[index] = epilogue(sum, s);
}
