// y = f(a, b) with broadcasting; or, with GRAD, y = g(a, b, dy) at the shape of the result.
//
// Threads: one for each element of y as it lies in memory, padding too, which is written as zero.
// Operands: lib/broadcast.wgsl; c is dy.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
//#include "lib/broadcast.wgsl"
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(0) @binding(3) var<uniform> params: Params;
//#if GRAD
@group(0) @binding(4) var<storage, read> dy: array<f32>;
//#endif

//#function

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let at = place_of(i);
  var r = 0.0;
//#if GRAD
  if (at.inside) { r = g(a[at.a], b[at.b], dy[at.c]); }
//#else
  if (at.inside) { r = f(a[at.a], b[at.b]); }
//#endif
  y[i] = r;
}
