// before = parameters: the weights as they are before an update.
//
// Threads: one for each vec4.
//#include "lib/linear-id.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read> parameters: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> before: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, workgroups) * 64u + li;
  if (i < params.count) { before[i] = parameters[i]; }
}
