// dx = epilogue(sum over the filter of dy * weight + bias): gradient of a convolution's input (without bias), which is a
// transposed convolution, for any attributes on any device.
//
// Threads: one for each element of dx as it lies in memory, padding channels too, which get zero.
// Layouts: dy, dx nhwc; weight hwio, bias plain. Output pixel oy saw input row iy through ky where oy * sy + ky * dy = iy + top.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> dy: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
//#include "conv2d/store-one.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let index = linear_group(wg, groups) * 64u + li;
  let c = index % params.cs;
  let pixel = index / params.cs;
  let ix = pixel % params.w;
  let iy = pixel / params.w % params.h;
  let n = pixel / params.w / params.h;
  if (n >= params.n) { return; }
  if (c >= params.c) { dx[index] = 0.0; return; }
  let outs = params.o / params.groups;
  let first = c / params.i * outs;
  var sum = 0.0;
  for (var ky = 0u; ky < params.kh; ky++) {
    let y = iy + params.top - ky * params.dy;
    if (i32(y) < 0 || y % params.sy != 0u || y / params.sy >= params.oh) { continue; }
    for (var kx = 0u; kx < params.kw; kx++) {
      let x = ix + params.left - kx * params.dx;
      if (i32(x) < 0 || x % params.sx != 0u || x / params.sx >= params.ow) { continue; }
      let ds = ((n * params.oh + y / params.sy) * params.ow + x / params.sx) * params.os + first;
      let ws = ((ky * params.kw + kx) * params.is + c % params.i) * params.os + first;
      for (var o = 0u; o < outs; o++) { sum += dy[ds + o] * weight[ws + o]; }
    }
  }
  dx[index] = finish(sum + bias_of(c), index, c);
}
