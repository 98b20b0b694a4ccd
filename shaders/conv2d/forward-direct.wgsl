// y = epilogue(x * weight + bias): convolution for any attributes on any device.
//
// Threads: one for each element of y as it lies in memory, padding channels too, which get zero.
// POOL: y is the maximum of each 2 x 2 block of results, a thread for each of its pixels and 4 channels (or the only one).
// PLAIN: y is then plain. CODES: it also says which result was taken, as conv2d/pool.wgsl does.
// Layouts: x, y nhwc; weight hwio; bias plain. Pixels outside wrap to large unsigned numbers and fail the one comparison.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
//#if CODES
@group(0) @binding(6) var<storage, read_write> codes: array<u32>;
//#endif
//#include "conv2d/store-one.wgsl"

fn result(n: u32, oy: u32, ox: u32, o: u32) -> f32 {
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
  return sum + bias_of(o);
}

//#if POOL
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let index = linear_group(wg, groups) * 64u + li;
  let lanes = min(4u, params.os);
  let columns = params.os / lanes;
  let pixel = index / columns;
  let h = params.oh / 2u;
  let w = params.ow / 2u;
  let px = pixel % w;
  let py = pixel / w % h;
  let n = pixel / w / h;
  if (n >= params.n) { return; }
  var code = 0u;
  for (var j = 0u; j < lanes; j++) {
    let o = index % columns * lanes + j;
//#if PLAIN
    if (o >= params.o) { break; }
    let to = ((n * params.o + o) * h + py) * w + px;
//#else
    let to = index * lanes + j;
    if (o >= params.o) { y[to] = 0.0; continue; }
//#endif
    var best = result(n, 2u * py, 2u * px, o);
    for (var k = 1u; k < 4u; k++) {
      let v = result(n, 2u * py + k / 2u, 2u * px + k % 2u, o);
      if (v > best) { code = (code & ~(255u << (8u * j))) | (k << (8u * j)); }
      best = max(best, v);
    }
    y[to] = finish(best, to, o);
  }
//#if CODES
  codes[index] = code;
//#endif
}
//#else
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
  y[index] = finish(result(n, oy, ox, o), index, o);
}
//#endif
