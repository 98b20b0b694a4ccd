// dx of a maximum or minimum over axes. TIES: elements equal to it share dy evenly. Else all of dy goes to the element
// that `indices` names along the one reduced axis.
//
// Threads: one for each element of dx as it lies in memory, padding too, which is written as zero.
// Operands: lib/broadcast.wgsl; a is x, b are the results, and c counts along the axis of an index: its stride there is 1.
//#include "lib/linear-id.wgsl"
//#include "lib/broadcast.wgsl"
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
  let at = place_of(i);
  var r = 0.0;
  if (at.inside) {
//#if TIES
    if (x[at.a] == y[at.b]) { r = dy[at.b] / ties[at.b]; }
//#else
    if (i32(at.c) == indices[at.b]) { r = dy[at.b]; }
//#endif
  }
  dx[i] = r;
}
