// y[r, :] = share * one-hot(x[r]) + (1 - share) * one-hot(x[partner of r]); a label that is no class gives zeros.
//
// Threads: one for each element of y, plain, params.each (classes) of them a sample.
//#include "lib/linear-id.wgsl"
//#include "mix-batch/share.wgsl"
@group(0) @binding(0) var<storage, read> x: array<i32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) groups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, groups) * 64u + li;
  if (i >= params.count) { return; }
  let r = i / params.each;
  let label = i32(i % params.each);
  let s = share();
  y[i] = select(0.0, s, x[r] == label) + select(0.0, 1.0 - s, x[partner(r)] == label);
}
