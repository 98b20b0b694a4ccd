// dweight = sum over pixels of x * dy: gradient of a convolution's weight, for any attributes on any device.
//
// Threads: one for each element of the weight, and of the bias, as it lies in memory (padding gets zero) and each of
// `splits` parts of the rows (n, oy), `share` rows in each, whose sums add-splits.wgsl adds.
// Layouts: x, dy nhwc; dweight hwio.
//#include "lib/linear-id.wgsl"
//#include "conv2d/params.wgsl"
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dweight: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
alias Sum = f32;
//#include "conv2d/sums.wgsl"

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let thread = linear_group(wg, groups) * 64u + li;
//#if DBIAS!=none
  let size = weight_size() + params.os;
//#else
  let size = weight_size();
//#endif
  let part = thread / size;
  if (part >= params.splits) { return; }
  let index = thread % size;
  let o = index % params.os;
  let end = min((part + 1u) * params.share, params.n * params.oh);
//#if DBIAS!=none
  if (index >= weight_size()) {
    var sum = 0.0;
    for (var p = part * params.share * params.ow; p < end * params.ow; p++) { sum += dy[p * params.os + o]; }
    put_bias(part, o, sum);
    return;
  }
//#endif
  let i = index / params.os % params.is;
  let tap = index / params.os / params.is;
  let kx = tap % params.kw;
  let ky = tap / params.kw;
  if (o >= params.o || i >= params.i) { put_weight(part, index, 0.0); return; }
  let c = o / (params.o / params.groups) * params.i + i;
  var sum = 0.0;
  for (var row = part * params.share; row < end; row++) {
    let iy = row % params.oh * params.sy + ky * params.dy - params.top;
    if (iy >= params.h) { continue; }
    let xs = (row / params.oh * params.h + iy) * params.w;
    for (var ox = 0u; ox < params.ow; ox++) {
      let ix = ox * params.sx + kx * params.dx - params.left;
      if (ix < params.w) { sum += x[(xs + ix) * params.cs + c] * dy[(row * params.ow + ox) * params.os + o]; }
    }
  }
  put_weight(part, index, sum);
}
