// y[r, k] = 1 where labels[r] == k, else 0. A label that is no class gives a row of zeros.
//
// Threads: one for each element of y, plain.
//#include "lib/linear-id.wgsl"
struct Params { count: u32, classes: u32 }
@group(0) @binding(0) var<storage, read> labels: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  y[i] = select(0.0, 1.0, labels[i / params.classes] == i32(i % params.classes));
}
