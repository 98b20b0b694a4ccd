// dx of a maximum or minimum over axes. TIES: elements equal to it share dy evenly. Else all of dy goes to the element
// that `indices` names along the one reduced axis.
//
// Threads: one for each element of dx as it lies in memory, padding too, which is written as zero.
// dx's axes in memory order (size$D, outermost first, padded sizes; real$D: beyond it is padding); x$D are the strides of x,
// y$D those of the results, 0 along reduced axes; red$D: 1 for the axis that an index counts along.
//#include "lib/linear-id.wgsl"
struct Params {
  count: u32,
//#for D 0 RANK
  size$D: u32, real$D: u32, x$D: u32, y$D: u32, red$D: u32,
//#endfor
}
@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> dy: array<f32>;
@group(0) @binding(2) var<storage, read_write> dx: array<f32>;
//#if TIES
@group(0) @binding(3) var<storage, read> x: array<f32>;
@group(0) @binding(4) var<storage, read> y: array<f32>;
@group(0) @binding(5) var<storage, read> ties: array<f32>;
//#else
@group(0) @binding(6) var<storage, read> indices: array<i32>;
//#endif

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  var rest = i;
  var ix = 0u;
  var iy = 0u;
  var at = 0u;
  var inside = true;
//#for D 0 RANK
  let at${RANK-1-D} = rest % params.size${RANK-1-D};
  rest /= params.size${RANK-1-D};
  ix += at${RANK-1-D} * params.x${RANK-1-D};
  iy += at${RANK-1-D} * params.y${RANK-1-D};
  at += at${RANK-1-D} * params.red${RANK-1-D};
  inside = inside && at${RANK-1-D} < params.real${RANK-1-D};
//#endfor
  var r = 0.0;
  if (inside) {
//#if TIES
    if (x[ix] == y[iy]) { r = dy[iy] / ties[iy]; }
//#else
    if (i32(at) == indices[iy]) { r = dy[iy]; }
//#endif
  }
  dx[i] = r;
}
