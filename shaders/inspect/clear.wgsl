// results = 0.
//
// Threads: one for each word.
//#include "lib/linear-id.wgsl"
struct Params { count: u32 }
@group(0) @binding(0) var<storage, read_write> results: array<u32>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3u, @builtin(num_workgroups) workgroups: vec3u, @builtin(local_invocation_index) li: u32) {
  let i = linear_group(wg, workgroups) * 64u + li;
  if (i < params.count) { results[i] = 0u; }
}
