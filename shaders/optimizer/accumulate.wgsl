// sums = sum_old * sums + sum_new * gradients: adds the gradients of one batch to those of the batches before.
//
// Threads: one for each vec4.
//#include "lib/linear-id.wgsl"
//#include "lib/step.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> sums: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, workgroups) * 64u + li;
  if (i >= params.count) { return; }
  // What was there before must not count at all, not even an infinity.
  let before = select(vec4f(), sums[i], step.sum_old != 0.0);
  sums[i] = before + step.sum_new * gradients[i];
}
