// y = f(a, b) with broadcasting; or, with GRAD, y = g(a, b, dy) at the shape of the result.
//
// Threads: one for each element of y as it lies in memory, padding too, which is written as zero.
// y's axes in memory order (size$D, outermost first, padded sizes; real$D: beyond it is padding); a$D, b$D, d$D are the
// strides of a, b and dy along them, 0 where broadcast.
//#include "lib/linear-id.wgsl"
//#include "lib/math.wgsl"
struct Params {
  count: u32,
//#for D 0 RANK
  size$D: u32, real$D: u32, a$D: u32, b$D: u32, d$D: u32,
//#endfor
}
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
  var rest = i;
  var ia = 0u;
  var ib = 0u;
  var id = 0u;
  var inside = true;
//#for D 0 RANK
  let at${RANK-1-D} = rest % params.size${RANK-1-D};
  rest /= params.size${RANK-1-D};
  ia += at${RANK-1-D} * params.a${RANK-1-D};
  ib += at${RANK-1-D} * params.b${RANK-1-D};
  id += at${RANK-1-D} * params.d${RANK-1-D};
  inside = inside && at${RANK-1-D} < params.real${RANK-1-D};
//#endfor
  var r = 0.0;
//#if GRAD
  if (inside) { r = g(a[ia], b[ib], dy[id]); }
//#else
  if (inside) { r = f(a[ia], b[ib]); }
//#endif
  y[i] = r;
}
